import type { Logger } from 'pino';
import type { EventRecorder, KubernetesClient, StatusWriter } from '../kubernetes/index.ts';
import type { Clock } from '../verification/index.ts';

/** What every controller works with. */
export interface ControllerContext {
  readonly client: KubernetesClient;
  readonly status: StatusWriter;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What a reconcile asks of the queue. */
export interface ReconcileResult {
  /** Milliseconds; absent: only when something changes. */
  readonly requeueAfterMs?: number;
}
