import pino from 'pino';
import { POD_CONDITION, PODS } from '../../src/api/group.ts';
import type { KubernetesObject, ObjectKey } from '../../src/api/object.ts';
import { type KubernetesClient, Reflector } from '../../src/kubernetes/index.ts';
import { waitFor } from '../../test/support/processes.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

/** When a pod was first seen flagged, as anybody who watches pods sees it. */
export class Flags {
  /** By pod and reason, `performance.now()`. */
  readonly #seen = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  readonly #reflector: Reflector<KubernetesObject>;

  constructor(kubernetes: KubernetesClient) {
    this.#reflector = new Reflector<KubernetesObject>({
      client: kubernetes,
      type: PODS,
      project: (raw) => raw,
      onChange: (key, _old, now) => this.#look(key, now),
      logger: pino({ level: 'silent' }),
    });
    this.#watching = this.#reflector.start(this.#stop.signal);
  }

  get synced(): Promise<void> {
    return this.#reflector.synced;
  }

  /** Waits until a pod is flagged for a reason. @returns when it was seen, by performance.now() */
  flagged(pod: ObjectKey, reason: string, timeoutMs = 60_000): Promise<number> {
    return waitFor(`${pod} to be ${reason}`, () => this.#seen.get(`${pod} ${reason}`), timeoutMs, 5);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the bench is over'));
    await this.#watching;
  }

  #look(pod: ObjectKey, now: KubernetesObject | undefined): void {
    const { conditions } = (now as { status?: { conditions?: readonly Condition[] } } | undefined)?.status ?? {};
    const condition = conditions?.find(({ type }) => type === POD_CONDITION);
    const id = `${pod} ${condition?.reason}`;
    if (condition?.status === 'False' && !this.#seen.has(id)) this.#seen.set(id, performance.now());
  }
}
