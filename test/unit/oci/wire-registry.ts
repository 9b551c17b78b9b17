import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startSocketSet } from '../../support/socket-set.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

export interface WireRegistry {
  readonly host: string;
  /** `METHOD /path?query`, with `(auth)` where an Authorization header came. */
  readonly requests: string[];
  readonly stop: () => Promise<void>;
}

/** A real HTTP server that answers as a test says: what is wrong with it is wrong on the wire. */
export async function startWireRegistry(handler: Handler): Promise<WireRegistry> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const auth = request.headers.authorization === undefined ? '' : ' (auth)';
      requests.push(`${request.method} ${request.url}${auth}`);
      handler(request, response, Buffer.concat(chunks));
    });
  });
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests, stop: () => sockets.close() };
}

/** Answers with a body and a content type. */
export function answer(
  response: ServerResponse,
  status: number,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body);
}
