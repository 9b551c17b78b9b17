import { type Dispatcher, request } from 'undici';
import {
  AddressRefusedError,
  fencedBody,
  printable,
  readBounded,
  TooLargeError,
  type WritePass,
} from '../transport/index.ts';
import { OciError } from './error.ts';
import { secretsSent, withoutSecrets } from './sent-secrets.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Of a write: asked once more when the bytes leave. */
  readonly pass?: WritePass;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly dispatcher: Dispatcher;
  /** For messages: "GET manifest of registry/repository:tag". */
  readonly what: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** What was sent and must not be told, although the answer may echo it. */
  readonly secrets: readonly string[];
}

const MAX_ERROR_BYTES = 64 * 1024;
const MAX_RETRY_AFTER_MS = 24 * 60 * 60_000;

/** One exchange, bounded in bytes and time. @throws OciError Unreachable, Timeout, TooLarge or AddressRefused */
export async function exchange(input: HttpRequest): Promise<HttpAnswer> {
  try {
    const { body: bytes = new Uint8Array(), pass } = input;
    const answer = await request(input.url, {
      method: input.method,
      headers: {
        ...input.headers,
        'accept-encoding': 'identity',
        ...(pass === undefined ? {} : { 'content-length': String(bytes.byteLength) }),
      },
      body: pass === undefined ? (input.body ?? null) : fencedBody(bytes, pass),
      signal: input.signal,
      dispatcher: input.dispatcher,
    });
    const headers = new Map<string, string>();
    for (const [name, value] of Object.entries(answer.headers)) {
      if (value !== undefined) headers.set(name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value);
    }
    const failed = answer.statusCode >= 300;
    const limit = failed ? MAX_ERROR_BYTES : input.maxBytes;
    if (!failed && (headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity') {
      answer.body.on('error', () => undefined).destroy();
      throw new OciError('ServerError', `${input.what}: expected the content as it is, found it under an encoding`);
    }
    const body = input.method === 'HEAD' ? await drain(answer.body) : await readBody(answer.body, limit, failed);
    const secrets = secretsSent(input.headers, input.body);
    return { status: answer.statusCode, headers, body, secrets };
  } catch (error) {
    throw transportError(error, input);
  }
}

async function drain(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  await body.dump();
  return Buffer.alloc(0);
}

async function readBody(body: Dispatcher.ResponseData['body'], maxBytes: number, failed: boolean): Promise<Buffer> {
  try {
    const bytes = await readBounded(body, maxBytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    // Nobody needs the whole of an error page.
    if (failed && error instanceof TooLargeError) return Buffer.alloc(0);
    throw error;
  }
}

function transportError(error: unknown, { what, signal, maxBytes }: HttpRequest): OciError {
  if (error instanceof OciError) return error;
  const refused = findCause(error, (cause) => cause instanceof AddressRefusedError);
  if (refused instanceof Error) return new OciError('AddressRefused', `${what}: ${refused.message}`, { cause: error });
  if (error instanceof TooLargeError) {
    return new OciError('TooLarge', `${what}: the answer is larger than the limit of ${maxBytes} bytes`, {
      cause: error,
    });
  }
  const isTimeout = signal.aborted || (error instanceof Error && /Timeout/.test(error.name));
  if (isTimeout) return new OciError('Timeout', `${what}: no complete answer in time`, { cause: error });
  const code = findCause(error, (cause) => cause instanceof Error && 'code' in cause && typeof cause.code === 'string');
  const hint = hintOf(code instanceof Error && 'code' in code ? String(code.code) : '');
  const proxy = /^Proxy response \((\d{3})\)/.exec(code instanceof Error ? code.message : '');
  if (proxy !== null) {
    const message = `${what}: the registry cannot be reached: the proxy of HTTPS_PROXY or HTTP_PROXY answered ${proxy[1]}; check the host's name, and whether the proxy lets it through`;
    return new OciError('Unreachable', message, { cause: error });
  }
  const reason = code instanceof Error && 'code' in code ? `${String(code.code)} ` : '';
  const text = code instanceof Error ? code.message : String(error);
  return new OciError('Unreachable', `${what}: the registry cannot be reached: ${reason}${printable(text)}${hint}`, {
    cause: error,
  });
}

/** What would help against a fault of TLS. */
function hintOf(code: string): string {
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/.test(code))
    return '; it does not speak TLS: if plain HTTP is meant, allow it for this host (operator and kubectl sealwatch: --plain-http-hosts; command: --plain-http)';
  if (/CERT|^UNABLE_TO_/.test(code))
    return '; its certificate does not hold: if it is of a private CA, name that CA (operator: registry.caBundleFrom or --registry-ca; command: --ca-file)';
  return '';
}

function findCause(error: unknown, matches: (cause: unknown) => boolean): unknown {
  let cause = error;
  for (let depth = 0; depth < 5 && cause !== undefined && cause !== null; depth += 1) {
    if (matches(cause)) return cause;
    if (cause instanceof AggregateError && cause.errors.some(matches)) return cause.errors.find(matches);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return undefined;
}

/**
 * The error that an answer with a failing status is.
 * @param whenMissing what to do where the registry itself says that there is no such thing
 */
export function statusError(what: string, answer: HttpAnswer, whenMissing?: string): OciError {
  const { status } = answer;
  const told = registryError(answer);
  const retryAfterMs = retryAfter(answer.headers.get('retry-after'));
  const options = {
    status,
    ...(told.code === undefined ? {} : { registryCode: told.code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const said = told.text === '' ? `${status}` : `${status} ${told.text}`;
  if (status === 401) {
    return new OciError(
      'Unauthorized',
      `${what}: the registry asks for other credentials (${said}): give credentials: spec.registry.secretRefs of a request, --registry-config of the operator, or sealwatch login`,
      options,
    );
  }
  if (status === 403 || isRefusal(status, told.code))
    return new OciError(
      'Denied',
      `${what}: the registry denies access (${said}): check the permissions of the credentials`,
      options,
    );
  if (status === 404) {
    // A load balancer without a backend says 404 too: without a registry's own code that is no answer of a registry.
    return told.code === undefined
      ? new OciError('ServerError', `${what}: not found, but no registry says so (${said}): check the host`, options)
      : new OciError(
          'NotFound',
          `${what}: not found (${said})${whenMissing === undefined ? '' : `: ${whenMissing}`}`,
          options,
        );
  }
  if (status === 405)
    return new OciError('Denied', `${what}: the registry does not allow this operation (${said})`, options);
  if (status === 429)
    return new OciError('RateLimited', `${what}: the registry limits the rate of requests (${said})`, options);
  if (status >= 500) return new OciError('ServerError', `${what}: the registry failed (${said})`, options);
  return new OciError('ServerError', `${what}: unexpected answer ${said}`, options);
}

/** Whether a registry does not take the credentials that it was sent. */
export function refusesCredentials(answer: HttpAnswer): boolean {
  const { status } = answer;
  return status === 401 || status === 403 || isRefusal(status, registryError(answer).code);
}

/** ECR says 400 to a password that it never gave. */
function isRefusal(status: number, code: string | undefined): boolean {
  return status === 400 && (code === 'DENIED' || code === 'UNAUTHORIZED');
}

/** Error code and message of a registry, cut and cleaned: nothing else of an answer is ever told. */
function registryError({ body, secrets }: Pick<HttpAnswer, 'body' | 'secrets'>): {
  readonly code?: string;
  readonly text: string;
} {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    return { text: '' };
  }
  const errors = typeof parsed === 'object' && parsed !== null && 'errors' in parsed ? parsed.errors : undefined;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== 'object' || first === null) return { text: '' };
  const code =
    'code' in first && typeof first.code === 'string' ? printable(withoutSecrets(first.code, secrets), 50) : undefined;
  const message =
    'message' in first && typeof first.message === 'string' ? printable(withoutSecrets(first.message, secrets)) : '';
  const text = [code, message].filter((part) => part !== undefined && part !== '').join(': ');
  return { text, ...(code === undefined ? {} : { code }) };
}

/**
 * Reads Retry-After (RFC 9110 §10.2.3): seconds, or a date.
 * @returns milliseconds, at most a day; undefined when it is absent or cannot be read
 */
export function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
