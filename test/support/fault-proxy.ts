import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureVersion } from 'node:tls';
import { sendUnder, type WireAnswer, type WireFault } from './wire-faults.ts';

/** What a request to a registry is for. */
export type RegistryOperation =
  | 'ping'
  | 'token'
  | 'manifest'
  | 'blob'
  | 'referrers'
  | 'push-blob'
  | 'push-manifest'
  | 'delete'
  | 'other';

/** A request as it came to the proxy. */
export interface ProxiedRequest {
  readonly operation: RegistryOperation;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** The connection it came on: equal numbers, the same connection. */
  readonly connection: number;
  /** By performance.now(). */
  readonly at: number;
}

/** Which requests a fault is for: all that is given must hold. */
export interface RequestMatcher {
  readonly operation?: RegistryOperation;
  readonly method?: string;
  /** Of path and query. */
  readonly url?: RegExp;
}

export interface InjectedFault {
  /** Requests that it met. */
  readonly hits: () => number;
  /** Bytes of bodies that were sent under it. */
  readonly sentBytes: () => number;
  readonly remove: () => void;
}

export interface ServerCertificate {
  /** PEM, leaf first. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface FaultProxyOptions {
  /** Speaks TLS with clients. */
  readonly tls?: ServerCertificate & { readonly minVersion?: SecureVersion; readonly maxVersion?: SecureVersion };
}

interface Rule {
  readonly matcher: RequestMatcher;
  readonly fault: WireFault;
  left: number;
  hits: number;
  sentBytes: number;
}

/**
 * A real HTTP reverse proxy on 127.0.0.1 before a real registry: it records what passes, and spoils what it is told to.
 * Clients see the registry under the proxy's own host.
 */
export class FaultProxy {
  /** Every request that came, in order; empty it (`length = 0`) to count anew. */
  readonly requests: ProxiedRequest[] = [];
  readonly #upstream: string;
  readonly #options: FaultProxyOptions;
  readonly #connections = new Set<Socket>();
  /** Of the sockets that requests come on: under TLS those stand on others. */
  readonly #numbers = new WeakMap<Socket, number>();
  #rules: Rule[] = [];
  #server: Server | TlsServer | undefined;
  #port = 0;
  #opened = 0;

  constructor(upstream: string, options: FaultProxyOptions) {
    this.#upstream = upstream;
    this.#options = options;
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get origin(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${this.host}`;
  }

  /** Connections that were opened so far, those of failed TLS handshakes included. */
  get connectionsOpened(): number {
    return this.#opened;
  }

  /** How many requests of each operation came. */
  counts(): Partial<Record<RegistryOperation, number>> {
    const counts: Partial<Record<RegistryOperation, number>> = {};
    for (const { operation } of this.requests) counts[operation] = (counts[operation] ?? 0) + 1;
    return counts;
  }

  /** Spoils matching requests from now on, the first `times` of them; of several faults the one given last counts. */
  inject(matcher: RequestMatcher, fault: WireFault, times = Number.POSITIVE_INFINITY): InjectedFault {
    const rule: Rule = { matcher, fault, left: times, hits: 0, sentBytes: 0 };
    this.#rules.unshift(rule);
    return {
      hits: () => rule.hits,
      sentBytes: () => rule.sentBytes,
      remove: () => {
        this.#rules = this.#rules.filter((each) => each !== rule);
      },
    };
  }

  /** Takes every fault away. */
  heal(): void {
    this.#rules = [];
  }

  /** Refuses connections from now on, and resets those that there are. */
  async refuse(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.dropConnections();
    await closed;
  }

  /** Accepts connections, at the same port as before. */
  async listen(): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse): void => this.#answer(request, response);
    const { tls } = this.#options;
    const server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls }, answer);
    server.on('connection', (socket: Socket) => {
      this.#opened += 1;
      this.#connections.add(socket);
      this.#numbers.set(socket, this.#opened);
      socket.once('close', () => this.#connections.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    server.on('secureConnection', (socket: Socket) => this.#numbers.set(socket, this.#opened));
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Shows another certificate from now on; connections under the old one end. */
  replaceCertificate(certificate: ServerCertificate): void {
    const server = this.#server;
    if (server === undefined || !('setSecureContext' in server)) throw new Error('the proxy does not speak TLS');
    server.setSecureContext({ ...this.#options.tls, ...certificate });
    this.dropConnections();
  }

  dropConnections(): void {
    for (const socket of this.#connections) socket.resetAndDestroy();
  }

  stop(): Promise<void> {
    return this.refuse();
  }

  #answer(incoming: IncomingMessage, response: ServerResponse): void {
    const request = this.#record(incoming);
    const rule = this.#rules.find(({ matcher, left }) => left > 0 && matches(matcher, request));
    if (rule !== undefined) {
      rule.left -= 1;
      rule.hits += 1;
    }
    response.on('error', () => undefined);
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('error', () => response.destroy());
    incoming.on('end', () => {
      this.#exchange(request, Buffer.concat(chunks), rule, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else response.writeHead(502, { 'content-type': 'text/plain' }).end(String(error));
      });
    });
  }

  #record(incoming: IncomingMessage): ProxiedRequest {
    const { method = '', url = '', headers, socket } = incoming;
    const connection = this.#numbers.get(socket) ?? 0;
    const request = { operation: operationOf(method, url), method, url, headers, connection, at: performance.now() };
    this.requests.push(request);
    return request;
  }

  async #exchange(
    request: ProxiedRequest,
    body: Buffer,
    rule: Rule | undefined,
    response: ServerResponse,
  ): Promise<void> {
    const fault = rule?.fault;
    switch (fault?.kind) {
      case 'reset':
        if (response.socket !== null) response.socket.resetAndDestroy();
        return;
      case 'hang':
        return;
      case 'redirect':
        response.writeHead(fault.status ?? 307, { location: `${fault.origin}${request.url}` }).end();
        return;
      case 'answer': {
        const { status, headers = {}, body: content = Buffer.alloc(0) } = fault.answer(request) ?? {};
        if (status !== undefined) {
          await sendUnder(undefined, { status, headers, body: content }, request, response);
          return;
        }
      }
    }
    const answer = await this.#forward(request, body);
    const sent = await sendUnder(fault, answer, request, response);
    if (rule !== undefined) rule.sentBytes += sent;
  }

  #forward(request: ProxiedRequest, body: Buffer): Promise<WireAnswer> {
    const [host, port] = this.#upstream.split(':');
    const { connection: _, 'transfer-encoding': __, ...passed } = request.headers;
    const scheme = this.#options.tls === undefined ? {} : { 'x-forwarded-proto': 'https' };
    const headers = { ...passed, ...scheme, 'content-length': String(body.byteLength) };
    return new Promise((resolve, reject) => {
      const upstream = forward({ host, port, method: request.method, path: request.url, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const given: Record<string, string | readonly string[]> = {};
          for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) given[name] = value;
          resolve({ status: answer.statusCode ?? 502, headers: given, body: Buffer.concat(chunks) });
        });
      });
      upstream.on('error', reject);
      upstream.end(body);
    });
  }
}

/**
 * Starts a proxy before a registry.
 * @param upstream `host:port`, of plain HTTP
 */
export async function startFaultProxy(upstream: string, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const proxy = new FaultProxy(upstream, options);
  await proxy.listen();
  return proxy;
}

function matches({ operation, method, url }: RequestMatcher, request: ProxiedRequest): boolean {
  return (
    (operation === undefined || operation === request.operation) &&
    (method === undefined || method === request.method) &&
    (url === undefined || url.test(request.url))
  );
}

function operationOf(method: string, url: string): RegistryOperation {
  const path = url.split('?')[0] ?? '';
  const isRead = method === 'GET' || method === 'HEAD';
  if (/^\/v2\/?$/.test(path)) return 'ping';
  if (/\/token$/.test(path)) return 'token';
  if (!path.startsWith('/v2/')) return 'other';
  if (method === 'DELETE') return 'delete';
  if (/\/blobs\/uploads\//.test(path) || (!isRead && /\/blobs\//.test(path))) return 'push-blob';
  if (/\/manifests\/[^/]+$/.test(path)) return isRead ? 'manifest' : 'push-manifest';
  if (/\/blobs\/[^/]+$/.test(path)) return 'blob';
  return /\/referrers\/[^/]+$/.test(path) ? 'referrers' : 'other';
}
