import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { HostBusyError, HostLimiter } from '../transport/index.ts';
import type { CredentialProvider } from './credentials.ts';
import { OciError } from './error.ts';
import { exchange, type HttpAnswer, retryAfter, statusError } from './http.ts';
import { authorizationOf, type Challenge, parseChallenge } from './http-auth.ts';
import type { Mirrors } from './mirrors.ts';
import type { Reference } from './reference.ts';

export interface RegistrySessionOptions {
  readonly dispatcher: Dispatcher;
  readonly credentials: CredentialProvider;
  /** Whether the configuration lists a host for plain HTTP. */
  readonly plainHTTPHosts: (host: string) => boolean;
  readonly userAgent: string;
  /** Attempts at one request, the first included. Where there may be several, a 429 is no attempt: it is waited for. */
  readonly maxAttempts: number;
  /** Shared by all who ask the same hosts; default one of its own. */
  readonly limiter?: HostLimiter;
  /** Where repositories are asked for in place of their own hosts; absent: nowhere else. */
  readonly mirrors?: () => Mirrors;
  /** For one operation with all its attempts, milliseconds. */
  readonly timeoutMs: number;
  /** Told of every exchange. */
  readonly onRequest?: (exchange: {
    readonly registry: string;
    readonly operation: string;
    readonly outcome: string;
    readonly durationMs: number;
  }) => void;
}

export interface SessionRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';
  /** Path and query, or an absolute URL of the same registry. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly maxBytes: number;
  /** `pull`, or `pull,push`. */
  readonly actions: string;
  readonly what: string;
  /** Name for metrics. */
  readonly operation: string;
}

/** A request under way. */
interface TimedRequest extends SessionRequest {
  /** When its time is over, by performance.now(). */
  readonly endsAt: number;
}

interface Token {
  readonly authorization: string;
  /** By performance.now(): a stepped wall clock neither ends a token nor keeps it. */
  readonly expiresAt: number;
}

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MAX_TOKEN_BYTES = 64 * 1024;
const DEFAULT_TOKEN_MS = 60_000;
const MAX_TOKENS = 1_000;
const DEFAULT_CONCURRENCY = 8;
const RETRYABLE = new Set(['Unreachable', 'ServerError', 'RateLimited']);

/** Speaks HTTP with registries: authentication, retries, redirects, deadlines. Knows nothing of manifests. */
export class RegistrySession {
  readonly #options: RegistrySessionOptions;
  readonly #challenges = new Map<string, Challenge>();
  readonly #tokens = new Map<string, Token>();
  readonly #limiter: HostLimiter;

  constructor(options: RegistrySessionOptions) {
    this.#options = options;
    this.#limiter = options.limiter ?? new HostLimiter({ concurrency: DEFAULT_CONCURRENCY });
  }

  /** Where a repository is asked for: at its mirror, if it has one. */
  locate(reference: Reference): Reference {
    return this.#options.mirrors?.().locate(reference) ?? reference;
  }

  /** The origin of a registry. Docker Hub's API has a host of its own. */
  originOf(registry: string): string {
    const scheme = this.#options.plainHTTPHosts(registry) ? 'http' : 'https';
    return `${scheme}://${registry === 'docker.io' ? 'registry-1.docker.io' : registry}`;
  }

  /**
   * Sends a request until it is answered, the attempts are used up, or the time is over.
   * @param reference where it goes: a mirror has been put in its place already
   * @returns any answer below 500 except 401 and 429
   * @throws OciError
   */
  async send(reference: Reference, input: SessionRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(this.#options.timeoutMs)]);
    const endsAt = performance.now() + this.#options.timeoutMs;
    let [attempt, failures] = [0, 0];
    for (;;) {
      attempt += 1;
      try {
        return await this.#authorized(reference, { ...input, endsAt }, deadline);
      } catch (error) {
        if (!(error instanceof OciError) || !RETRYABLE.has(error.code)) throw error;
        // The limiter sees to it that a host which asks to wait is asked ever less.
        if (error.status !== 429 || this.#options.maxAttempts === 1) failures += 1;
        if (failures >= this.#options.maxAttempts) throw error;
        const backoffMs = Math.min(200 * 2 ** (attempt - 1), 5_000) * (0.5 + Math.random());
        const waitMs = error.retryAfterMs ?? backoffMs;
        // Waiting longer than there is time for helps nobody: the caller knows when to come back.
        if (performance.now() + waitMs > endsAt) throw error;
        try {
          await delay(waitMs, undefined, { signal: deadline });
        } catch {
          throw error;
        }
      }
    }
  }

  async #authorized(reference: Reference, input: TimedRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const first = await this.#follow(reference, input, await this.#authorization(reference, input, signal), signal);
    if (first.status !== 401) return passOrThrow(input.what, first);
    // Only the registry itself says where its credentials go, never a host that it redirects to (faults.md 29).
    const challenge = first.redirected ? undefined : parseChallenge(first.headers.get('www-authenticate') ?? '');
    if (challenge === undefined) throw statusError(input.what, first);
    this.#challenges.set(reference.registry, challenge);
    this.#tokens.delete(tokenKey(reference, input.actions));
    const authorization = await this.#authorization(reference, input, signal);
    if (authorization === undefined) throw statusError(input.what, first);
    return passOrThrow(input.what, await this.#follow(reference, input, authorization, signal), true);
  }

  async #authorization(reference: Reference, input: TimedRequest, signal: AbortSignal): Promise<string | undefined> {
    const challenge = this.#challenges.get(reference.registry);
    if (challenge === undefined) return undefined;
    const credentials = await this.#options.credentials.credentialsFor(
      reference.registry,
      reference.repository,
      signal,
    );
    if (challenge.kind === 'basic' || credentials.kind === 'bearer') return authorizationOf(credentials);
    const key = tokenKey(reference, input.actions);
    const kept = this.#tokens.get(key);
    if (kept !== undefined && kept.expiresAt > performance.now()) return kept.authorization;
    const token = await this.#fetchToken(reference, input, challenge, authorizationOf(credentials), signal);
    if (this.#tokens.size >= MAX_TOKENS) this.#tokens.clear();
    this.#tokens.set(key, token);
    return token.authorization;
  }

  async #fetchToken(
    reference: Reference,
    input: TimedRequest,
    challenge: Extract<Challenge, { kind: 'bearer' }>,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Token> {
    const url = new URL(challenge.realm);
    const what = `token for ${reference.registry}/${reference.repository}`;
    if (url.protocol !== 'https:' && !this.#options.plainHTTPHosts(url.host)) throw plainHTTPRefused(what, url.host);
    if (challenge.service !== undefined) url.searchParams.set('service', challenge.service);
    url.searchParams.set('scope', `repository:${reference.repository}:${input.actions}`);
    const answer = await this.#exchange(reference.registry, {
      method: 'GET',
      url,
      headers: authorization === undefined ? {} : { authorization },
      maxBytes: MAX_TOKEN_BYTES,
      what,
      operation: 'token',
      endsAt: input.endsAt,
      signal,
    }).catch((error: unknown) => {
      // What is too large here is no content of an image.
      const tooLarge = error instanceof OciError && error.code === 'TooLarge';
      throw tooLarge ? new OciError('ServerError', error.message, { cause: error }) : error;
    });
    if (answer.status !== 200) throw statusError(what, answer);
    const values = tokenAnswer(answer.body);
    const token = values['token'] ?? values['access_token'];
    // Printable ASCII only, since it becomes a header.
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
      throw new OciError('ServerError', `${what}: expected JSON with a token from ${url.host}, found none`);
    const lifetimeMs = typeof values['expires_in'] === 'number' ? values['expires_in'] * 1000 : DEFAULT_TOKEN_MS;
    return { authorization: `Bearer ${token}`, expiresAt: performance.now() + Math.max(0, lifetimeMs - 5_000) };
  }

  /**
   * Follows redirects by hand: once they have left the registry's origin, credentials go along no more, wherever they
   * lead; and plain HTTP only to hosts that are listed for it. A redirect that leads nowhere is a fault of the
   * infrastructure: it says nothing of the content behind it.
   */
  async #follow(
    reference: Reference,
    input: TimedRequest,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<HttpAnswer & { readonly redirected: boolean }> {
    const { origin } = new URL(this.originOf(reference.registry));
    let url = new URL(input.target, origin);
    let redirected = url.origin !== origin;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#exchange(reference.registry, {
        ...input,
        url,
        headers: { ...input.headers, ...(authorization !== undefined && !redirected ? { authorization } : {}) },
        signal,
      });
      const location = answer.headers.get('location');
      const isRedirect = REDIRECTS.has(answer.status) && location !== undefined;
      if (!isRedirect || (input.method !== 'GET' && input.method !== 'HEAD')) return { ...answer, redirected };
      if (redirects >= MAX_REDIRECTS)
        throw new OciError('ServerError', `${input.what}: expected at most ${MAX_REDIRECTS} redirects, found more`);
      if (!URL.canParse(location, url.href))
        throw new OciError('ServerError', `${input.what}: redirected to no valid address`);
      url = new URL(location, url);
      redirected ||= url.origin !== origin;
      const plain = url.protocol !== 'https:';
      if (plain && (url.protocol !== 'http:' || !this.#options.plainHTTPHosts(url.host)))
        throw plainHTTPRefused(input.what, url.host);
    }
  }

  async #exchange(
    registry: string,
    input: Omit<TimedRequest, 'target' | 'actions'> & { readonly url: URL; readonly signal: AbortSignal },
  ): Promise<HttpAnswer> {
    const leave = await this.#turn(input);
    const started = performance.now();
    let outcome = 'error';
    try {
      const answer = await exchange({
        ...input,
        headers: { 'user-agent': this.#options.userAgent, ...input.headers },
        dispatcher: this.#options.dispatcher,
      });
      outcome = String(answer.status);
      this.#learn(input.url.host, answer);
      return answer;
    } catch (error) {
      if (error instanceof OciError) outcome = error.code;
      throw error;
    } finally {
      leave();
      this.#options.onRequest?.({
        registry,
        operation: input.operation,
        outcome,
        durationMs: performance.now() - started,
      });
    }
  }

  /** Waits for the turn of a request at its host. @returns to be called when it has been answered */
  async #turn(
    input: Pick<TimedRequest, 'endsAt' | 'what'> & { readonly url: URL; readonly signal: AbortSignal },
  ): Promise<() => void> {
    try {
      return await this.#limiter.enter(input.url.host, input.endsAt - performance.now(), input.signal);
    } catch (error) {
      if (!(error instanceof HostBusyError)) throw error;
      const message = `${input.what}: ${error.message}`;
      if (!error.isThrottled) throw new OciError('Timeout', message, { cause: error });
      throw new OciError('RateLimited', message, { retryAfterMs: error.retryAfterMs, cause: error });
    }
  }

  /** Tells the limiter what a host bears: 429, and 503 where it says for how long (RFC 9110 §10.2.3). */
  #learn(host: string, answer: HttpAnswer): void {
    const retryAfterMs = retryAfter(answer.headers.get('retry-after'));
    if (answer.status === 429 || (answer.status === 503 && retryAfterMs !== undefined))
      this.#limiter.throttled(host, retryAfterMs);
    else if (answer.status < 500) this.#limiter.answered(host);
  }
}

function tokenAnswer(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

function passOrThrow(what: string, answer: HttpAnswer, authenticated = false): HttpAnswer {
  const failed = answer.status >= 500 || answer.status === 429 || (authenticated && answer.status === 401);
  if (failed) throw statusError(what, answer);
  return answer;
}

function tokenKey(reference: Reference, actions: string): string {
  return `${reference.registry}/${reference.repository}#${actions}`;
}

function plainHTTPRefused(what: string, host: string): OciError {
  return new OciError(
    'PlainHTTPRefused',
    `${what}: ${host} would be spoken to over plain HTTP, which is refused unless it is allowed for this host (operator: --plain-http-hosts; command: --plain-http)`,
  );
}
