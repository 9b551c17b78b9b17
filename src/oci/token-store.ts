import { createHash } from 'node:crypto';
import { untilAborted } from '../transport/index.ts';
import { authorizationOf, type Credentials, fingerprintOf } from './credentials.ts';
import { OciError } from './error.ts';
import { type HttpAnswer, statusError } from './http.ts';
import type { BearerChallenge } from './www-authenticate.ts';

/** What a token is for. */
export interface TokenRequest {
  readonly registry: string;
  readonly challenge: BearerChallenge;
  /** Actions on a repository, such as `repository:team/app:pull`; empty: none, as a login asks. */
  readonly scope: string;
  readonly credentials: Credentials;
}

/** A request to the token service. */
export interface TokenExchange {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly what: string;
}

export interface Authorization {
  readonly header: string;
  /** It was there before this request: it may have been revoked since. */
  readonly kept: boolean;
}

interface Token {
  readonly header: string;
  /** By performance.now(): a stepped wall clock neither ends a token nor keeps it. */
  readonly expiresAt: number;
}

const DEFAULT_LIFETIME_MS = 60_000;
const MAX_LIFETIME_MS = 24 * 60 * 60_000;
/** A request begun with a token must not end without it. */
const MAX_MARGIN_MS = 5_000;
const MAX_TOKENS = 1_000;
const CLIENT_ID = 'sealwatch';

/**
 * Tokens of registries' token services (distribution-spec: token and OAuth2 authentication), kept until they expire.
 * Each belongs to one registry, realm, scope and credentials: others never get it. One flight for each.
 */
export class TokenStore {
  readonly #tokens = new Map<string, Token>();
  readonly #flights = new Map<string, Promise<Token>>();
  readonly #onLookup: (isHit: boolean) => void;

  /** @param onLookup told whether a token was there, of each that was asked for */
  constructor(onLookup: (isHit: boolean) => void = () => undefined) {
    this.#onLookup = onLookup;
  }

  /**
   * @param refused the header that the registry did not take any more; another that came meanwhile will do
   * @param send speaks with the token service; called for one flight, whoever waits for it
   * @throws OciError
   */
  async get(
    request: TokenRequest,
    refused: string | undefined,
    send: (exchange: TokenExchange) => Promise<HttpAnswer>,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const key = keyOf(request);
    const kept = this.#tokens.get(key);
    const isUsable = kept !== undefined && kept.header !== refused && kept.expiresAt > performance.now();
    this.#onLookup(isUsable);
    if (isUsable) return { header: kept.header, kept: true };
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = this.#fetch(key, request, send).finally(() => this.#flights.delete(key));
      this.#flights.set(key, flight);
    }
    const { header } = await unlessAborted(flight, signal, request);
    return { header, kept: false };
  }

  async #fetch(
    key: string,
    request: TokenRequest,
    send: (exchange: TokenExchange) => Promise<HttpAnswer>,
  ): Promise<Token> {
    this.#tokens.delete(key);
    const exchange = exchangeOf(request);
    const answer = await send(exchange);
    const token = tokenOf(answer, exchange, request.credentials);
    this.#makeRoom();
    this.#tokens.set(key, token);
    return token;
  }

  #makeRoom(): void {
    if (this.#tokens.size < MAX_TOKENS) return;
    const now = performance.now();
    for (const [key, { expiresAt }] of this.#tokens) if (expiresAt <= now) this.#tokens.delete(key);
    for (const key of this.#tokens.keys()) {
      if (this.#tokens.size < MAX_TOKENS) break;
      this.#tokens.delete(key);
    }
  }
}

/** The flight is everybody's: it goes on for the others when one does not wait any longer. */
async function unlessAborted<T>(flight: Promise<T>, signal: AbortSignal, { registry }: TokenRequest): Promise<T> {
  try {
    return await untilAborted(flight, signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    throw new OciError('Timeout', `token for ${registry}: no complete answer in time`, { cause: error });
  }
}

function keyOf({ registry, challenge, scope, credentials }: TokenRequest): string {
  const parts = [registry, challenge.realm.href, challenge.service ?? '', scope, fingerprintOf(credentials)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

/** Basic credentials and none ask by GET; an identity token is a refresh token, and goes into the body of a POST. */
function exchangeOf({ registry, challenge, scope, credentials }: TokenRequest): TokenExchange {
  const url = new URL(challenge.realm);
  const what = `token for ${scope === '' ? registry : `${registry}/${scope.split(':')[1] ?? ''}`}`;
  if (credentials.kind === 'identity') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      service: challenge.service ?? registry,
      client_id: CLIENT_ID,
      ...(scope === '' ? {} : { scope }),
      refresh_token: credentials.token,
    });
    return {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(form.toString()),
      what,
    };
  }
  if (challenge.service !== undefined) url.searchParams.set('service', challenge.service);
  if (scope !== '') url.searchParams.set('scope', scope);
  const authorization = authorizationOf(credentials);
  return { method: 'GET', url, headers: authorization === undefined ? {} : { authorization }, what };
}

function tokenOf(answer: HttpAnswer, { what, url }: TokenExchange, credentials: Credentials): Token {
  if (answer.status !== 200) {
    // OAuth 2.0 says 400 where others say 401 (RFC 6749 §5.2).
    if (answer.status === 400 && credentials.kind === 'identity') {
      const message = `${what}: ${url.host} does not take the identity token (400): log in again`;
      throw new OciError('Unauthorized', message, { status: 400 });
    }
    throw statusError(what, answer);
  }
  const values = parse(answer.body);
  const token = values['token'] ?? values['access_token'];
  // Printable ASCII only, since it becomes a header.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw new OciError('ServerError', `${what}: expected JSON with a token from ${url.host}, found none`);
  return { header: `Bearer ${token}`, expiresAt: performance.now() + usableMs(values) };
}

/**
 * How long a token may be used from now on: `expires_in` seconds from `issued_at`, but a margin. A time of issue that can
 * only be of another clock is left alone.
 */
function usableMs(values: Readonly<Record<string, unknown>>): number {
  const { expires_in: seconds, issued_at: issued } = values;
  const given = typeof seconds === 'number' && seconds >= 0 ? seconds * 1000 : DEFAULT_LIFETIME_MS;
  const lifetimeMs = Math.min(given, MAX_LIFETIME_MS);
  const ageMs = typeof issued === 'string' ? Date.now() - Date.parse(issued) : 0;
  const age = ageMs > 0 && ageMs < lifetimeMs ? ageMs : 0;
  return lifetimeMs - age - Math.min(MAX_MARGIN_MS, lifetimeMs / 4);
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
