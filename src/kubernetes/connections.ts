import type { KubeConfig } from '@kubernetes/client-node';
import { RequestContext } from '@kubernetes/client-node';
import { Agent, type Dispatcher, request } from 'undici';
import { fencedBody, type WritePass } from '../transport/index.ts';
import { ApiError } from './api-error.ts';
import { CredentialSource, type Credentials } from './credentials.ts';
import { awaitUnlessAborted, isTimeout } from './deadline.ts';
import { DEFAULT_PING, Http2Connection, type PingTiming, type StreamedAnswer } from './http2-connection.ts';
import { createResettableConnector } from './resettable-connector.ts';

/** More requests than this at once would only queue in the API server's priority and fairness. */
const MAX_CONNECTIONS = 32;
/** A peer that spoke HTTP/1.1 is asked for HTTP/2 again after this long. */
const HTTP1_MEMORY_MS = 600_000;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of a write, which alone has a body: asked once more when the bytes leave. */
  readonly pass?: WritePass;
  readonly signal: AbortSignal;
}

/** A watch's answer; `liveness` says how a silent peer is noticed. */
export interface WatchAnswer extends StreamedAnswer {
  readonly liveness: 'ping' | 'silence';
}

/**
 * Connections to one API server: a pool of HTTP/1.1 for requests, one HTTP/2 connection for all watches.
 *
 * Where the peer speaks no HTTP/2 (a proxy between, plain HTTP), watches go over the pool as well, and only silence
 * can tell a dead peer; the caller then has to reopen a silent watch.
 */
export class Connections {
  readonly #kubeConfig: KubeConfig;
  readonly #credentials: CredentialSource;
  readonly #server: URL;
  readonly #base: string;
  readonly #ping: PingTiming;
  #pool: { readonly fingerprint: string; readonly dispatcher: Promise<Dispatcher> } | undefined;
  #http2: { readonly fingerprint: string; readonly connection: Promise<Http2Connection | undefined> } | undefined;
  #http1Until = 0;
  /** Ends the connections of a pool, so that nothing of a write is sent again. */
  readonly #resets = new WeakMap<Dispatcher, () => void>();

  constructor(kubeConfig: KubeConfig, ping: PingTiming = DEFAULT_PING) {
    const cluster = kubeConfig.getCurrentCluster();
    if (cluster === null) {
      throw new TypeError('the kubeconfig names no current cluster: set current-context, or run within a cluster');
    }
    this.#kubeConfig = kubeConfig;
    this.#credentials = new CredentialSource(kubeConfig);
    this.#server = new URL(cluster.server);
    this.#base = cluster.server.replace(/\/+$/, '');
    this.#ping = ping;
    if (cluster.proxyUrl !== undefined || this.#server.protocol !== 'https:') {
      this.#http1Until = Number.POSITIVE_INFINITY;
    }
  }

  /** Makes the next request read tokens, client certificates and CA anew. */
  expireCredentials(): void {
    this.#credentials.expire();
  }

  /** Sends a request; resolves with the headers of its answer. Throws ApiError of status 0, or the signal's reason. */
  async send(input: HttpRequest): Promise<Dispatcher.ResponseData> {
    return this.#send(await this.#readCredentials(input.signal), input);
  }

  /** Opens a watch. Throws as `send` does. */
  async watch(input: HttpRequest): Promise<WatchAnswer> {
    const credentials = await this.#readCredentials(input.signal);
    const connection = await this.#unlessAborted(this.#http2Connection(credentials), input.signal);
    if (connection !== undefined) {
      try {
        const path = new URL(this.#base + input.path);
        const answer = await connection.get(
          path.pathname + path.search,
          { ...input.headers, ...credentials.headers },
          input.signal,
        );
        return { ...answer, liveness: 'ping' };
      } catch (error) {
        throw this.#explain(error, input.signal);
      }
    }
    const answer = await this.#send(credentials, input);
    // An abort destroys the body with an error, also when nobody reads it.
    answer.body.on('error', () => {});
    const retryAfter = answer.headers['retry-after'];
    return {
      status: answer.statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
      body: answer.body,
      liveness: 'silence',
    };
  }

  /** Ends every connection; requests under way fail. */
  async close(): Promise<void> {
    const http2 = this.#http2;
    const pool = this.#pool;
    this.#http2 = undefined;
    this.#pool = undefined;
    const connection = await http2?.connection.catch(() => undefined);
    connection?.close();
    await (await pool?.dispatcher)?.destroy();
  }

  async #send(credentials: Credentials, input: HttpRequest): Promise<Dispatcher.ResponseData> {
    const dispatcher = await this.#dispatcher(credentials);
    const { body, pass } = input;
    const bytes = pass === undefined ? undefined : Buffer.from(body ?? '', 'utf8');
    // A signal of its own: the connections are reset before undici closes one in the ordinary way.
    const aborting = new AbortController();
    const onAbort = (): void => {
      if (pass?.signal.aborted === true) this.#resets.get(dispatcher)?.();
      aborting.abort(input.signal.reason);
    };
    if (input.signal.aborted) onAbort();
    input.signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await request(this.#base + input.path, {
        method: input.method,
        headers: {
          ...input.headers,
          ...credentials.headers,
          ...(bytes === undefined ? {} : { 'content-length': String(bytes.byteLength) }),
        },
        dispatcher,
        signal: aborting.signal,
        body: bytes !== undefined && pass !== undefined ? fencedBody(bytes, pass) : null,
      });
    } catch (error) {
      throw this.#explain(error, input.signal);
    }
  }

  /** An exec plug-in may hang; a connection may take its 10 s. */
  async #unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await awaitUnlessAborted(promise, signal);
    } catch (error) {
      throw signal.aborted ? this.#explain(error, signal) : error;
    }
  }

  async #readCredentials(signal: AbortSignal): Promise<Credentials> {
    try {
      return await this.#unlessAborted(this.#credentials.current(), signal);
    } catch (cause) {
      if (signal.aborted) {
        throw cause;
      }
      const message = `the credentials for the API server cannot be read: ${messageOf(cause)}`;
      throw new ApiError(message, { status: 0, reason: 'Unreachable', cause });
    }
  }

  async #dispatcher(credentials: Credentials): Promise<Dispatcher> {
    if (this.#pool?.fingerprint !== credentials.tlsFingerprint) {
      const old = this.#pool;
      // Kept before it is ready: who comes meanwhile waits for the same one.
      this.#pool = { fingerprint: credentials.tlsFingerprint, dispatcher: this.#createDispatcher(credentials) };
      // The old pool ends when its last answer was read.
      old?.dispatcher.then((dispatcher) => dispatcher.close()).catch(() => {});
    }
    return this.#pool.dispatcher;
  }

  async #createDispatcher(credentials: Credentials): Promise<Dispatcher> {
    if (this.#kubeConfig.getCurrentCluster()?.proxyUrl !== undefined) {
      return proxyDispatcher(this.#kubeConfig);
    }
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = credentials.tls;
    const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
    const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    const { connect, reset } = createResettableConnector(given);
    const agent = new Agent({
      connect,
      connections: MAX_CONNECTIONS,
      allowH2: false,
      // The deadline of each request is its signal; a watch may be silent for minutes.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#resets.set(agent, reset);
    return agent;
  }

  async #http2Connection(credentials: Credentials): Promise<Http2Connection | undefined> {
    if (performance.now() < this.#http1Until) {
      return undefined;
    }
    const held = this.#http2;
    if (held !== undefined) {
      const connection = await held.connection.catch(() => undefined);
      if (connection?.usable && held.fingerprint === credentials.tlsFingerprint) {
        return connection;
      }
      if (this.#http2 === held) {
        connection?.retire();
        this.#http2 = undefined;
      }
    }
    // Another watch may have begun a connection while this one waited.
    this.#http2 ??= {
      fingerprint: credentials.tlsFingerprint,
      connection: Http2Connection.open(this.#server, credentials, this.#ping),
    };
    try {
      const connection = await this.#http2.connection;
      if (connection === undefined) {
        this.#http1Until = performance.now() + HTTP1_MEMORY_MS;
      }
      return connection;
    } catch (error) {
      this.#credentials.expire();
      throw error;
    }
  }

  /** Turns a fault of the connection into an ApiError; an abort by the caller stays what it is. */
  #explain(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) {
      const reason: unknown = signal.reason;
      return isTimeout(reason)
        ? new ApiError(`the API server ${this.#server.host} gave ${messageOf(reason)}`, {
            status: 0,
            reason: 'Timeout',
            cause: reason,
          })
        : reason;
    }
    if (error instanceof ApiError) {
      return error;
    }
    // A rotated CA or client certificate shows as a failed handshake: read the files again.
    this.#credentials.expire();
    return new ApiError(`the API server ${this.#server.host} cannot be reached: ${messageOf(error)}`, {
      status: 0,
      reason: 'Unreachable',
      cause: error,
    });
  }
}

/** client-node alone knows how to build a dispatcher for HTTP and SOCKS proxies. */
async function proxyDispatcher(kubeConfig: KubeConfig): Promise<Dispatcher> {
  let dispatcher: Dispatcher | undefined;
  const context = {
    setHeaderParam: () => {},
    setDispatcher: (given: Dispatcher) => {
      dispatcher = given;
    },
  };
  await kubeConfig.applySecurityAuthentication(Object.assign(Object.create(RequestContext.prototype), context));
  return dispatcher ?? new Agent();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
