import { AwsError } from './aws-error.ts';

/** Refreshed this long before its expiry: a token lives 12 hours. */
const REFRESH_BEFORE_MS = 30 * 60_000;
/** After a failed refresh the old token serves, and this long nobody asks again. */
const RETRY_AFTER_MS = 60_000;
/** A refused token is asked for anew only where AWS was not asked within this time: else the refusal is about rights. */
const RENEW_AFTER_MS = 60_000;
/** Not used in its last minute: a pull begun with it must not end without it. */
const UNUSABLE_BEFORE_MS = 60_000;

/** What GetAuthorizationToken gives. */
export interface AuthorizationToken {
  readonly username: string;
  readonly password: string;
  readonly expiresAt: Date;
}

interface Kept extends AuthorizationToken {
  /** When to ask for the next one, milliseconds. */
  readonly refreshAt: number;
}

/**
 * A token, asked for again shortly before it expires, by one call at a time; while that fails, the old one serves as
 * long as it is valid (faults.md 24).
 */
export class RefreshedToken {
  readonly #fetch: (host: string) => Promise<AuthorizationToken>;
  readonly #clock: () => Date;
  #kept: Kept | undefined;
  #inFlight: Promise<Kept> | undefined;
  /** When AWS was asked last, milliseconds. */
  #askedAt = Number.NEGATIVE_INFINITY;

  /** @param fetch asks AWS; the host is for messages */
  constructor(fetch: (host: string) => Promise<AuthorizationToken>, clock: () => Date) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Rejects with AwsError. */
  async token(host: string): Promise<AuthorizationToken> {
    const kept = this.#kept;
    if (kept !== undefined && this.#now() < kept.refreshAt) return kept;
    return this.#refreshOnce(host);
  }

  /**
   * Another token than one that a registry refused before its time was over: one that came meanwhile, or a new one. One
   * that was got just now is refused for want of rights: those a new one would not bring.
   * @returns undefined when there is none: AWS was asked lately, or gives none now
   */
  async renewed(refused: string, host: string): Promise<AuthorizationToken | undefined> {
    const isLate = this.#now() - this.#askedAt >= RENEW_AFTER_MS;
    if (this.#kept?.password === refused && (isLate || this.#inFlight !== undefined)) {
      try {
        await this.#refreshOnce(host);
      } catch (error) {
        // What the registry said of the old token tells more.
        if (!(error instanceof AwsError)) throw error;
      }
    }
    return this.#kept?.password === refused ? undefined : this.#kept;
  }

  #refreshOnce(host: string): Promise<Kept> {
    this.#inFlight ??= this.#refresh(host).finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  async #refresh(host: string): Promise<Kept> {
    this.#askedAt = this.#now();
    try {
      const token = await this.#fetch(host);
      const now = this.#now();
      const lifetime = token.expiresAt.getTime() - now;
      this.#kept = { ...token, refreshAt: now + Math.max(lifetime - REFRESH_BEFORE_MS, lifetime / 2) };
    } catch (error) {
      const old = this.#kept;
      const usableUntil = (old?.expiresAt.getTime() ?? 0) - UNUSABLE_BEFORE_MS;
      const now = this.#now();
      if (!(error instanceof AwsError) || old === undefined || now >= usableUntil) throw error;
      this.#kept = { ...old, refreshAt: Math.min(now + RETRY_AFTER_MS, usableUntil) };
    }
    return this.#kept;
  }

  #now(): number {
    return this.#clock().getTime();
  }
}
