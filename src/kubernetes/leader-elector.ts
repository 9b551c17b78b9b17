import type { Logger } from 'pino';
import { hasStatus } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { pause } from './deadline.ts';
import { LEASES, type Lease, type LeaseSpec, microTime, ObservedLease } from './lease.ts';
import type { LeaseFence } from './lease-fence.ts';

/** Milliseconds, as client-go names them. */
export interface LeaseTiming {
  /** Others wait this long after they saw the lease renewed for the last time. */
  readonly leaseDurationMs: number;
  /** After the last renewal that succeeded, counted from before its request left, nothing more is written. */
  readonly renewDeadlineMs: number;
  /** From one try to renew, or to acquire, to the next. */
  readonly retryPeriodMs: number;
}

/** client-go's own. What was sent by the renew deadline has the 5 s up to the lease's end to arrive. */
export const DEFAULT_LEASE_TIMING: LeaseTiming = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

/** One request hangs no longer than this, so that the renew deadline leaves room for another, on a new connection. */
const REQUEST_TIMEOUT_MS = 4_000;
/** The last request of a process that stops. */
const RELEASE_TIMEOUT_MS = 2_000;

export interface LeaderElectorOptions {
  /** Not fenced, and with connections of its own: a renewal must not wait behind other writes. */
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'patch'>;
  readonly fence: LeaseFence;
  readonly namespace: string;
  readonly name: string;
  /** Of this process alone: `host_uuid`. */
  readonly identity: string;
  readonly logger: Logger;
  /** Leadership began; the signal aborts when it ends, and from then on the fence lets nothing through. */
  readonly onLeading: (term: AbortSignal) => void;
  /** Leadership ended; it is not sought again before this is done. */
  readonly onLost: () => Promise<void>;
  readonly timing?: LeaseTiming;
  /** Monotonic, milliseconds. */
  readonly now?: () => number;
  readonly random?: () => number;
}

/**
 * Leader election on a coordination.k8s.io/v1 Lease, with client-go's rules and timing (faults.md 17-20).
 *
 * Another's lease has ended only when its record has not changed for the lease duration since we last saw it change;
 * no two clocks are compared. Every write of the lease holds for the resourceVersion that was read: of two who try, one
 * wins. A standby waits at most a retry period between two looks, and looks at the very moment in which the holder's
 * time is over: takeover is at most lease duration plus retry period after the last renewal.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #timing: LeaseTiming;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #observed = new ObservedLease();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Our name was written, or may have been: an answer can be lost. */
  #mayHold = false;
  #told = '';

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#timing = options.timing ?? DEFAULT_LEASE_TIMING;
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
  }

  /** Who holds the lease, as last seen; empty when nobody does, or it was never read. */
  get holder(): string {
    return this.#observed.holder;
  }

  /** Seeks leadership, and seeks it again after each loss, until `stop`. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends the election. Where this process leads, its writes end, and the lease is free for another at once. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the election stops'));
    await this.#running;
    this.#options.fence.end();
    if (this.#mayHold) await this.#release();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#lead();
      } catch (error) {
        // What is told of leadership must not throw. The writes end at any rate, and leadership is sought again.
        this.#options.logger.error({ ...this.#fields(), err: error }, 'this replica could not begin or end to lead');
        this.#options.fence.end();
        await pause(this.#timing.retryPeriodMs, this.#stop.signal);
      }
    }
  }

  /** One term: until it is lost, or the election stops. */
  async #lead(): Promise<void> {
    const { fence, logger, onLeading, onLost } = this.#options;
    const validUntil = await this.#acquire();
    if (validUntil === undefined) return;
    const term = fence.begin(validUntil);
    logger.info(this.#fields(), 'this replica leads');
    onLeading(term);
    await this.#keep(term);
    if (!term.aborted) return;
    logger.warn({ ...this.#fields(), holder: this.holder }, 'this replica leads no more; it stands by');
    await onLost();
  }

  /** @returns until when writes are allowed, monotonic milliseconds; undefined when the election stops */
  async #acquire(): Promise<number | undefined> {
    while (!this.#stop.signal.aborted) {
      try {
        const validUntil = await this.#tryToAcquire();
        if (validUntil !== undefined) return validUntil;
      } catch (error) {
        if (!this.#stop.signal.aborted && !hasStatus(error, 409)) this.#warn(error, 'the lease cannot be acquired');
      }
      await pause(this.#untilNextLook(), this.#stop.signal);
    }
    return undefined;
  }

  async #tryToAcquire(): Promise<number | undefined> {
    const seen = await this.#read();
    const now = this.#now();
    this.#observed.observe(seen, now);
    const { identity } = this.#options;
    const { holder } = this.#observed;
    this.#mayHold = holder === identity;
    if (!this.#mayHold && now < this.#observed.endsAt(this.#timing.leaseDurationMs)) {
      this.#tellOnce({ holder }, 'this replica stands by');
      return undefined;
    }
    const time = microTime(new Date());
    const before = seen?.spec;
    return this.#write(seen, {
      ...this.#ours(time),
      acquireTime: holder === identity ? (before?.acquireTime ?? time) : time,
      leaseTransitions: seen === undefined ? 0 : (before?.leaseTransitions ?? 0) + (holder === identity ? 0 : 1),
    });
  }

  /** Renews until the term ends, or the election stops. */
  async #keep(term: AbortSignal): Promise<void> {
    const { fence } = this.#options;
    const over = AbortSignal.any([term, this.#stop.signal]);
    let waitMs = this.#timing.retryPeriodMs;
    while (!over.aborted) {
      await pause(waitMs, over);
      if (over.aborted) return;
      waitMs = this.#timing.retryPeriodMs;
      try {
        const validUntil = await this.#write(this.#observed.lease, this.#ours(microTime(new Date())), over);
        if (!fence.extend(validUntil)) return;
        this.#told = '';
      } catch (error) {
        if (over.aborted) return;
        if (hasStatus(error, 409) || hasStatus(error, 404)) {
          // Somebody else wrote it, took it or deleted it; or an answer of ours was lost.
          const isOurs = await this.#isStillOurs(over);
          if (isOurs === false) {
            fence.end();
            return;
          }
          waitMs = isOurs === true ? 0 : waitMs;
        } else {
          this.#warn(error, 'the lease could not be renewed');
        }
      }
    }
  }

  /** @returns undefined when it cannot be told now */
  async #isStillOurs(signal: AbortSignal): Promise<boolean | undefined> {
    try {
      this.#observed.observe(await this.#read(signal), this.#now());
      this.#mayHold = this.#observed.holder === this.#options.identity;
      return this.#mayHold;
    } catch (error) {
      if (!signal.aborted) this.#warn(error, 'the lease cannot be read');
      return undefined;
    }
  }

  async #release(): Promise<void> {
    const time = microTime(new Date());
    const spec: LeaseSpec = { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time };
    try {
      const signal = AbortSignal.timeout(RELEASE_TIMEOUT_MS);
      // A renewal may have been under way: its answer was not waited for.
      const lease = await this.#read(signal);
      if (lease?.spec?.holderIdentity !== this.#options.identity) return;
      await this.#patch(lease, spec, { timeoutMs: RELEASE_TIMEOUT_MS, signal });
      this.#options.logger.info(this.#fields(), 'the lease is released');
    } catch (error) {
      this.#warn(error, 'the lease could not be released; another replica takes over when it has run out');
    }
  }

  #ours(time: string): LeaseSpec {
    const leaseDurationSeconds = Math.ceil(this.#timing.leaseDurationMs / 1_000);
    return { holderIdentity: this.#options.identity, leaseDurationSeconds, renewTime: time };
  }

  /** Writes the lease. @returns until when that allows us to write: counted from before the request left */
  async #write(seen: Lease | undefined, spec: LeaseSpec, signal?: AbortSignal): Promise<number> {
    this.#mayHold = true;
    const sentAt = this.#now();
    const options = { timeoutMs: REQUEST_TIMEOUT_MS, signal: signal ?? this.#stop.signal };
    const written = seen === undefined ? await this.#create(spec, options) : await this.#patch(seen, spec, options);
    this.#observed.observe(written, this.#now());
    return sentAt + this.#timing.renewDeadlineMs;
  }

  #create(spec: LeaseSpec, options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<Lease> {
    const { client, name, namespace } = this.#options;
    const apiVersion = `${LEASES.group}/${LEASES.version}`;
    const lease = { apiVersion, kind: LEASES.kind, metadata: { name, namespace }, spec };
    return client.create<Lease>(LEASES, lease, options);
  }

  #patch(
    seen: Lease | undefined,
    spec: LeaseSpec,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Lease> {
    const { uid, resourceVersion } = seen?.metadata ?? {};
    return this.#options.client.patch<Lease>(
      LEASES,
      this.#key,
      { contentType: 'application/merge-patch+json', body: { metadata: { uid, resourceVersion }, spec } },
      options,
    );
  }

  async #read(signal: AbortSignal = this.#stop.signal): Promise<Lease | undefined> {
    try {
      return await this.#options.client.get<Lease>(LEASES, this.#key, { signal, timeoutMs: REQUEST_TIMEOUT_MS });
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** A retry period, a little less so that standbys do not keep step; sooner when the holder's time is over sooner. */
  #untilNextLook(): number {
    const periodMs = this.#timing.retryPeriodMs * (0.8 + 0.2 * this.#random());
    const leftMs = this.#observed.endsAt(this.#timing.leaseDurationMs) - this.#now();
    return leftMs > 0 ? Math.min(periodMs, leftMs) : periodMs;
  }

  get #key(): string {
    return `${this.#options.namespace}/${this.#options.name}`;
  }

  #fields(): Readonly<Record<string, string>> {
    return { lease: this.#key, identity: this.#options.identity };
  }

  #warn(error: unknown, what: string): void {
    const advice = hasStatus(error, 403)
      ? `; allow get, create and patch of leases in the namespace ${this.#options.namespace} (config/rbac)`
      : '';
    const message = error instanceof Error ? error.message : String(error);
    if (this.#told === message) return;
    this.#told = message;
    this.#options.logger.warn({ ...this.#fields(), reason: message }, `${what}${advice}`);
  }

  #tellOnce(fields: { readonly holder: string }, text: string): void {
    const told = `${text} ${fields.holder}`;
    if (this.#told === told) return;
    this.#told = told;
    this.#options.logger.info({ ...this.#fields(), ...fields }, text);
  }
}
