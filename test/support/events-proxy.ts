import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as forward } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { ControlPlaneClient } from './control-plane-client.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { startSocketSet } from './socket-set.ts';
import { createTlsAuthority } from './tls-authority.ts';

const EVENTS = /^\/apis\/events\.k8s\.io\/v1\//;

/** What becomes of a request about events: it passes, is never answered, or is answered so. */
export type EventsFault = 'none' | 'hang' | number;

export interface EventsProxy {
  /** Leads a client to the API server by way of the proxy. */
  readonly kubeconfigPath: string;
  /** Holds for what comes from now on; requests that hang go on hanging. */
  readonly set: (fault: EventsFault) => void;
  /** Requests about events that a fault met. */
  readonly hits: () => number;
  readonly stop: () => Promise<void>;
}

/**
 * A real proxy before a real API server, which spoils what is about events and streams everything else through.
 * @param path of a kubeconfig with the token to use
 */
export async function startEventsProxy(plane: ControlPlaneClient, path: string): Promise<EventsProxy> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(path);
  const token = kubeConfig.getCurrentUser()?.token ?? '';
  const ca = await readFile(join(plane.address.folder, 'certs', 'apiserver.crt'));
  const agent = new Agent({ ca, keepAlive: true });
  let fault: EventsFault = 'none';
  let hits = 0;
  const authority = await createTlsAuthority('Proxy');
  const server = createServer(await authority.issue(), (incoming, response) => {
    if (!EVENTS.test(incoming.url ?? '') || fault === 'none') {
      pass(plane.server, agent, incoming, response);
      return;
    }
    hits += 1;
    incoming.resume();
    if (typeof fault === 'number')
      response.writeHead(fault, { 'content-type': 'text/plain' }).end('a fault of the test');
  });
  // A watch is silent for longer than any default.
  server.requestTimeout = 0;
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    kubeconfigPath: await writeKubeconfig(plane.address.folder, {
      server: origin,
      ca: Buffer.from(authority.rootPem),
      token,
    }),
    set: (next) => {
      fault = next;
    },
    hits: () => hits,
    stop: async () => {
      await sockets.close();
      agent.destroy();
    },
  };
}

function pass(server: string, agent: Agent, incoming: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = incoming;
  const upstream = forward(new URL(url ?? '/', server), { agent, method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  incoming.pipe(upstream);
}
