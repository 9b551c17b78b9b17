import { connect, type Socket } from 'node:net';
import pino from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { HttpServer, type HttpServerOptions } from '../../../src/server/index.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(changes: Partial<HttpServerOptions> = {}): Promise<{ server: HttpServer; url: string }> {
  const server = await HttpServer.listen({
    host: '127.0.0.1',
    port: 0,
    metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'sealwatch_up 1\n' },
    ready: () => ({ ready: true, message: 'ready' }),
    logger: pino({ level: 'silent' }),
    ...changes,
  });
  servers.push(server);
  return { server, url: `http://127.0.0.1:${server.address.port}` };
}

/** Connects, and tells when the connection ends. */
async function open(port: number): Promise<{ readonly socket: Socket; readonly closed: Promise<void> }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { socket, closed };
}

describe('HttpServer', () => {
  it('answers /healthz and /metrics', async () => {
    const { url } = await start();
    const health = await fetch(`${url}/healthz?verbose`);
    expect([health.status, await health.text()]).toEqual([200, 'ok\n']);
    const metrics = await fetch(`${url}/metrics`);
    expect([metrics.status, await metrics.text()]).toEqual([200, 'sealwatch_up 1\n']);
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4');
  });

  it('/readyz says 503 and why until it is ready', async () => {
    const state = { ready: false, message: 'waiting for pods' };
    const { url } = await start({ ready: () => state });
    const before = await fetch(`${url}/readyz`);
    expect([before.status, await before.text()]).toEqual([503, 'waiting for pods\n']);
    state.ready = true;
    state.message = 'ready';
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it('says 404 to other paths and 405 to other methods; HEAD has no body', async () => {
    const { url } = await start();
    const missing = await fetch(`${url}/debug/pprof`);
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain('/healthz, /readyz and /metrics');
    expect((await fetch(`${url}/healthz`, { method: 'POST', body: 'x' })).status).toBe(405);
    const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('a scrape that fails ends that connection, and the next is answered', async () => {
    let broken = true;
    const { url } = await start({
      metrics: {
        contentType: 'text/plain',
        text: async () => {
          if (broken) throw new Error('no metrics');
          return 'fine\n';
        },
      },
    });
    await expect(fetch(`${url}/metrics`)).rejects.toThrow('fetch failed');
    broken = false;
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('fine\n');
  });

  it('peers that open connections and say nothing keep nobody out: the oldest goes first (faults.md 51)', async () => {
    const { server, url } = await start();
    const idle = await Promise.all(Array.from({ length: 65 }, () => open(server.address.port)));
    await idle[0]?.closed;
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    // The one that asked took the place of another; nobody else went.
    expect(idle.slice(2).filter(({ socket }) => socket.destroyed)).toEqual([]);
    for (const { socket } of idle) socket.destroy();
  });

  it('a peer that never ends its headers is cut off after five seconds (faults.md 51)', async () => {
    const { server } = await start();
    const { socket, closed } = await open(server.address.port);
    const since = performance.now();
    socket.write('GET /metrics HTTP/1.1\r\n');
    const drip = setInterval(() => socket.write('x: y\r\n'), 200);
    await closed;
    clearInterval(drip);
    expect(performance.now() - since).toBeLessThan(10_000);
  });

  it('scrapes that nobody reads are four at most: the oldest goes first (faults.md 51)', async () => {
    let asked = 0;
    const text = async (): Promise<string> => {
      asked += 1;
      return 'x'.repeat(32 * 1024 * 1024);
    };
    const { server, url } = await start({ metrics: { contentType: 'text/plain', text } });
    const unread = [];
    for (let i = 0; i < 5; i += 1) {
      const peer = await open(server.address.port);
      peer.socket.pause();
      peer.socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
      await vi.waitFor(() => expect(asked).toBe(i + 1));
      unread.push(peer);
    }
    // What was cut off is noticed by reading on.
    unread[0]?.socket.resume();
    await unread[0]?.closed;
    expect(unread[0]?.socket.bytesRead).toBeLessThan(32 * 1024 * 1024);
    expect((await (await fetch(`${url}/metrics`)).text()).length).toBe(32 * 1024 * 1024);
    for (const { socket } of unread) socket.destroy();
  });

  it('close ends connections that are open and idle, and the port is free again', async () => {
    const { server } = await start();
    const { port } = server.address;
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    await server.close();
    await ended;
    const again = await start({ port });
    expect(again.server.address.port).toBe(port);
  });

  it('names the setting and the address when the port is taken', async () => {
    const { server } = await start();
    const { port } = server.address;
    await expect(start({ port })).rejects.toThrow(`--listen-address 127.0.0.1:${port} cannot be listened on`);
  });
});
