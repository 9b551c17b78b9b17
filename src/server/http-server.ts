import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> };
  readonly ready: () => { readonly ready: boolean; readonly message: string };
  readonly logger: Logger;
}

/** Serves /healthz, /readyz and /metrics; nothing of it can hold up a reconcile. */
export class HttpServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws Error that names the address when it cannot be listened on */
  static async listen(options: HttpServerOptions): Promise<HttpServer> {
    const server = createServer(
      { requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 16 * 1024 },
      (request, response) => {
        respond(options, request, response).catch((error: unknown) => {
          options.logger.error({ err: error }, 'a request to the probe server failed');
          response.destroy();
        });
      },
    );
    server.maxConnections = 64;
    // A scraper that does not read its answer is cut off.
    server.setTimeout(15_000, (socket) => socket.destroy());
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

async function respond(options: HttpServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
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
      send(200, await options.metrics.text(), options.metrics.contentType);
      return;
    default:
      send(404, 'not found: /healthz, /readyz and /metrics are served\n');
  }
}
