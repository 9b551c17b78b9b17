import type { X509Certificate } from 'node:crypto';
import { AwsError, type SignerService } from '../aws/index.ts';
import type { Clock } from './clock.ts';
import { MAX_VERIFY_MS } from './image-verifier.ts';

type StatusRequest = Parameters<SignerService['getRevocationStatus']>[0];
type StatusAnswer = Awaited<ReturnType<SignerService['getRevocationStatus']>>;
type StatusSource = Pick<SignerService, 'getRevocationStatus'>;

/** Names one signature to AWS Signer: the ARN of its signing job. */
type JobArn = string;

interface Entry {
  readonly request: StatusRequest;
  answer?: StatusAnswer;
  checkedAt?: number;
  /** When the answer became another than before. */
  changedAt?: number;
  dueAt: number;
  readonly users: Set<string>;
  /** Its users were told that nothing certain is known, and must be told when that ends. */
  toldUndetermined: boolean;
  touchedAt: number;
  inFlight?: Promise<StatusAnswer>;
}

/** An entry that nothing claimed for this long was of a verification that came to nothing. */
const UNCLAIMED_MS = 10 * 60_000;

export interface RevocationSweepOptions {
  readonly source: StatusSource;
  readonly clock: Clock;
  /** One call per unique signature in this time, milliseconds. */
  readonly intervalMs: number;
  /** At most this many calls under way at once. */
  readonly concurrency: number;
  /** A signature's answer changed, or became too old to stand for the truth: its users must be judged again. */
  readonly onChange: (users: ReadonlySet<string>) => void;
  readonly onChecked?: (result: 'good' | 'revoked' | 'unknown' | 'throttled') => void;
  /** Told whether a fresh answer was kept, of each that a verification asked for. */
  readonly onLookup?: (isHit: boolean) => void;
}

/**
 * Asks AWS Signer for the revocation status of every signature in use, once per interval and spread evenly, and keeps
 * the answers, so that verification asks at most once per signature and interval (design.md, "Running workloads").
 *
 * What it answers when Signer does not (faults.md 43, 46):
 * - throttled: the last answer, however old, and the sweep stretches; its lag is a metric.
 * - revoked before: revoked. Signer's revocations are for ever, an outage does not take them back.
 * - else: the last answer up to two intervals old, then an error, which verification tells as Unknown.
 */
export class RevocationSweep implements StatusSource {
  readonly #options: RevocationSweepOptions;
  readonly #entries = new Map<JobArn, Entry>();
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running = 0;
  #stretch = 1;
  #idle: Promise<void> = Promise.resolve();

  constructor(options: RevocationSweepOptions) {
    this.#options = options;
  }

  /** The status of one signature: the kept answer while it is fresh, else Signer's. Rejects with AwsError. */
  async getRevocationStatus(request: StatusRequest, signal: AbortSignal): Promise<StatusAnswer> {
    signal.throwIfAborted();
    const entry = this.#entryOf(request);
    entry.touchedAt = this.#options.clock().getTime();
    const isFresh = entry.answer !== undefined && this.#ageOf(entry) < this.#options.intervalMs * this.#stretch;
    this.#options.onLookup?.(isFresh);
    if (isFresh && entry.answer !== undefined) return entry.answer;
    try {
      return await this.#ask(entry);
    } catch (error) {
      const kept = this.#keptAnswer(entry, error);
      if (kept !== undefined) return kept;
      throw error;
    }
  }

  /**
   * Says which signatures an image's verdict depends on; signatures that nothing depends on are not asked for. A user
   * of an answer that changed a moment ago may still have been given the old one, and is told.
   */
  setUses(user: string, jobArns: readonly JobArn[]): void {
    const wanted = new Set(jobArns);
    const now = this.#options.clock().getTime();
    const unclaimedBefore = now - UNCLAIMED_MS;
    let isLate = false;
    for (const [arn, entry] of this.#entries) {
      if (wanted.has(arn)) {
        isLate ||= !entry.users.has(user) && entry.changedAt !== undefined && now - entry.changedAt <= MAX_VERIFY_MS;
        entry.users.add(user);
      } else if (entry.users.delete(user) ? entry.users.size === 0 : isUnclaimed(entry, unclaimedBefore)) {
        this.#entries.delete(arn);
      }
    }
    this.#arm();
    if (isLate) this.#options.onChange(new Set([user]));
  }

  /** Milliseconds by which the most overdue signature's check is late; 0 when none is. */
  lagMs(): number {
    const now = this.#options.clock().getTime();
    let lag = 0;
    for (const entry of this.#entries.values()) {
      if (entry.users.size > 0) lag = Math.max(lag, now - (entry.checkedAt ?? now) - this.#options.intervalMs);
    }
    return lag;
  }

  /** How many unique signatures are swept. */
  get size(): number {
    return this.#entries.size;
  }

  /** Stops the sweep and awaits the calls under way. */
  async stop(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#idle;
  }

  #entryOf(request: StatusRequest): Entry {
    const old = this.#entries.get(request.jobArn);
    if (old !== undefined && sameRequest(old.request, request)) return old;
    const now = this.#options.clock().getTime();
    const entry: Entry = {
      request,
      dueAt: now + this.#options.intervalMs,
      users: old?.users ?? new Set(),
      toldUndetermined: false,
      touchedAt: now,
    };
    this.#entries.set(request.jobArn, entry);
    return entry;
  }

  /**
   * When to ask next: within the interval, never later. The first time somewhere in its second half, so that
   * signatures first seen together are not asked for together ever after.
   */
  #nextDue(now: number, isFirst: boolean): number {
    const atLeast = isFirst ? 0.5 : 0.9;
    return now + this.#options.intervalMs * this.#stretch * (atLeast + Math.random() * (1 - atLeast));
  }

  #ageOf(entry: Entry): number {
    const age = this.#options.clock().getTime() - (entry.checkedAt ?? Number.NEGATIVE_INFINITY);
    // A clock that was set back says nothing of how old the answer is.
    return age < 0 ? Number.POSITIVE_INFINITY : age;
  }

  #keptAnswer(entry: Entry, error: unknown): StatusAnswer | undefined {
    if (entry.answer === undefined) return undefined;
    if (entry.answer.revokedEntities.length > 0) return entry.answer;
    if (error instanceof AwsError && error.code === 'Throttled') return entry.answer;
    return this.#ageOf(entry) < 2 * this.#options.intervalMs * this.#stretch ? entry.answer : undefined;
  }

  /** One flight per signature, not bound to the signal of whoever asked first. */
  #ask(entry: Entry): Promise<StatusAnswer> {
    entry.inFlight ??= this.#call(entry).finally(() => {
      delete entry.inFlight;
    });
    return entry.inFlight;
  }

  async #call(entry: Entry): Promise<StatusAnswer> {
    try {
      const answer = await this.#options.source.getRevocationStatus(entry.request, this.#abort.signal);
      const now = this.#options.clock().getTime();
      const before = entry.answer;
      // Not back to 1 at once: where Signer answers some and throttles the rest, the sweep must stay stretched.
      this.#stretch = Math.max(this.#stretch / 2, 1);
      entry.dueAt = this.#nextDue(now, entry.checkedAt === undefined);
      entry.answer = answer;
      entry.checkedAt = now;
      if (before !== undefined && !sameEntities(before, answer)) entry.changedAt = now;
      this.#options.onChecked?.(answer.revokedEntities.length > 0 ? 'revoked' : 'good');
      // Whoever asked, the sweep or one image's verification: the others that depend on it must hear of it.
      if (before === undefined || !sameEntities(before, answer) || entry.toldUndetermined) this.#tell(entry);
      entry.toldUndetermined = false;
      return answer;
    } catch (error) {
      const throttled = error instanceof AwsError && error.code === 'Throttled';
      if (throttled) this.#stretch = Math.min(this.#stretch * 2, 16);
      this.#options.onChecked?.(throttled ? 'throttled' : 'unknown');
      throw error;
    }
  }

  #arm(): void {
    if (this.#abort.signal.aborted) return;
    clearTimeout(this.#timer);
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) if (entry.users.size > 0) next = Math.min(next, entry.dueAt);
    if (next === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(Math.max(0, next - this.#options.clock().getTime()), 60_000);
    this.#timer = setTimeout(() => this.#tick(), delay);
  }

  #tick(): void {
    const now = this.#options.clock().getTime();
    for (const entry of this.#entries.values()) {
      if (this.#running >= this.#options.concurrency) break;
      if (entry.users.size === 0) continue;
      const isClockSetBack = entry.checkedAt !== undefined && now < entry.checkedAt;
      if (isClockSetBack) delete entry.checkedAt;
      else if (entry.dueAt > now) continue;
      entry.dueAt = this.#nextDue(now, false);
      this.#running += 1;
      const done = this.#sweepOne(entry).finally(() => {
        this.#running -= 1;
        this.#arm();
      });
      this.#idle = Promise.all([this.#idle, done]).then(() => undefined);
    }
    if (this.#running < this.#options.concurrency) this.#arm();
  }

  async #sweepOne(entry: Entry): Promise<void> {
    try {
      await this.#ask(entry);
    } catch (error) {
      // What the failure means for a verdict is decided where the verdict is made; here it is only noticed.
      if (this.#abort.signal.aborted || entry.toldUndetermined) return;
      if (this.#keptAnswer(entry, error) !== undefined) return;
      entry.toldUndetermined = true;
      this.#tell(entry);
    }
  }

  #tell(entry: Entry): void {
    if (entry.users.size > 0) this.#options.onChange(new Set(entry.users));
  }
}

function isUnclaimed(entry: Entry, before: number): boolean {
  return entry.users.size === 0 && entry.touchedAt < before;
}

function sameEntities(a: StatusAnswer, b: StatusAnswer): boolean {
  return (
    a.revokedEntities.length === b.revokedEntities.length &&
    a.revokedEntities.every((entity) => b.revokedEntities.includes(entity))
  );
}

function sameRequest(a: StatusRequest, b: StatusRequest): boolean {
  return (
    a.profileVersionArn === b.profileVersionArn &&
    a.signatureTimestamp.getTime() === b.signatureTimestamp.getTime() &&
    sameCertificates(a.certificates, b.certificates)
  );
}

function sameCertificates(a: readonly X509Certificate[], b: readonly X509Certificate[]): boolean {
  return a.length === b.length && a.every((certificate, i) => b[i]?.raw.equals(certificate.raw) === true);
}
