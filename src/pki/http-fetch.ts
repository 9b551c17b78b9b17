import { type Dispatcher, request } from 'undici';
import { type Fetch, FetchError, type FetchRequest } from '../notary/index.ts';
import {
  AddressRefusedError,
  DeadlineError,
  printable,
  readBounded,
  TooLargeError,
  withDeadline,
} from '../transport/index.ts';

export interface HttpFetchOptions {
  /** Holds the address rule (notary.md H7): one of `createDispatcher`. */
  readonly dispatcher: Dispatcher;
  readonly userAgent: string;
  /** Told of every exchange. */
  readonly onRequest?: (exchange: {
    readonly host: string;
    readonly outcome: 'success' | 'aborted' | FetchError['code'];
    readonly durationMs: number;
  }) => void;
}

const MAX_HOST = 100;

/**
 * HTTP to OCSP responders, hosts of CRLs and time stamping authorities: no credentials, no redirects, nothing
 * decompressed, bounded in bytes and in time. The addresses come from certificates, so the dispatcher checks each
 * connection's. Nothing that such a host says is told but its status.
 */
export function createHttpFetch(options: HttpFetchOptions): Fetch {
  return async (wanted, signal) => {
    const url = addressOf(wanted);
    const started = performance.now();
    let outcome: 'success' | 'aborted' | FetchError['code'] = 'aborted';
    try {
      const answer = await withDeadline(wanted.timeoutMs, signal, (deadline) =>
        exchange(options, wanted, url, deadline.signal),
      );
      outcome = 'success';
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      const fault = fetchError(error, url.host, wanted);
      outcome = fault.code;
      throw fault;
    } finally {
      const host = printable(url.host, MAX_HOST);
      options.onRequest?.({ host, outcome, durationMs: performance.now() - started });
    }
  };
}

function addressOf({ url: text }: FetchRequest): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new FetchError('Refused', `expected an http or https address, found ${printable(text, MAX_HOST)}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new FetchError('Refused', `${printable(url.host, MAX_HOST)}: an address with credentials is not fetched`);
  }
  return url;
}

async function exchange(
  { dispatcher, userAgent }: HttpFetchOptions,
  wanted: FetchRequest,
  url: URL,
  signal: AbortSignal,
): Promise<{ readonly body: Uint8Array }> {
  const answer = await request(url, {
    method: wanted.method,
    headers: { ...wanted.headers, 'user-agent': userAgent, 'accept-encoding': 'identity' },
    body: wanted.body ?? null,
    signal,
    dispatcher,
  });
  const encoding = answer.headers['content-encoding'] ?? 'identity';
  const refused = answer.statusCode !== 200 ? statusText(answer.statusCode) : encodingProblem(encoding);
  if (refused !== undefined) {
    // The error that ends an unread body is of nobody's interest.
    answer.body.on('error', () => undefined).destroy();
    throw new FetchError('BadStatus', `${printable(url.host, MAX_HOST)}: ${refused}`);
  }
  return { body: await readBounded(answer.body, wanted.maxBytes, signal) };
}

function statusText(status: number): string {
  return status >= 300 && status < 400
    ? `expected status 200, found ${status}; redirects are not followed`
    : `expected status 200, found ${status}`;
}

function encodingProblem(encoding: string | string[]): string | undefined {
  return String(encoding).toLowerCase() === 'identity'
    ? undefined
    : 'expected the content as it is, found it under an encoding';
}

function fetchError(error: unknown, rawHost: string, { maxBytes, timeoutMs }: FetchRequest): FetchError {
  if (error instanceof FetchError) return error;
  const host = printable(rawHost, MAX_HOST);
  const refused = findCause(error, (cause) => cause instanceof AddressRefusedError);
  if (refused !== undefined) return new FetchError('Refused', refused.message, { cause: error });
  if (error instanceof TooLargeError) {
    return new FetchError('TooLarge', `${host}: the answer is larger than the limit of ${maxBytes} bytes`, {
      cause: error,
    });
  }
  if (error instanceof DeadlineError || (error instanceof Error && /Timeout/.test(error.name))) {
    return new FetchError('Timeout', `${host}: no complete answer within ${timeoutMs / 1000} s`, { cause: error });
  }
  const coded = findCause(error, (cause) => 'code' in cause && typeof cause.code === 'string');
  const code = coded !== undefined && 'code' in coded ? ` (${printable(String(coded.code), 50)})` : '';
  return new FetchError('Unreachable', `${host}: it cannot be reached, or breaks off${code}`, { cause: error });
}

function findCause(error: unknown, matches: (cause: Error) => boolean): Error | undefined {
  let cause = error;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth += 1) {
    if (matches(cause)) return cause;
    cause = cause.cause;
  }
  return undefined;
}
