import type { Cause, VerdictType } from '../api/verdict.ts';

/** What an alert is about: the top of a pod's owners, or the pod where nothing owns it. */
export interface AlertedWorkload {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}

/** A workload runs an image that may not be trusted: it began to, it got worse, or it ended. */
export interface VerdictAlert {
  readonly state: 'began' | 'worsened' | 'ended';
  /** Of the pods. */
  readonly namespace: string;
  readonly workload: AlertedWorkload;
  /** As the pod's spec names it. */
  readonly image: string;
  /** Absent where the runtime reports none. */
  readonly digest?: string;
  /** Absent when it ended because the workload no longer runs the image. */
  readonly verdict?: VerdictType;
  /** The verdict before this one, where one is known. */
  readonly before?: VerdictType;
  /** `TrustPolicy/statement`. */
  readonly statement?: string;
  readonly cause?: Cause;
}
