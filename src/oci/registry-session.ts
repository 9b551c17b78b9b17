import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import {
  ALWAYS_OPEN,
  HostLimiter,
  type TurnPriority,
  throughFence,
  type WriteFence,
  type WritePass,
  withDeadline,
} from '../transport/index.ts';
import {
  authorizationOf,
  type Candidate,
  type CredentialProvider,
  type Credentials,
  candidatesOf,
} from './credentials.ts';
import { OciError, type OciErrorCode } from './error.ts';
import { learnFrom, takeTurn } from './host-turns.ts';
import { exchange, type HttpAnswer, refusesCredentials, statusError } from './http.ts';
import type { Mirrors } from './mirrors.ts';
import type { Reference } from './reference.ts';
import { RegistryMemory } from './registry-memory.ts';
import type { Authorization, TokenExchange } from './token-store.ts';
import { type Challenge, parseChallenge } from './www-authenticate.ts';

export interface RegistrySessionOptions {
  readonly dispatcher: Dispatcher;
  readonly credentials: CredentialProvider;
  /** Whether the configuration lists a host for plain HTTP. */
  readonly plainHTTPHosts: (host: string) => boolean;
  readonly userAgent: string;
  /** Shared with other sessions; absent: this session's own. */
  readonly memory?: RegistryMemory;
  /** Attempts at one request, the first included. Where there may be several, a 429 is no attempt: it is waited for. */
  readonly maxAttempts: number;
  /** Shared by all who ask the same hosts; default one of its own. */
  readonly limiter?: HostLimiter;
  /** Whose requests have their turn first at a busy host; default `running`. */
  readonly priority?: TurnPriority;
  /** Where repositories are asked for in place of their own hosts; absent: nowhere else. */
  readonly mirrors?: () => Mirrors;
  /** For one operation with all its attempts, milliseconds. */
  readonly timeoutMs: number;
  /** What uploads and deletions ask; default: they are always let through. */
  readonly fence?: WriteFence;
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
  /** `pull`, or `pull,push`; empty: of no repository, as a login asks. */
  readonly actions: string;
  readonly what: string;
  /** Name for metrics. */
  readonly operation: string;
  /** Not sent again after a fault: what it says may not hold any more by then. */
  readonly once?: boolean;
}

/** A request under way. */
interface TimedRequest extends SessionRequest {
  /** When its time is over, by performance.now(). */
  readonly endsAt: number;
  /** Where it changes anything. */
  readonly pass?: WritePass;
}

/** An answer, and the credentials that it was given to. */
interface Served {
  readonly answer: HttpAnswer;
  readonly by: Credentials;
}

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MAX_TOKEN_BYTES = 64 * 1024;
/** Credentials that are tried for one request. */
const MAX_CANDIDATES = 16;
/** Credentials that served are not looked for again this long; a Secret that changed is seen this late. */
const SERVING_MS = 60_000;
const MAX_SERVING = 1_000;
const REFUSALS: ReadonlySet<OciErrorCode> = new Set(['Unauthorized', 'Denied']);
const DEFAULT_CONCURRENCY = 8;
const RETRYABLE = new Set(['Unreachable', 'ServerError', 'RateLimited']);

/** Speaks HTTP with registries: authentication, retries, redirects, deadlines. Knows nothing of manifests. */
export class RegistrySession {
  readonly #options: RegistrySessionOptions;
  /** What registries told. */
  readonly memory: RegistryMemory;
  /** What served last, for each repository and its actions. */
  readonly #serving = new Map<string, { readonly credentials: Credentials; readonly until: number }>();
  readonly #limiter: HostLimiter;

  constructor(options: RegistrySessionOptions) {
    this.#options = options;
    this.memory = options.memory ?? new RegistryMemory();
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

  /** Whether a registry asked for credentials when it was last spoken to without. */
  asksForCredentials(registry: string): boolean {
    return this.memory.challengeOf(registry) !== undefined;
  }

  /**
   * Sends a request until it is answered, the attempts are used up, or the time is over.
   * @param reference where it goes: a mirror has been put in its place already
   * @returns any answer below 500 except 401 and 429
   * @throws OciError; NotLeaderError where the fence holds back what would change anything
   */
  async send(reference: Reference, input: SessionRequest, signal: AbortSignal): Promise<HttpAnswer> {
    if (input.method === 'GET' || input.method === 'HEAD') return this.#attempts(reference, input, signal);
    return throughFence(this.#options.fence ?? ALWAYS_OPEN, signal, (fenced, pass) =>
      this.#attempts(reference, { ...input, pass }, fenced),
    );
  }

  #attempts(reference: Reference, input: Omit<TimedRequest, 'endsAt'>, signal: AbortSignal): Promise<HttpAnswer> {
    const { timeoutMs } = this.#options;
    const endsAt = performance.now() + timeoutMs;
    // Its timer ends with the request: a start sends thousands of them.
    return withDeadline(timeoutMs, signal, (deadline) =>
      this.#attemptsUntil(reference, { ...input, endsAt }, deadline.signal),
    );
  }

  async #attemptsUntil(reference: Reference, input: TimedRequest, deadline: AbortSignal): Promise<HttpAnswer> {
    const { endsAt } = input;
    let [attempt, failures] = [0, 0];
    for (;;) {
      attempt += 1;
      try {
        return await this.#authorized(reference, input, deadline);
      } catch (error) {
        if (!(error instanceof OciError) || !RETRYABLE.has(error.code) || input.once === true) throw error;
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

  /**
   * Sends a request with the credentials that the registry takes: anonymously until it asks for some, then with those
   * that served last, then with each that may serve, and without any at last.
   */
  async #authorized(reference: Reference, input: TimedRequest, signal: AbortSignal): Promise<HttpAnswer> {
    if (this.memory.challengeOf(reference.registry) === undefined) {
      const first = await this.#follow(reference, input, undefined, signal);
      if (first.status !== 401) return passOrThrow(input.what, first);
      if (!this.#takeChallenge(reference, first)) throw statusError(input.what, first);
    }
    const use = `${reference.registry}/${reference.repository}#${input.actions}`;
    const before = this.#serving.get(use);
    let failure: OciError | undefined;
    if (before !== undefined && before.until > performance.now()) {
      const result = await this.#tryWith(before.credentials, reference, input, signal);
      if (!(result instanceof OciError)) {
        if (result.by !== before.credentials) this.#remember(use, result.by);
        return result.answer;
      }
      failure = result;
    }
    this.#serving.delete(use);
    let tried = 0;
    for await (const candidate of this.#candidates(reference, input, signal)) {
      if (tried >= MAX_CANDIDATES) break;
      tried += 1;
      const result =
        candidate.kind === 'unavailable'
          ? candidate.error
          : await this.#tryWith(candidate, reference, input, signal).catch((error: unknown) => {
              // The last resort: it matters less why that fails.
              if (candidate.kind === 'anonymous' && failure !== undefined && error instanceof OciError) return failure;
              throw error;
            });
      if (result instanceof OciError) {
        // What a registry says of the best credentials tells most.
        failure = tried === 1 ? result : (failure ?? result);
        continue;
      }
      this.#remember(use, result.by);
      return result.answer;
    }
    throw failure ?? unauthorized(input.what);
  }

  async *#candidates(reference: Reference, input: TimedRequest, signal: AbortSignal): AsyncGenerator<Candidate> {
    const { registry, repository } = reference;
    yield* candidatesOf(this.#options.credentials, registry, repository, signal);
    // A login is about its credentials alone.
    if (input.actions !== '') yield { kind: 'anonymous' };
  }

  #remember(use: string, credentials: Credentials): void {
    if (this.#serving.size >= MAX_SERVING) this.#serving.clear();
    this.#serving.set(use, { credentials, until: performance.now() + SERVING_MS });
  }

  /**
   * Sends a request with credentials; where they are refused, with those that take their place: one refresh, one retry
   * (faults.md 23).
   * @returns the answer and whose it is, or what the registry or its token service has against these credentials
   */
  async #tryWith(
    credentials: Credentials,
    reference: Reference,
    input: TimedRequest,
    signal: AbortSignal,
  ): Promise<Served | OciError> {
    const result = await this.#tryOnce(credentials, reference, input, signal);
    if (!(result instanceof OciError)) return { answer: result, by: credentials };
    const renewed = credentials.kind === 'basic' ? await credentials.renew?.(signal) : undefined;
    if (renewed === undefined) return result;
    const again = await this.#tryOnce(renewed, reference, input, signal);
    return again instanceof OciError ? again : { answer: again, by: renewed };
  }

  /** @returns the answer, or what the registry or its token service has against these credentials */
  async #tryOnce(
    credentials: Credentials,
    reference: Reference,
    input: TimedRequest,
    signal: AbortSignal,
  ): Promise<HttpAnswer | OciError> {
    let refused: string | undefined;
    for (let isFirst = true; ; isFirst = false) {
      const challenge = this.memory.challengeOf(reference.registry);
      if (challenge === undefined) throw unauthorized(input.what);
      let authorization: Authorization | undefined;
      try {
        authorization = await this.#authorization(challenge, credentials, reference, input, refused, signal);
      } catch (error) {
        if (error instanceof OciError && REFUSALS.has(error.code)) return error;
        throw error;
      }
      if (authorization === undefined) return unauthorized(input.what, challenge, credentials);
      const answer = await this.#follow(reference, input, authorization.header, signal);
      // Where a host was redirected to, no credentials went.
      if (answer.redirected || !refusesCredentials(answer)) return passOrThrow(input.what, answer, true);
      const isNewChallenge = answer.status === 401 && this.#takeChallenge(reference, answer, challenge);
      // A token that was kept may have been revoked meanwhile: one refresh, and one retry (faults.md 23).
      const mayHelp = answer.status === 401 && (authorization.kept || isNewChallenge);
      if (!isFirst || !mayHelp) return statusError(input.what, answer);
      refused = authorization.header;
    }
  }

  /**
   * Takes note of what the registry asks for; only it says where its credentials go, never a host that it redirects to
   * (faults.md 29).
   * @param before what it asked for before
   * @returns whether it asks for something, other than before
   */
  #takeChallenge(
    reference: Reference,
    answer: HttpAnswer & { readonly redirected: boolean },
    before?: Challenge,
  ): boolean {
    if (answer.redirected) return false;
    const challenge = parseChallenge(answer.headers.get('www-authenticate') ?? '');
    if (challenge === undefined) return false;
    this.memory.keepChallenge(reference.registry, challenge);
    return before === undefined || placeOf(challenge) !== placeOf(before);
  }

  async #authorization(
    challenge: Challenge,
    credentials: Credentials,
    reference: Reference,
    input: TimedRequest,
    refused: string | undefined,
    signal: AbortSignal,
  ): Promise<Authorization | undefined> {
    if (challenge.kind === 'basic' || credentials.kind === 'bearer') {
      const header = authorizationOf(credentials);
      return header === undefined ? undefined : { header, kept: false };
    }
    const { registry, repository } = reference;
    const scope = input.actions === '' ? '' : `repository:${repository}:${input.actions}`;
    const request = { registry, challenge, scope, credentials };
    return this.memory.tokens.get(request, refused, (exchange) => this.#askForToken(registry, exchange), signal);
  }

  async #askForToken(registry: string, { url, ...exchange }: TokenExchange): Promise<HttpAnswer> {
    // Plain HTTP only where the registry itself is spoken to so, and the host of the token service is listed too.
    const mayBePlain = this.originOf(registry).startsWith('http:') && this.#options.plainHTTPHosts(url.host);
    if (url.protocol !== 'https:' && !mayBePlain) throw plainHTTPRefused(exchange.what, url.host);
    return this.#exchange(registry, {
      ...exchange,
      url,
      maxBytes: MAX_TOKEN_BYTES,
      operation: 'token',
      endsAt: performance.now() + this.#options.timeoutMs,
      signal: AbortSignal.timeout(this.#options.timeoutMs),
    }).catch((error: unknown) => {
      // What is too large here is no content of an image.
      const tooLarge = error instanceof OciError && error.code === 'TooLarge';
      throw tooLarge ? new OciError('ServerError', error.message, { cause: error }) : error;
    });
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
    const leave = await takeTurn(this.#limiter, { ...input, priority: this.#options.priority ?? 'running' });
    const started = performance.now();
    let outcome = 'error';
    try {
      const answer = await exchange({
        ...input,
        headers: { 'user-agent': this.#options.userAgent, ...input.headers },
        dispatcher: this.#options.dispatcher,
      });
      outcome = String(answer.status);
      learnFrom(this.#limiter, input.url.host, answer);
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
}

function passOrThrow(what: string, answer: HttpAnswer, authenticated = false): HttpAnswer {
  const failed = answer.status >= 500 || answer.status === 429 || (authenticated && answer.status === 401);
  if (failed) throw statusError(what, answer);
  return answer;
}

/** What tells one challenge from another: scopes are of single requests. */
function placeOf(challenge: Challenge): string {
  return challenge.kind === 'basic' ? 'basic' : `${challenge.realm.href} ${challenge.service ?? ''}`;
}

/** Credentials that cannot even be sent: there are none, or not of the kind that the registry asks for. */
function unauthorized(what: string, challenge?: Challenge, credentials?: Credentials): OciError {
  const isOfOtherKind = challenge?.kind === 'basic' && credentials?.kind === 'identity';
  const found = isOfOtherKind
    ? 'the registry asks for a user name and a password, and the credentials are an identity token'
    : 'the registry asks for credentials (401), and there are none for it';
  return new OciError(
    'Unauthorized',
    `${what}: ${found}: give credentials: spec.registry.secretRefs of a request, --registry-config of the operator, or sealwatch login`,
    {
      status: 401,
    },
  );
}

function plainHTTPRefused(what: string, host: string): OciError {
  return new OciError(
    'PlainHTTPRefused',
    `${what}: ${host} would be spoken to over plain HTTP, which is refused unless it is allowed for this host (operator and kubectl sealwatch: --plain-http-hosts; command: --plain-http)`,
  );
}
