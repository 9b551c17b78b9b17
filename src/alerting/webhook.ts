import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { type Dispatcher, request } from 'undici';
import { backoffDelayMs, pause } from '../kubernetes/index.ts';
import { AddressRefusedError, DeadlineError, withDeadline } from '../transport/index.ts';
import type { VerdictAlert } from './alert.ts';
import { cloudEvent } from './cloud-event.ts';
import { signatureHeaders } from './signature.ts';
import { slackMessage } from './slack.ts';

/** Why an alert was given up. */
export type DropReason = 'full' | 'refused' | 'expired' | 'stopped';

export interface WebhookOptions {
  readonly url: string;
  readonly format: 'cloudevents' | 'slack';
  /** CloudEvents' `source`. */
  readonly source: string;
  /** Of the signature; absent: none. Read at each attempt, for it may be replaced. */
  readonly secret?: () => Buffer;
  /** Holds the address rule: one of `createDispatcher`. */
  readonly dispatcher: Dispatcher;
  readonly userAgent: string;
  readonly logger: Logger;
  readonly onSent: (outcome: 'delivered' | 'failed') => void;
  readonly onDropped: (reason: DropReason) => void;
  readonly timing?: Partial<WebhookTiming>;
}

export interface WebhookTiming {
  /** For one attempt, until the status of the answer. */
  readonly timeoutMs: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** An alert that could not be delivered for this long is given up. */
  readonly maxAgeMs: number;
  readonly maxQueued: number;
}

const DEFAULT_TIMING: WebhookTiming = {
  timeoutMs: 10_000,
  baseDelayMs: 1_000,
  maxDelayMs: 60_000,
  maxAgeMs: 3_600_000,
  maxQueued: 1_000,
};
/** A receiver that asks for more is waited for no longer. */
const MAX_RETRY_AFTER_MS = 300_000;

interface Waiting {
  readonly id: string;
  readonly alert: VerdictAlert;
  readonly time: Date;
  /** By performance.now(). */
  readonly since: number;
}

/** An answer that is no success. */
class StatusError extends Error {
  readonly isFinal: boolean;
  readonly retryAfterMs: number;
  constructor(status: number, retryAfter: string | undefined) {
    super(status >= 300 && status < 400 ? `status ${status}; redirects are not followed` : `status ${status}`);
    this.name = 'StatusError';
    // A redirect, and what a receiver finds wrong with a request, are as they are at the next attempt too.
    this.isFinal = status < 500 && status !== 408 && status !== 425 && status !== 429;
    const seconds = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : 0;
    this.retryAfterMs = Math.min(seconds * 1_000, MAX_RETRY_AFTER_MS);
  }
}

/**
 * Sends alerts to one address, one after the other in the order they came, each until it is taken. Whoever gives one
 * waits for nothing; at most so many wait, and those beyond are dropped (faults.md 51). It asks no fence: what was found
 * and told while this replica led stays true, and only this replica knows that it is still to be sent.
 */
export class Webhook {
  readonly #options: WebhookOptions;
  readonly #timing: WebhookTiming;
  readonly #queue: Waiting[] = [];
  readonly #stop = new AbortController();
  readonly #host: string;
  #sending: Promise<void> | undefined;
  /** Said once, until one is delivered again. */
  readonly #said = new Set<string>();

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    // The path may be a secret, as Slack's is: it is told nowhere.
    this.#host = new URL(options.url).host;
  }

  /** How many wait, the one that is being sent included. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Takes an alert in. */
  send(alert: VerdictAlert): void {
    if (this.#stop.signal.aborted) {
      this.#drop('stopped');
      return;
    }
    if (this.#queue.length >= this.#timing.maxQueued) {
      this.#sayOnce(
        'full',
        { queued: this.#queue.length },
        'the queue of alerts is full; those that come now are dropped',
      );
      this.#drop('full');
      return;
    }
    this.#queue.push({ id: randomUUID(), alert, time: new Date(), since: performance.now() });
    this.#sending ??= this.#sendAll();
  }

  /** Sends what waits, and ends; gives up after `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(new Error('shutting down')), timeoutMs);
    await this.#sending;
    clearTimeout(timer);
    this.#stop.abort(new Error('shutting down'));
    const left = this.#queue.splice(0).length;
    for (let i = 0; i < left; i += 1) this.#drop('stopped');
    if (left > 0)
      this.#options.logger.warn({ host: this.#host, queued: left }, 'alerts were not delivered before the end');
  }

  async #sendAll(): Promise<void> {
    // The caller goes on first.
    await Promise.resolve();
    let failures = 0;
    for (let next = this.#queue[0]; next !== undefined && !this.#stop.signal.aborted; next = this.#queue[0]) {
      const retryMs = await this.#attempt(next, failures + 1);
      if (retryMs === undefined) {
        failures = 0;
        this.#queue.shift();
      } else {
        failures += 1;
        await pause(retryMs, this.#stop.signal);
      }
    }
    this.#sending = undefined;
  }

  /** @returns after how long to try again; undefined: it is done with */
  async #attempt(waiting: Waiting, attempt: number): Promise<number | undefined> {
    const { onSent, logger } = this.#options;
    try {
      await this.#post(waiting);
      onSent('delivered');
      if (this.#said.size > 0) logger.info({ host: this.#host }, 'alerts are delivered again');
      this.#said.clear();
      return undefined;
    } catch (error) {
      if (this.#stop.signal.aborted) return 0;
      onSent('failed');
      const fields = { host: this.#host, queued: this.#queue.length, reason: reasonOf(error) };
      if (error instanceof StatusError && error.isFinal) {
        this.#sayOnce('refused', fields, 'the receiver refuses alerts: check --webhook-url and --webhook-secret-file');
        this.#drop('refused');
        return undefined;
      }
      const { maxAgeMs } = this.#timing;
      if (performance.now() - waiting.since > maxAgeMs) {
        this.#sayOnce(
          'expired',
          fields,
          `alerts that could not be delivered for ${maxAgeMs / 60_000} minutes are dropped`,
        );
        this.#drop('expired');
        return undefined;
      }
      this.#sayOnce('failed', fields, 'an alert could not be delivered; it is tried again');
      const asked = error instanceof StatusError ? error.retryAfterMs : 0;
      return Math.max(backoffDelayMs(attempt, this.#timing), asked);
    }
  }

  #post({ id, alert, time }: Waiting): Promise<void> {
    const { url, format, source, secret, dispatcher, userAgent } = this.#options;
    const body = JSON.stringify(format === 'slack' ? slackMessage(alert) : cloudEvent(alert, { id, source, time }));
    return withDeadline(this.#timing.timeoutMs, this.#stop.signal, async ({ signal }) => {
      const answer = await request(url, {
        method: 'POST',
        headers: {
          'content-type': format === 'slack' ? 'application/json' : 'application/cloudevents+json; charset=utf-8',
          'user-agent': userAgent,
          ...(secret === undefined ? {} : signatureHeaders(secret(), id, new Date(), body)),
        },
        body,
        signal,
        dispatcher,
      });
      // The status says all; of the body nothing is read. The error that ends it so is of nobody's interest.
      answer.body.on('error', () => undefined).destroy();
      const { statusCode, headers } = answer;
      if (statusCode >= 200 && statusCode < 300) return;
      const retryAfter = headers['retry-after'];
      throw new StatusError(statusCode, typeof retryAfter === 'string' ? retryAfter : undefined);
    });
  }

  #drop(reason: DropReason): void {
    this.#options.onDropped(reason);
  }

  #sayOnce(what: string, fields: object, message: string): void {
    if (this.#said.has(what)) return;
    this.#said.add(what);
    this.#options.logger.warn(fields, message);
  }
}

/** Names of errors and their codes, never a text that could hold the address. */
function reasonOf(error: unknown): string {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    if (cause instanceof AddressRefusedError || cause instanceof StatusError || cause instanceof DeadlineError)
      return cause.message;
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return error instanceof Error ? error.name : 'unknown';
}
