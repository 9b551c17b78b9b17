import { createServer, request as forward, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { startSocketSet } from './socket-set.ts';

export interface NameProxy {
  /** For HTTP_PROXY. */
  readonly url: string;
  /** Every request that came, in order: `CONNECT host:port`, or method and URL. */
  readonly requests: string[];
  readonly stop: () => Promise<void>;
}

/**
 * An HTTP proxy that knows some names by heart: it lets real clients speak with `registry.example.com` on a machine
 * that has no such name. Other names are refused.
 * @param routes host name, without port, to `host:port`
 */
export async function startNameProxy(routes: Readonly<Record<string, string>>): Promise<NameProxy> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const target = URL.canParse(request.url ?? '') ? new URL(request.url ?? '') : undefined;
    const route = target === undefined ? undefined : routes[target.hostname];
    if (target === undefined || route === undefined) {
      response.writeHead(502, { 'content-type': 'text/plain' });
      response.end('no such host\n');
      return;
    }
    const [host, port] = route.split(':');
    const { method, headers } = request;
    const upstream = forward({ host, port, method, path: target.pathname + target.search, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  });
  const sockets = startSocketSet(server);
  server.on('connect', (request, client: Socket, head: Buffer) => {
    requests.push(`CONNECT ${request.url}`);
    const route = routes[(request.url ?? '').split(':')[0] ?? ''];
    if (route === undefined) {
      client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const [host, port] = route.split(':');
    const upstream = connect(Number(port), host ?? '', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client);
      client.pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return { url: `http://127.0.0.1:${address.port}`, requests, stop: () => sockets.close() };
}
