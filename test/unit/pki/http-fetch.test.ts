import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dispatcher } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fetch, FetchError, type FetchRequest } from '../../../src/notary/index.ts';
import { createHttpFetch } from '../../../src/pki/index.ts';
import { createDispatcher } from '../../../src/transport/index.ts';
import { type SocketSet, startSocketSet } from '../../support/socket-set.ts';

const noProxy = { http: '', https: '', none: '' };
let sockets: SocketSet;
let url: string;
let dispatcher: Dispatcher;
let fetch: Fetch;
const seen: { method: string; path: string; userAgent: string; authorization: string; body: string }[] = [];

const ANSWERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  '/good': (response) => response.end('content'),
  '/full': (response) => response.end(Buffer.alloc(100)),
  '/large': (response) => response.end(Buffer.alloc(101)),
  '/error': (response) => response.writeHead(500).end('secret words of a server'),
  '/moved': (response) => response.writeHead(301, { location: `${url}/good` }).end(),
  '/partial': (response) => response.writeHead(206).end('con'),
  '/zipped': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('content'),
  '/slow': () => undefined,
  '/begun': (response) => response.write('c'),
  '/broken': (response) => response.writeHead(200, { 'content-length': 10 }).write('c', () => response.destroy()),
};

beforeAll(async () => {
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      seen.push({
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        userAgent: incoming.headers['user-agent'] ?? '',
        authorization: incoming.headers.authorization ?? '',
        body: Buffer.concat(chunks).toString(),
      });
      ANSWERS[incoming.url ?? '']?.(response);
    });
  });
  sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  dispatcher = createDispatcher({ allowAddresses: ['127.0.0.0/8'], proxy: noProxy });
  fetch = createHttpFetch({ dispatcher, userAgent: 'sealwatch/test' });
});
afterAll(async () => {
  await dispatcher.destroy();
  await sockets.close();
});

function ask(path: string, changes: Partial<FetchRequest> = {}, signal = AbortSignal.timeout(10_000)) {
  return fetch(
    { url: `${url}${path}`, method: 'GET', headers: {}, maxBytes: 100, timeoutMs: 5_000, ...changes },
    signal,
  );
}

async function refusal(asking: Promise<unknown>): Promise<string> {
  try {
    await asking;
  } catch (error) {
    if (error instanceof FetchError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'answered';
}

describe('HTTP to certificate authorities (notary.md H2, H4, H7)', () => {
  it('sends what it is given under its own name, and gives the body (H2)', async () => {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/ocsp-request' },
      body: Buffer.from('ask'),
    } as const;
    expect(Buffer.from((await ask('/good', request)).body).toString()).toBe('content');
    expect(seen.at(-1)).toMatchObject({ method: 'POST', userAgent: 'sealwatch/test', authorization: '', body: 'ask' });
  });

  it.each([
    ['as much as it may be is taken (H2, H4)', '/full', /^answered$/],
    [
      'more is refused while it is read (H2, H4)',
      '/large',
      /^TooLarge 127\.0\.0\.1:\d+: the answer is larger than the limit of 100 bytes$/,
    ],
    [
      'another status is none, and its words are not told (H2)',
      '/error',
      /^BadStatus 127\.0\.0\.1:\d+: expected status 200, found 500$/,
    ],
    ['a part is no answer (H2)', '/partial', /^BadStatus .* found 206$/],
    ['a redirect is not followed (H7)', '/moved', /^BadStatus .* found 301; redirects are not followed$/],
    ['an encoding is not undone (H4)', '/zipped', /^BadStatus .* under an encoding$/],
    [
      'an answer that breaks off is none (H2)',
      '/broken',
      /^Unreachable 127\.0\.0\.1:\d+: it cannot be reached, or breaks off/,
    ],
  ])('%s', async (_name, path, expected) => {
    const before = seen.length;
    expect(await refusal(ask(path))).toMatch(expected);
    expect(seen.length).toBe(before + 1);
  });

  it.each(['/slow', '/begun'])('the time counts for the whole exchange: %s (H2, H4)', async (path) => {
    expect(await refusal(ask(path, { timeoutMs: 200 }))).toMatch(
      /^Timeout 127\.0\.0\.1:\d+: no complete answer within 0\.2 s$/,
    );
  });

  it('ends with the reason of its caller when that gives up (H2)', async () => {
    const controller = new AbortController();
    const asking = ask('/slow', {}, controller.signal);
    controller.abort(new Error('shut down'));
    await expect(asking).rejects.toThrow('shut down');
  });

  it('a port where nobody listens is unreachable (H2)', async () => {
    expect(await refusal(ask('', { url: 'http://127.0.0.1:1/' }))).toMatch(
      /^Unreachable 127\.0\.0\.1:1: .*ECONNREFUSED/,
    );
  });

  it.each([
    ['a file (H7)', 'file:///etc/passwd', 'Refused expected an http or https address'],
    ['credentials (H7)', 'http://a:b@127.0.0.1/', 'an address with credentials'],
    ['no address (H7)', 'nonsense', 'Refused expected an http or https address'],
  ])('refuses %s', async (_name, bad, expected) => {
    expect(await refusal(ask('', { url: bad }))).toContain(expected);
  });
});

describe('addresses that a certificate may not lead to (notary.md H7)', () => {
  it.each([
    ['loopback', () => url],
    ['a name of loopback', () => url.replace('127.0.0.1', 'localhost')],
    ['cloud metadata', () => 'http://169.254.169.254/latest/meta-data/'],
    ['link-local', () => 'http://[fe80::1]/'],
    ['loopback within IPv6', () => 'http://[::ffff:127.0.0.1]/'],
  ])('%s is refused, unless it is allowed (H7)', async (_name, target) => {
    const guarded = createDispatcher({ proxy: noProxy });
    try {
      const before = seen.length;
      const fetchGuarded = createHttpFetch({ dispatcher: guarded, userAgent: 'sealwatch/test' });
      const request = { url: `${target()}/good`, method: 'GET', headers: {}, maxBytes: 100, timeoutMs: 5_000 } as const;
      expect(await refusal(fetchGuarded(request, AbortSignal.timeout(10_000)))).toMatch(/^Refused .*--allow-addresses/);
      expect(seen.length).toBe(before);
    } finally {
      await guarded.destroy();
    }
  });
});

it('each exchange is told with its host, what came of it and how long it took', async () => {
  const told: unknown[] = [];
  const observed = createHttpFetch({
    dispatcher,
    userAgent: 'sealwatch/test',
    onRequest: ({ host, outcome, durationMs }) => told.push([host, outcome, durationMs >= 0]),
  });
  const request = { method: 'GET', headers: {}, maxBytes: 100, timeoutMs: 5_000 } as const;
  const signal = AbortSignal.timeout(10_000);
  await observed({ ...request, url: `${url}/good` }, signal);
  await expect(observed({ ...request, url: `${url}/error` }, signal)).rejects.toThrow(FetchError);
  await expect(observed({ ...request, url: `${url}/slow`, timeoutMs: 50 }, signal)).rejects.toThrow(FetchError);
  await expect(observed({ ...request, url: `${url}/slow` }, AbortSignal.timeout(50))).rejects.toThrow();
  const { host } = new URL(url);
  expect(told).toEqual(['success', 'BadStatus', 'Timeout', 'aborted'].map((outcome) => [host, outcome, true]));
});
