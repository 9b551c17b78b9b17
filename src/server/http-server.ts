import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from 'pino';
import { OldestFirst } from './oldest-first.ts';
import { paced } from './paced.ts';

/** Of one server; a probe or a scrape lasts milliseconds. */
const MAX_CONNECTIONS = 64;
/** Answers to scrapes that are being read: each may hold some megabytes. */
const MAX_SCRAPES = 4;
/** The metrics are put together no more often than this: at 10,000 pods that is work. */
const SCRAPE_INTERVAL_MS = 100;
/** A peer that sends and reads nothing is cut off after this. */
const IDLE_MS = 15_000;

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> };
  readonly ready: () => { readonly ready: boolean; readonly message: string };
  readonly logger: Logger;
}

/**
 * Serves /healthz, /readyz and /metrics; nothing of it can hold up a reconcile (faults.md 51). Peers that open
 * connections and leave them, or read no answer, are the first to be cut off when there are too many: whoever comes
 * last is served, so that a probe of the kubelet always is.
 */
export class HttpServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws Error that names the address when it cannot be listened on */
  static async listen(options: HttpServerOptions): Promise<HttpServer> {
    const scrapes = new OldestFirst<ServerResponse>(MAX_SCRAPES);
    const text = paced(SCRAPE_INTERVAL_MS, () => options.metrics.text());
    const server = createServer(
      { requestTimeout: 10_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000, maxHeaderSize: 16 * 1024 },
      (request, response) => {
        respond({ ...options, text, scrapes }, request, response).catch((error: unknown) => {
          options.logger.error({ err: error }, 'a request to the probe server failed');
          response.destroy();
        });
      },
    );
    const connections = new OldestFirst<Socket>(MAX_CONNECTIONS);
    server.on('connection', (socket) => connections.add(socket));
    server.setTimeout(IDLE_MS, (socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(
          new Error(`--listen-address ${options.host}:${options.port} cannot be listened on: ${error.message}`, {
            cause: error,
          }),
        ),
      );
      server.listen(options.port, options.host, resolve);
    });
    return new HttpServer(server);
  }

  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function respond(
  options: HttpServerOptions & { readonly text: () => Promise<string>; readonly scrapes: OldestFirst<ServerResponse> },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(405, 'only GET and HEAD\n');
    return;
  }
  switch (request.url?.split('?')[0]) {
    case '/healthz':
      send(200, 'ok\n');
      return;
    case '/readyz': {
      const { ready, message } = options.ready();
      send(ready ? 200 : 503, `${message}\n`);
      return;
    }
    case '/metrics':
      options.scrapes.add(response);
      send(200, await options.text(), options.metrics.contentType);
      return;
    default:
      send(404, 'not found: /healthz, /readyz and /metrics are served\n');
  }
}
