import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import pino, { type Logger } from 'pino';
import type { ResourceType } from '../../../src/api/group.ts';
import type { KubernetesObject } from '../../../src/api/object.ts';

export const CONFIG_MAPS: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Milliseconds of performance.now(). */
  readonly at: number;
}

type Answer = (response: ServerResponse, request: SeenRequest) => void;

/** A real HTTP server that plays an API server's answers, and its faults, byte by byte. */
export class WireServer {
  readonly requests: SeenRequest[] = [];
  readonly url: string;
  /** Answers every request that no test answers otherwise. */
  answer: Answer = (response) => response.writeHead(500).end();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', () => {});
      incoming.on('end', () => {
        const url = new URL(incoming.url ?? '/', this.url);
        const seen: SeenRequest = {
          method: incoming.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString('utf8'),
          at: performance.now(),
        };
        this.requests.push(seen);
        this.answer(response, seen);
      });
    });
  }

  static async start(): Promise<WireServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new WireServer(server);
  }

  /** Answers lists and watches apart; each function gets the number of its earlier calls. */
  serve(script: { list: (n: number) => Answer; watch: (n: number) => Answer }): void {
    let lists = 0;
    let watches = 0;
    this.answer = (response, request) => {
      if (request.query.get('watch') === 'true') {
        script.watch(watches++)(response, request);
      } else {
        script.list(lists++)(response, request);
      }
    };
  }

  lists(): SeenRequest[] {
    return this.requests.filter(({ query }) => !query.has('watch'));
  }

  watches(): SeenRequest[] {
    return this.requests.filter(({ query }) => query.has('watch'));
  }

  kubeConfig(user: object = { name: 'test' }): KubeConfig {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromOptions({
      clusters: [{ name: 'test', server: this.url, skipTLSVerify: true }],
      users: [user],
      contexts: [{ name: 'test', cluster: 'test', user: 'test' }],
      currentContext: 'test',
    });
    return kubeConfig;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export const silentLogger: Logger = pino({ level: 'silent' });

/** A ConfigMap of namespace `default`. */
export function configMap(name: string, resourceVersion: string, uid = `uid-${name}`): KubernetesObject {
  return { metadata: { name, namespace: 'default', uid, resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z' } };
}

export function list(items: readonly KubernetesObject[], resourceVersion: string, next?: string): Answer {
  const metadata = { resourceVersion, ...(next === undefined ? {} : { continue: next }) };
  return json(200, { kind: 'ConfigMapList', apiVersion: 'v1', metadata, items });
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
}

export function status(code: number, reason: string, message: string, more: object = {}): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, ...more };
}

export function refuse(code: number, reason: string, headers: Record<string, string> = {}): Answer {
  return json(code, status(code, reason, `${reason} said the server`), headers);
}

/** A watch: sends these lines, then stays open, ends in order, or is cut. */
export function watch(lines: readonly (object | string)[], then: 'stay' | 'end' | 'cut'): Answer {
  return (response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const text = lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join('');
    response.write(text === '' ? '\n' : text, () => {
      if (then === 'end') {
        response.end();
      } else if (then === 'cut') {
        response.socket?.resetAndDestroy();
      }
    });
  };
}

export const added = (object: KubernetesObject) => ({ type: 'ADDED', object });
export const modified = (object: KubernetesObject) => ({ type: 'MODIFIED', object });
export const deleted = (object: KubernetesObject) => ({ type: 'DELETED', object });
export const bookmark = (resourceVersion: string) => ({ type: 'BOOKMARK', object: { metadata: { resourceVersion } } });
export const errorEvent = (code: number, reason: string) => ({ type: 'ERROR', object: status(code, reason, reason) });
