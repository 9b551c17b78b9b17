import type { ResourceType } from '../api/group.ts';
import type { KubernetesObject } from '../api/object.ts';

export const LEASES: ResourceType = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

/** The spec of a Lease. Its times are for people: clocks of two machines do not compare (faults.md 19). */
export interface LeaseSpec {
  /** Empty: nobody holds it. */
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  /** MicroTime. */
  readonly acquireTime?: string;
  /** MicroTime. */
  readonly renewTime?: string;
  /** How often it went from one holder to another. */
  readonly leaseTransitions?: number;
}

export interface Lease extends KubernetesObject {
  readonly spec?: LeaseSpec;
}

/** A metav1.MicroTime: RFC 3339 in UTC with six digits. */
export function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

/**
 * What an elector knows of another's lease: what it saw last, and when it saw it become that, by its own monotonic
 * clock. From then on the holder may have the lease for its whole duration; when the holder wrote it, nobody else knows.
 */
export class ObservedLease {
  #lease: Lease | undefined;
  #record = '';
  #changedAt = Number.NEGATIVE_INFINITY;

  get lease(): Lease | undefined {
    return this.#lease;
  }

  get holder(): string {
    return this.#lease?.spec?.holderIdentity ?? '';
  }

  /** @param now monotonic, milliseconds, after the answer came */
  observe(lease: Lease | undefined, now: number): void {
    // An annotation changes the resourceVersion, and says nothing of the holder.
    const record = JSON.stringify(lease?.spec ?? null);
    if (record !== this.#record) this.#changedAt = now;
    this.#record = record;
    this.#lease = lease;
  }

  /**
   * When the holder's time is over, monotonic milliseconds; -Infinity when nobody holds it.
   * @param leaseDurationMs our own; a record that names a longer one is given that
   */
  endsAt(leaseDurationMs: number): number {
    if (this.holder === '') return Number.NEGATIVE_INFINITY;
    return this.#changedAt + Math.max(leaseDurationMs, (this.#lease?.spec?.leaseDurationSeconds ?? 0) * 1_000);
  }
}
