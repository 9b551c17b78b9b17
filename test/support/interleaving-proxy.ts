import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startSocketSet } from './socket-set.ts';

/** A request of one writer: `A GET`. A writer is known by its User-Agent. */
export type Step = `${string} ${'GET' | 'PUT'}`;

export interface InterleavingProxy {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /**
   * Lets the requests for tags of a repository (the tag schema's) through one after another, in this order, each only
   * when the one before is answered; what comes after the last goes through as it comes.
   */
  readonly order: (repository: string, steps: readonly Step[]) => void;
  /** The steps of a repository that have not come yet. */
  readonly left: (repository: string) => readonly Step[];
  /** What came to tags of a repository, in the order in which it was let through. */
  readonly seen: (repository: string) => readonly Step[];
  readonly stop: () => Promise<void>;
}

const TAG = /^\/v2\/(.+)\/manifests\/sha256-[0-9a-f]{64}$/;

/** A real HTTP proxy before a registry, which makes writers of one index meet at the points that a test names. */
export async function startInterleavingProxy(upstreamHost: string): Promise<InterleavingProxy> {
  const orders = new Map<string, Step[]>();
  const seen = new Map<string, Step[]>();
  const waiting = new Map<string, Map<Step, () => void>>();
  const letNext = (repository: string): void => {
    const next = orders.get(repository)?.[0];
    if (next === undefined) {
      // The order is over: whoever waits goes on.
      for (const [, go] of waiting.get(repository) ?? []) go();
      waiting.delete(repository);
      return;
    }
    const go = waiting.get(repository)?.get(next);
    waiting.get(repository)?.delete(next);
    go?.();
  };
  const turn = async (repository: string, step: Step): Promise<void> => {
    const next = orders.get(repository)?.[0];
    if (next === undefined || next === step) return;
    await new Promise<void>((resolve) => {
      const held = waiting.get(repository) ?? new Map<Step, () => void>();
      waiting.set(repository, held.set(step, resolve));
    });
  };
  const done = (repository: string, step: Step): void => {
    const order = orders.get(repository);
    if (order?.[0] === step) order.shift();
    letNext(repository);
  };

  const server = createServer((request, response) => {
    const [, repository] = TAG.exec(request.url ?? '') ?? [];
    if (repository === undefined) {
      pass(upstreamHost, request, response, () => undefined);
      return;
    }
    const step = `${request.headers['user-agent'] ?? ''} ${request.method}` as Step;
    void turn(repository, step).then(() => {
      seen.set(repository, [...(seen.get(repository) ?? []), step]);
      pass(upstreamHost, request, response, () => done(repository, step));
    });
  });
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    order: (repository, steps) => orders.set(repository, [...steps]),
    left: (repository) => orders.get(repository) ?? [],
    seen: (repository) => seen.get(repository) ?? [],
    stop: () => sockets.close(),
  };
}

/** Passes a request on, and tells when the whole answer is there: before any of it goes to the client. */
function pass(upstreamHost: string, request: IncomingMessage, response: ServerResponse, onAnswer: () => void): void {
  const [host, port] = upstreamHost.split(':');
  const { method, url, headers } = request;
  const upstream = forward({ host, port, method, path: url, headers }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.end(Buffer.concat(chunks));
      onAnswer();
    });
  });
  upstream.on('error', () => response.destroy());
  request.pipe(upstream);
}

/** Every order in which two writers can take their steps, each keeping its own. */
export function interleavings(a: readonly Step[], b: readonly Step[]): readonly (readonly Step[])[] {
  const [headA, ...restA] = a;
  const [headB, ...restB] = b;
  if (headA === undefined) return [b];
  if (headB === undefined) return [a];
  return [
    ...interleavings(restA, b).map((rest) => [headA, ...rest]),
    ...interleavings(a, restB).map((rest) => [headB, ...rest]),
  ];
}
