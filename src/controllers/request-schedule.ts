import { CONDITIONS } from '../api/conditions.ts';
import { ANNOTATIONS } from '../api/group.ts';
import type { ImageSignatureRequest, ImageStatus } from '../api/image-signature-request.ts';
import { retryAfterMs } from './fault-retry.ts';
import { sumUp } from './image-status.ts';
import type { RequestPlan } from './request-plan.ts';
import type { ImageResult } from './request-result.ts';

/** A problem that only a change mends is looked at again this often all the same: Secrets and grants are not watched. */
export const STALLED_RETRY_MS = 60_000;

/** Whether the spec changed or a person asked: then everything is looked at now. */
export function isForced(request: ImageSignatureRequest): boolean {
  const asked = request.metadata.annotations ?? {};
  const { status } = request;
  return (
    status?.observedGeneration !== request.metadata.generation ||
    asked[ANNOTATIONS.reconcileRequestedAt] !== status?.lastHandledReconcileAt ||
    asked[ANNOTATIONS.signAnewRequestedAt] !== status?.lastHandledSignAnewAt
  );
}

/** Which of a person's wishes a status may call done: signing anew only once every image is signed. */
export function handled(
  request: ImageSignatureRequest,
  allSigned: boolean,
): { readonly lastHandledReconcileAt?: string; readonly lastHandledSignAnewAt?: string } {
  const asked = request.metadata.annotations ?? {};
  const reconcile = asked[ANNOTATIONS.reconcileRequestedAt];
  const anew = allSigned ? asked[ANNOTATIONS.signAnewRequestedAt] : request.status?.lastHandledSignAnewAt;
  return {
    ...(reconcile === undefined ? {} : { lastHandledReconcileAt: reconcile }),
    ...(anew === undefined ? {} : { lastHandledSignAnewAt: anew }),
  };
}

/**
 * When to reconcile again, milliseconds from now: at the interval, or as soon as an image is due or a fault is to be
 * tried again.
 */
export function requeueAfterMs(
  request: ImageSignatureRequest,
  plan: RequestPlan,
  results: readonly ImageResult[],
  clockTime: Date,
): number {
  const now = clockTime.getTime();
  const reconciling = request.status?.conditions?.find(({ type }) => type === CONDITIONS.reconciling);
  const faultRetryMs = retryAfterMs(reconciling?.lastTransitionTime, now);
  const moments = results.flatMap((result) => [
    ...(result.dueAt === undefined ? [] : [result.dueAt.getTime()]),
    ...(result.status.nextVerificationTime === undefined ? [] : [Date.parse(result.status.nextVerificationTime)]),
    ...(result.problem === undefined ? [] : [now + (result.problem.terminal ? STALLED_RETRY_MS : faultRetryMs)]),
    ...unknownRetry(sumUp(result.status), now),
  ]);
  const signAnewAt = plan.sign?.signAnewAt?.getTime();
  if (signAnewAt !== undefined && signAnewAt > now) moments.push(signAnewAt);
  return Math.max(0, Math.min(now + plan.intervalMs, ...moments) - now);
}

function unknownRetry({ verdict, cause }: ImageStatus, now: number): readonly number[] {
  return verdict === 'Unknown' ? [now + retryAfterMs(cause?.since, now)] : [];
}

/** Whether a time of a status is over, or missing. */
export function isPast(time: string | undefined, now: Date): boolean {
  return time === undefined || Date.parse(time) <= now.getTime();
}

/** The earliest of the moments that there are. */
export function earliest(...dates: readonly (Date | undefined)[]): Date | undefined {
  const known = dates.flatMap((date) => (date === undefined ? [] : [date.getTime()]));
  return known.length === 0 ? undefined : new Date(Math.min(...known));
}
