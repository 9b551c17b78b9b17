import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import http2, { type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type ApiFault, type ApiMatcher, type InjectedApiFault, matchesApi } from './api-faults.ts';
import { type ApiRequest, type ApiVerb, parseApiRequest } from './api-request.ts';
import type { ControlPlaneAddress } from './control-plane-client.ts';
import type { ServerCertificate } from './fault-proxy.ts';
import { type LineRules, LiveWatch } from './live-watch.ts';
import { startTcpRelay, type TcpRelay } from './tcp-relay.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';
import { createTlsAuthority, type TlsAuthority } from './tls-authority.ts';

/** Of a connection, not of a request; HTTP/2 forbids them. */
const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

interface Rule {
  readonly matcher: ApiMatcher;
  readonly fault: ApiFault;
  readonly met: ApiRequest[];
  left: number;
}

/**
 * A real proxy on 127.0.0.1 before a real kube-apiserver. It ends TLS with a certificate of its own CA, speaks HTTP/2
 * and HTTP/1.1 as the API server does, records what passes, and spoils what it is told to. In front of it stands a
 * relay of TCP, by whose means connections fall silent or break.
 */
export class ApiProxy {
  /** Every request that came, in order; empty it (`length = 0`) to count anew. */
  readonly requests: ApiRequest[] = [];
  readonly relay: TcpRelay;
  /** Objects a page of a list at most, as a server may have it; undefined: what the client asks for. */
  pageSize: number | undefined;
  /** A kubeconfig that reads token and CA from `tokenPath` and `caPath`. */
  readonly kubeconfigPath: string;
  readonly tokenPath: string;
  readonly caPath: string;
  readonly #folder: TemporaryFolder;
  readonly #server: Http2SecureServer;
  readonly #sockets: ReadonlySet<Duplex>;
  readonly #agent: https.Agent;
  readonly #upstream: URL;
  readonly #watches = new Set<LiveWatch>();
  #rules: Rule[] = [];

  constructor(parts: {
    readonly folder: TemporaryFolder;
    readonly server: Http2SecureServer;
    readonly relay: TcpRelay;
    readonly agent: https.Agent;
    readonly upstream: URL;
  }) {
    const { path } = parts.folder;
    this.#folder = parts.folder;
    this.#server = parts.server;
    this.relay = parts.relay;
    this.#agent = parts.agent;
    this.#upstream = parts.upstream;
    this.kubeconfigPath = join(path, 'kubeconfig');
    this.tokenPath = join(path, 'token');
    this.caPath = join(path, 'ca.pem');
    const sockets = new Set<Duplex>();
    this.#sockets = sockets;
    this.#server.on('secureConnection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    });
    // A client that resets its connection, or does not trust the CA, is what these tests are about.
    this.#server.on('sessionError', () => undefined);
    this.#server.on('tlsClientError', () => undefined);
    this.#server.on('request', (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** Spoils matching requests from now on, the first `times` of them; of several faults the one given last counts. */
  inject(matcher: ApiMatcher, fault: ApiFault, times = Number.POSITIVE_INFINITY): InjectedApiFault {
    const rule: Rule = { matcher, fault, left: times, met: [] };
    this.#rules.unshift(rule);
    return {
      met: rule.met,
      remove: () => {
        this.#rules = this.#rules.filter((each) => each !== rule);
      },
    };
  }

  /** Takes every fault away. */
  heal(): void {
    this.#rules = [];
    this.pageSize = undefined;
    this.relay.refuse(false);
  }

  /** The requests of a verb for a resource so far. */
  seen(verb: ApiVerb, resource: string): readonly ApiRequest[] {
    return this.requests.filter((request) => request.verb === verb && request.resource === resource);
  }

  /** The watches of a resource that stand now. */
  watches(resource: string): readonly LiveWatch[] {
    return [...this.#watches].filter(({ request }) => request.resource === resource);
  }

  /** Shows a certificate of another CA from now on; connections under the old one end. @returns PEM of the new CA */
  async replaceAuthority(): Promise<string> {
    const authority = await createTlsAuthority('Rotated');
    this.#server.setSecureContext(await authority.issue());
    this.relay.resetStanding();
    return authority.rootPem;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.relay.stop();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#agent.destroy();
    await this.#folder.remove();
  }

  async #answer(incoming: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    incoming.on('error', () => response.destroy());
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const request = this.#record(incoming, Buffer.concat(chunks).toString('utf8'));
    const rule = this.#rules.find(({ matcher, left }) => left > 0 && matchesApi(matcher, request));
    if (rule !== undefined) {
      rule.left -= 1;
      rule.met.push(request);
    }
    const fault = rule?.fault;
    switch (fault?.kind) {
      case 'hang':
        return;
      case 'answer':
        request.status = fault.status;
        response.writeHead(fault.status, { ...fault.headers });
        response.end(fault.body);
        return;
      case 'before':
        await fault.run(request);
    }
    this.#forward(incoming, request, response, {
      ...(fault?.kind === 'end-after' ? { endAfter: fault.events } : {}),
      ...(fault?.kind === 'rewrite-lines' ? { rewrite: fault.rewrite } : {}),
    });
  }

  #record(incoming: Http2ServerRequest, body: string): ApiRequest {
    const request: ApiRequest = {
      ...parseApiRequest(incoming.method, incoming.url),
      http: incoming.httpVersion,
      token: (incoming.headers.authorization ?? '').replace(/^Bearer /, ''),
      body,
      at: performance.now(),
      events: 0,
    };
    this.requests.push(request);
    return request;
  }

  #forward(incoming: Http2ServerRequest, request: ApiRequest, response: Http2ServerResponse, rules: LineRules): void {
    const { hostname, port } = this.#upstream;
    const headers = passed(incoming.headers);
    if (request.body !== '') headers['content-length'] = String(Buffer.byteLength(request.body));
    const upstream = https.request(
      { hostname, port, method: incoming.method, path: this.#pathOf(request), headers, agent: this.#agent },
      (answer) => {
        request.status = answer.statusCode ?? 502;
        response.writeHead(request.status, passed(answer.headers));
        if (request.verb === 'watch' && request.status === 200) {
          this.#follow(request, answer, response, rules);
          return;
        }
        answer.on('error', () => response.destroy());
        answer.pipe(response);
      },
    );
    // As an API server that is not there.
    upstream.on('error', () => incoming.socket.destroy());
    response.on('close', () => upstream.destroy());
    upstream.end(request.body);
  }

  #pathOf({ verb, path, query }: ApiRequest): string {
    const parameters = new URLSearchParams(query);
    if (verb === 'list' && this.pageSize !== undefined) parameters.set('limit', String(this.pageSize));
    return parameters.size === 0 ? path : `${path}?${parameters}`;
  }

  #follow(request: ApiRequest, answer: IncomingMessage, response: Http2ServerResponse, rules: LineRules): void {
    // The headers of a quiet watch go out before its first event.
    if ('flushHeaders' in response && typeof response.flushHeaders === 'function') response.flushHeaders();
    const watch = new LiveWatch(request, answer, response, rules);
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
  }
}

function passed(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || name.startsWith(':') || HOP_BY_HOP.has(name) || name === 'host' ? [] : [[name, value]],
    ),
  );
}

export interface ApiProxyOptions {
  /** Speaks HTTP/1.1 alone, as many a load balancer; default false. */
  readonly onlyHttp1?: boolean;
  /** What the kubeconfig authenticates with; default the administrator's. */
  readonly token?: string;
}

/** Starts a proxy before a control plane. */
export async function startApiProxy(plane: ControlPlaneAddress, options: ApiProxyOptions = {}): Promise<ApiProxy> {
  const authority: TlsAuthority = await createTlsAuthority('API proxy');
  const certificate: ServerCertificate = await authority.issue();
  // Both give requests of the same shape: HTTP/2 by its compatibility API.
  const server =
    options.onlyHttp1 === true
      ? (https.createServer(certificate) as unknown as Http2SecureServer)
      : http2.createSecureServer({ ...certificate, allowHTTP1: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relay = await startTcpRelay((server.address() as AddressInfo).port);
  const ca = await readFile(join(plane.folder, 'certs', 'apiserver.crt'));
  const folder = await temporaryFolder('api-proxy');
  const proxy = new ApiProxy({
    folder,
    server,
    relay,
    agent: new https.Agent({ keepAlive: true, ca }),
    upstream: new URL(plane.server),
  });
  await writeFile(proxy.tokenPath, options.token ?? (await tokenIn(plane.kubeconfigPath)), { mode: 0o600 });
  await writeFile(proxy.caPath, authority.rootPem);
  await writeFile(proxy.kubeconfigPath, JSON.stringify(kubeconfig(proxy)), { mode: 0o600 });
  return proxy;
}

function kubeconfig({ relay, tokenPath, caPath }: ApiProxy): object {
  const cluster = { server: `https://127.0.0.1:${relay.port}`, 'certificate-authority': caPath };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'default',
    clusters: [{ name: 'default', cluster }],
    users: [{ name: 'default', user: { tokenFile: tokenPath } }],
    contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
  };
}

/** The token in a kubeconfig as the control plane writes them. */
export async function tokenIn(kubeconfigPath: string): Promise<string> {
  const { users } = JSON.parse(await readFile(kubeconfigPath, 'utf8')) as {
    readonly users: readonly { readonly user: { readonly token: string } }[];
  };
  return users[0]?.user.token ?? '';
}
