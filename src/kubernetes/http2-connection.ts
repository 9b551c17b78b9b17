import http2 from 'node:http2';
import tls from 'node:tls';
import { ApiError } from './api-error.ts';
import type { Credentials } from './credentials.ts';

/** How soon a silent peer is given up. */
export interface PingTiming {
  /** From one answered ping to the next. */
  readonly intervalMs: number;
  /** From a ping to its answer. */
  readonly timeoutMs: number;
}

/** At most 30 s until a dead connection is noticed; faults.md 2 allows 45 s. */
export const DEFAULT_PING: PingTiming = { intervalMs: 15_000, timeoutMs: 15_000 };

const CONNECT_TIMEOUT_MS = 10_000;
/** Room for a burst of events; node's 64 KiB would cost a round trip each 64 KiB. */
const WINDOW_BYTES = 1024 * 1024;

/** An answer whose body is still to come. */
export interface StreamedAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: AsyncIterable<Uint8Array> & { destroy(): void };
}

/**
 * One HTTP/2 connection to the API server, for watches.
 *
 * Watches are silent for minutes in a quiet cluster, so silence says nothing about the peer. A PING frame does, on
 * the same connection and without a request: what client-go does with its ReadIdleTimeout and PingTimeout. TCP
 * keep-alive is no replacement: a load balancer or a stopped process answers it too, and its default count takes
 * minutes. A connection that misses one ping is destroyed, and every stream on it ends with an error.
 */
export class Http2Connection {
  readonly #session: http2.ClientHttp2Session;
  readonly #ping: PingTiming;
  #timer: NodeJS.Timeout | undefined;

  private constructor(session: http2.ClientHttp2Session, ping: PingTiming) {
    this.#session = session;
    this.#ping = ping;
    session.setLocalWindowSize(WINDOW_BYTES);
    // Streams report the error; without a listener the session's own would end the process.
    session.on('error', () => {});
    session.once('close', () => clearTimeout(this.#timer));
    this.#schedulePing();
  }

  /** Connects; undefined where the peer speaks HTTP/1.1 alone. Throws ApiError Unreachable. */
  static async open(
    server: URL,
    credentials: Credentials,
    ping: PingTiming = DEFAULT_PING,
  ): Promise<Http2Connection | undefined> {
    const socket = await connectTls(server, credentials);
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return undefined;
    }
    const session = http2.connect(server.origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    return new Promise((resolve, reject) => {
      const onError = (error: Error) => reject(unreachable(server, error));
      const onClose = () => onError(new Error('the connection closed before it was established'));
      session.once('error', onError);
      session.once('close', onClose);
      session.once('connect', () => {
        session.off('error', onError);
        session.off('close', onClose);
        resolve(new Http2Connection(session, ping));
      });
    });
  }

  /** False once the connection is lost, or the server asked (GOAWAY) that new requests go elsewhere. */
  get usable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** Sends a GET; resolves with the headers of the answer. An abort cancels the stream at any time. */
  get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<StreamedAnswer> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const stream = this.#session.request({ ':method': 'GET', ':path': path, ...lowerCased(headers) });
      const onAbort = () => stream.destroy(abortError(signal));
      signal.addEventListener('abort', onAbort, { once: true });
      stream.once('close', () => {
        signal.removeEventListener('abort', onAbort);
        reject(new Error('the connection closed before an answer came'));
      });
      stream.on('error', reject);
      stream.once('response', (answer) => {
        resolve({ status: Number(answer[':status']), retryAfter: answer['retry-after'], body: stream });
      });
      stream.end();
    });
  }

  /** Ends the connection and every stream on it. */
  close(): void {
    this.#session.destroy();
  }

  /** Lets the streams that are open end in their own time. */
  retire(): void {
    this.#session.close();
  }

  #schedulePing(): void {
    this.#timer = setTimeout(() => this.#sendPing(), this.#ping.intervalMs);
    this.#timer.unref();
  }

  #sendPing(): void {
    if (this.#session.destroyed) {
      return;
    }
    let answered = false;
    const giveUp = () => {
      if (!answered) {
        const message = `the API server did not answer an HTTP/2 ping within ${this.#ping.timeoutMs} ms`;
        this.#session.destroy(new Error(message));
      }
    };
    // After a stall of this process the timer fires before the answer, long since arrived, is read: one turn of the
    // event loop reads it.
    this.#timer = setTimeout(() => setImmediate(giveUp), this.#ping.timeoutMs);
    this.#timer.unref();
    this.#session.ping((error) => {
      if (error === null) {
        answered = true;
        clearTimeout(this.#timer);
        this.#schedulePing();
      }
    });
  }
}

function connectTls(server: URL, credentials: Credentials): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const host = server.hostname.replace(/^\[|\]$/g, '');
    const socket = tls.connect({
      host,
      port: server.port === '' ? 443 : Number(server.port),
      ALPNProtocols: ['h2', 'http/1.1'],
      ...(isAddress(host) ? {} : { servername: host }),
      ...credentials.tls,
    });
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(unreachable(server, error));
    };
    const timer = setTimeout(
      () => fail(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)),
      CONNECT_TIMEOUT_MS,
    );
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

function isAddress(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(':');
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function unreachable(server: URL, cause: Error): ApiError {
  return new ApiError(`the API server ${server.host} cannot be reached: ${cause.message}`, {
    status: 0,
    reason: 'Unreachable',
    cause,
  });
}

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}
