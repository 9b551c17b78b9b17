import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { Reflector } from '../../../src/kubernetes/reflector.ts';
import { startTcpRelay } from '../../support/tcp-relay.ts';
import { createServerCertificate, kubeConfigFor, type ServerCertificate, startTlsServer } from './tls-server.ts';
import { added, bookmark, CONFIG_MAPS, configMap, silentLogger } from './wire-server.ts';

const LIST = JSON.stringify({ metadata: { resourceVersion: '10' }, items: [configMap('a', '1')] });

describe('connections over TLS', () => {
  let certificate: ServerCertificate;
  let folder: string;
  const cleanups: (() => Promise<unknown> | undefined)[] = [];
  const stop: { controller: AbortController } = { controller: new AbortController() };

  beforeAll(async () => {
    certificate = await createServerCertificate();
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealwatch-tls-'));
    stop.controller = new AbortController();
    cleanups.push(() => rm(folder, { recursive: true }));
  });

  afterEach(async () => {
    stop.controller.abort();
    for (const cleanup of cleanups.splice(0).reverse()) {
      await cleanup();
    }
  });

  /** Answers lists; each watch gets one more event and stays open. Records protocol and version of each request. */
  async function startApi(options: { readonly onlyHttp1?: boolean } = {}) {
    const seen: { http: string; watch: boolean; resourceVersion: string | null; authorization?: string }[] = [];
    let version = 10;
    const server = await startTlsServer(
      certificate,
      (request, response) => {
        const { searchParams } = new URL(request.url, 'https://x');
        const watch = searchParams.has('watch');
        seen.push({
          http: request.httpVersion,
          watch,
          resourceVersion: searchParams.get('resourceVersion'),
          ...(request.headers.authorization === undefined ? {} : { authorization: request.headers.authorization }),
        });
        response.writeHead(200);
        if (watch) {
          version += 1;
          response.write(`${JSON.stringify(added(configMap(`event-${version}`, String(version))))}\n`);
        } else {
          response.end(LIST);
        }
      },
      options,
    );
    cleanups.push(server.stop);
    return { server, seen, watches: () => seen.filter(({ watch }) => watch) };
  }

  function reflect(port: number, cluster: object, ping = { intervalMs: 40, timeoutMs: 60 }) {
    const client = new KubernetesClient(kubeConfigFor(port, cluster, { token: 'secret' }), {
      userAgent: 'sealwatch/test',
      ping,
    });
    const reflector = new Reflector({
      client,
      type: CONFIG_MAPS,
      project: (raw) => raw,
      onChange: () => {},
      logger: silentLogger,
      timing: { minIntervalMs: 20, baseDelayMs: 20, maxDelayMs: 100, silenceMs: 100 },
    });
    const running = reflector.start(stop.controller.signal);
    cleanups.push(async () => {
      await running;
      await client.close();
    });
    return reflector;
  }

  const caData = () => Buffer.from(certificate.cert).toString('base64');

  it('watches over HTTP/2 and lists over HTTP/1.1', async () => {
    const { server, seen } = await startApi();
    const reflector = reflect(server.port, { caData: caData() });
    await vi.waitFor(() => expect(reflector.store.has('default/event-11')).toBe(true));
    expect(seen.map(({ http, watch }) => [http, watch])).toEqual([
      ['1.1', false],
      ['2.0', true],
    ]);
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer secret', 'Bearer secret']);
  });

  it('keeps a quiet watch while the peer answers pings', async () => {
    const { server, watches } = await startApi();
    const reflector = reflect(server.port, { caData: caData() }, { intervalMs: 5, timeoutMs: 200 });
    await vi.waitFor(() => expect(reflector.store.size).toBe(2));
    // Time for many pings, and well over the silence that an HTTP/1.1 watch is allowed here.
    const until = performance.now() + 400;
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(until), { timeout: 2_000 });
    expect(watches()).toHaveLength(1);
    expect(reflector.state.phase).toBe('Watching');
  });

  it('notices a half-open connection by its ping and resumes on a new one (faults.md 2)', async () => {
    const { server, seen, watches } = await startApi();
    const proxy = await startTcpRelay(server.port);
    cleanups.push(proxy.stop);
    const reflector = reflect(proxy.port, { caData: caData() });
    await vi.waitFor(() => expect(reflector.store.has('default/event-11')).toBe(true));
    proxy.muteStanding();
    await vi.waitFor(() => expect(reflector.store.has('default/event-12')).toBe(true), { timeout: 3_000 });
    expect(watches().map(({ resourceVersion }) => resourceVersion)).toEqual(['10', '11']);
    expect(seen.filter(({ watch }) => !watch)).toHaveLength(1);
  });

  it('by default notices within 45 s (faults.md 2)', async () => {
    const { DEFAULT_PING } = await import('../../../src/kubernetes/http2-connection.ts');
    const { DEFAULT_TIMING } = await import('../../../src/kubernetes/reflector-options.ts');
    expect(DEFAULT_PING.intervalMs + DEFAULT_PING.timeoutMs).toBeLessThanOrEqual(45_000);
    expect(DEFAULT_TIMING.silenceMs).toBeLessThanOrEqual(45_000);
    expect(DEFAULT_TIMING.watchMs).toBeGreaterThan(300_000);
  });

  it('watches over HTTP/1.1 where the peer speaks nothing else, and resumes after silence', async () => {
    const { server, watches } = await startApi({ onlyHttp1: true });
    const reflector = reflect(server.port, { caData: caData() });
    await vi.waitFor(() => expect(reflector.store.has('default/event-12')).toBe(true));
    expect(new Set(watches().map(({ http }) => http))).toEqual(new Set(['1.1']));
  });

  it('shares one connection between watches', async () => {
    const { server, watches } = await startApi();
    const proxy = await startTcpRelay(server.port);
    cleanups.push(proxy.stop);
    const client = new KubernetesClient(kubeConfigFor(proxy.port, { caData: caData() }), {
      userAgent: 'sealwatch/test',
    });
    cleanups.push(() => client.close());
    const open = () => client.watch(CONFIG_MAPS, { resourceVersion: '10', timeoutSeconds: 60 }, stop.controller.signal);
    await Promise.all([open(), open(), open()]);
    expect(watches()).toHaveLength(3);
    expect(proxy.connections).toBe(1);
  });

  it('reads the CA again when it was rotated, without a restart (faults.md 16)', async () => {
    const { server, watches } = await startApi();
    const caFile = join(folder, 'ca.crt');
    await writeFile(caFile, certificate.cert);
    const reflector = reflect(server.port, { caFile });
    await vi.waitFor(() => expect(reflector.store.has('default/event-11')).toBe(true));

    const rotated = await createServerCertificate();
    server.rotate(rotated);
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Degraded'));
    expect(reflector.state.message).toMatch(/certificate|self.signed/i);
    expect(watches()).toHaveLength(1);

    await writeFile(caFile, rotated.cert);
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Watching'), { timeout: 3_000 });
    expect(reflector.store.has('default/event-12')).toBe(true);
  });

  it('reads the CA again also where nothing but watches is asked for (faults.md 16)', async () => {
    const { server } = await startApi();
    const caFile = join(folder, 'ca.crt');
    await writeFile(caFile, (await createServerCertificate()).cert);
    const client = new KubernetesClient(kubeConfigFor(server.port, { caFile }), { userAgent: 'sealwatch/test' });
    cleanups.push(() => client.close());
    const open = () => client.watch(CONFIG_MAPS, { resourceVersion: '10', timeoutSeconds: 60 }, stop.controller.signal);
    await expect(open()).rejects.toMatchObject({ reason: 'Unreachable' });
    await writeFile(caFile, certificate.cert);
    await open();
  });

  it('refuses a server whose certificate the CA did not sign', async () => {
    const { server, seen } = await startApi();
    const { cert } = await createServerCertificate();
    const reflector = reflect(server.port, { caData: Buffer.from(cert).toString('base64') });
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Degraded'));
    expect(seen).toEqual([]);
  });

  it('ends a watch at once when its signal aborts', async () => {
    const { server } = await startApi();
    const client = new KubernetesClient(kubeConfigFor(server.port, { caData: caData() }), {
      userAgent: 'sealwatch/test',
    });
    cleanups.push(() => client.close());
    const { signal } = stop.controller;
    const stream = await client.watch(CONFIG_MAPS, { resourceVersion: '10', timeoutSeconds: 60 }, signal);
    expect(stream.liveness).toBe('ping');
    const reading = (async () => {
      for await (const _chunk of stream.body) {
        stop.controller.abort(new Error('enough'));
      }
    })();
    await expect(reading).rejects.toThrow('enough');
  });

  it('stops at once also while it connects', async () => {
    const neverSpeaks = await startTcpRelay(undefined);
    cleanups.push(neverSpeaks.stop);
    const client = new KubernetesClient(kubeConfigFor(neverSpeaks.port, { caData: caData() }), {
      userAgent: 'sealwatch/test',
    });
    const { signal } = stop.controller;
    const opening = client.watch(CONFIG_MAPS, { resourceVersion: '10', timeoutSeconds: 60 }, signal);
    await vi.waitFor(() => expect(neverSpeaks.connections).toBe(1));
    stop.controller.abort(new Error('enough'));
    await expect(opening).rejects.toThrow('enough');
  });

  it('goes on after a bookmark over a connection that the server asks to leave (GOAWAY)', async () => {
    let watches = 0;
    const server = await startTlsServer(certificate, (request, response) => {
      response.writeHead(200);
      if (!request.url.includes('watch=')) {
        response.end(LIST);
        return;
      }
      watches += 1;
      response.write(`${JSON.stringify(bookmark(String(10 + watches)))}\n`);
      if (watches === 1) {
        request.stream.session?.goaway();
        response.end();
      }
    });
    cleanups.push(server.stop);
    const reflector = reflect(server.port, { caData: caData() });
    await vi.waitFor(() => expect(watches).toBe(2));
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Watching'));
    expect(reflector.stats.lists).toBe(1);
  });
});
