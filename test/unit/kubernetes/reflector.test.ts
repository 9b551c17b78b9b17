import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KubernetesObject } from '../../../src/api/object.ts';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { Reflector } from '../../../src/kubernetes/reflector.ts';
import type { ReflectorState, ReflectorTiming } from '../../../src/kubernetes/reflector-options.ts';
import {
  added,
  bookmark,
  CONFIG_MAPS,
  configMap,
  deleted,
  errorEvent,
  json,
  list,
  modified,
  refuse,
  silentLogger,
  status,
  WireServer,
  watch,
} from './wire-server.ts';

const FAST: Partial<ReflectorTiming> = { minIntervalMs: 20, baseDelayMs: 40, maxDelayMs: 100, notServedDelayMs: 40 };

describe('Reflector', () => {
  let server: WireServer;
  let client: KubernetesClient;
  let stop: AbortController;
  let running: Promise<void> | undefined;
  const changes: string[] = [];
  const states: ReflectorState[] = [];

  beforeEach(async () => {
    server = await WireServer.start();
    client = new KubernetesClient(server.kubeConfig(), { userAgent: 'sealwatch/test' });
    stop = new AbortController();
    changes.length = 0;
    states.length = 0;
  });

  afterEach(async () => {
    stop.abort();
    await running;
    await client.close();
    await server.stop();
  });

  function start(
    timing: Partial<ReflectorTiming> = FAST,
    onChange?: (key: string) => void,
  ): Reflector<KubernetesObject> {
    const reflector = new Reflector({
      client,
      type: CONFIG_MAPS,
      project: ({ metadata }) => ({ metadata }),
      onChange: (key, old, now) => {
        const uids = [old, now].map((object) => object?.metadata.resourceVersion ?? '-');
        changes.push(`${key} ${uids.join('>')}`);
        onChange?.(key);
      },
      onState: (state) => states.push(state),
      logger: silentLogger,
      pageSize: 2,
      timing,
    });
    running = reflector.start(stop.signal);
    return reflector;
  }

  const keys = (reflector: Reflector<KubernetesObject>) => [...reflector.store.keys()].sort();

  it('lists page by page and watches from the version of the list, with bookmarks and a time-out', async () => {
    server.serve({
      list: (n) =>
        n === 0 ? list([configMap('a', '1'), configMap('b', '2')], '10', 'next') : list([configMap('c', '3')], '10'),
      watch: () => watch([added(configMap('d', '11'))], 'stay'),
    });
    const reflector = start();
    await reflector.synced;
    await vi.waitFor(() => expect(keys(reflector)).toEqual(['default/a', 'default/b', 'default/c', 'default/d']));
    expect(server.lists().map(({ query }) => query.toString())).toEqual(['limit=2', 'limit=2&continue=next']);
    const [first] = server.watches();
    expect(first?.query.get('resourceVersion')).toBe('10');
    expect(first?.query.get('allowWatchBookmarks')).toBe('true');
    const seconds = Number(first?.query.get('timeoutSeconds'));
    expect(seconds).toBeGreaterThanOrEqual(360);
    expect(seconds).toBeLessThanOrEqual(540);
    expect(reflector.state.phase).toBe('Watching');
  });

  it('keeps what project gives, not the whole object', async () => {
    const whole = { ...configMap('a', '1'), data: { large: 'x' } };
    server.serve({ list: () => list([whole], '1'), watch: () => watch([], 'stay') });
    const reflector = start();
    await reflector.synced;
    expect(reflector.store.get('default/a')).toEqual(configMap('a', '1'));
  });

  it('resumes a watch that was reset from the last version, without a list (faults.md 1)', async () => {
    server.serve({
      list: () => list([], '10'),
      watch: (n) =>
        n === 0
          ? watch([added(configMap('a', '11')), '{"type":"ADDED","object":{"metada'], 'cut')
          : watch([added(configMap('b', '12'))], 'stay'),
    });
    const reflector = start();
    await vi.waitFor(() => expect(keys(reflector)).toEqual(['default/a', 'default/b']));
    expect(server.lists()).toHaveLength(1);
    expect(server.watches().map(({ query }) => query.get('resourceVersion'))).toEqual(['10', '11']);
    expect(reflector.stats.garbageLines).toBe(0);
  });

  it('resumes from a bookmark', async () => {
    server.serve({
      list: () => list([], '10'),
      watch: (n) => watch(n === 0 ? [bookmark('500')] : [], n === 0 ? 'end' : 'stay'),
    });
    start();
    await vi.waitFor(() => expect(server.watches()).toHaveLength(2));
    expect(server.watches()[1]?.query.get('resourceVersion')).toBe('500');
  });

  it('notices a peer that is silent on HTTP/1.1 and resumes without a list (faults.md 2)', async () => {
    server.serve({ list: () => list([], '10'), watch: () => watch([], 'stay') });
    start({ ...FAST, silenceMs: 60 });
    await vi.waitFor(() => expect(server.watches().length).toBeGreaterThanOrEqual(3));
    expect(server.lists()).toHaveLength(1);
  });

  it('believes a watch on HTTP/1.1 that is not silent', async () => {
    let version = 10;
    server.serve({
      list: () => list([], '10'),
      watch: () => (response) => {
        response.writeHead(200);
        const beat = setInterval(() => response.write(`${JSON.stringify(bookmark(String(++version)))}\n`), 20);
        response.on('close', () => clearInterval(beat));
      },
    });
    start({ ...FAST, silenceMs: 150 });
    await vi.waitFor(() => expect(version).toBeGreaterThan(30), { timeout: 5_000 });
    expect(server.watches()).toHaveLength(1);
  });

  it('ends a watch that the server does not end in time', async () => {
    server.serve({ list: () => list([], '10'), watch: () => watch([bookmark('11')], 'stay') });
    start({ ...FAST, watchMs: 30, graceMs: 30 });
    await vi.waitFor(() => expect(server.watches().length).toBeGreaterThanOrEqual(2));
    expect(server.watches()[1]?.query.get('resourceVersion')).toBe('11');
    expect(server.lists()).toHaveLength(1);
  });

  it.each([
    ['as the status of the answer', refuse(410, 'Expired')],
    ['as an ERROR event', watch([errorEvent(410, 'Expired')], 'stay')],
  ])('lists once more on 410 %s and finds what was deleted between (faults.md 3)', async (_form, gone) => {
    server.serve({
      list: (n) =>
        n === 0 ? list([configMap('a', '1'), configMap('b', '2')], '10') : list([configMap('b', '2')], '20'),
      watch: (n) => (n === 0 ? gone : watch([], 'stay')),
    });
    const reflector = start();
    await vi.waitFor(() => expect(server.watches()).toHaveLength(2));
    expect(keys(reflector)).toEqual(['default/b']);
    expect(changes).toEqual(['default/a ->1', 'default/b ->2', 'default/a 1>-']);
    expect(server.lists()).toHaveLength(2);
    expect(server.watches()[1]?.query.get('resourceVersion')).toBe('20');
  });

  it('lists from the start after 410 within the pages, and deletes nothing meanwhile (faults.md 4)', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.serve({
      list: (n) => {
        switch (n) {
          case 0:
            return list([configMap('a', '1'), configMap('b', '2')], '10');
          case 1:
            return list([configMap('b', '2')], '20', 'next');
          case 2:
            return refuse(410, 'Expired');
          default:
            return (response, request) => void held.then(() => list([configMap('a', '1')], '30')(response, request));
        }
      },
      watch: (n) => (n === 0 ? watch([errorEvent(410, 'Expired')], 'end') : watch([], 'stay')),
    });
    const reflector = start();
    await vi.waitFor(() => expect(server.lists()).toHaveLength(4));
    expect(keys(reflector)).toEqual(['default/a', 'default/b']);
    expect(server.lists()[3]?.query.has('continue')).toBe(false);
    release();
    await vi.waitFor(() => expect(keys(reflector)).toEqual(['default/a']));
  });

  it.each([
    ['a list', 0],
    ['a watch', 1],
  ])('obeys Retry-After of a 429 that answers %s (faults.md 5)', async (_what, asWatch) => {
    const busy = refuse(429, 'TooManyRequests', { 'Retry-After': '1' });
    server.serve({
      list: (n) => (n === 0 && asWatch === 0 ? busy : list([], '10')),
      watch: (n) => (n === 0 && asWatch === 1 ? busy : watch([], 'stay')),
    });
    const reflector = start();
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Watching'), { timeout: 4_000 });
    const refused = server.requests[asWatch];
    const next = server.requests[asWatch + 1];
    expect((next?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('goes on through 500s with backoff and says so meanwhile (faults.md 6)', async () => {
    server.serve({
      list: (n) => (n < 4 ? refuse(500, 'InternalError') : list([configMap('a', '1')], '10')),
      watch: () => watch([], 'stay'),
    });
    const reflector = start();
    await reflector.synced;
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Watching'));
    expect(states.map(({ phase }) => phase)).toEqual(['Listing', 'Degraded', 'Watching']);
    expect(states[1]?.message).toContain('500 InternalError');
    const gaps = server.lists().map(({ at }, index, all) => at - (all[index - 1]?.at ?? at));
    // 40, 80, 100, 100 ms, of each at least the half.
    expect(gaps.slice(1).map((gap, index) => gap >= ([20, 40, 50, 50][index] ?? 0) - 2)).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it('gives up a LIST that hangs and tries again (faults.md 7)', async () => {
    server.serve({
      list: (n) => (n === 0 ? () => {} : list([configMap('a', '1')], '10')),
      watch: () => watch([], 'stay'),
    });
    const reflector = start({ ...FAST, listTimeoutMs: 80 });
    await reflector.synced;
    expect(server.lists()).toHaveLength(2);
    expect(states.find(({ phase }) => phase === 'Degraded')?.message).toContain('no answer within 80 ms');
  });

  it('gives up a LIST whose answer stops half-way (faults.md 7)', async () => {
    server.serve({
      list: (n) =>
        n === 0
          ? (response) => void response.writeHead(200).write('{"metadata":{"resourceVersion":"1"},"items":[')
          : list([configMap('a', '1')], '10'),
      watch: () => watch([], 'stay'),
    });
    const reflector = start({ ...FAST, listTimeoutMs: 80 });
    await reflector.synced;
    expect(keys(reflector)).toEqual(['default/a']);
  });

  it('reconnects at most once a second to a server that ends every watch after one event (faults.md 8)', async () => {
    let version = 10;
    server.serve({
      list: () => list([], '10'),
      watch: () => watch([added(configMap('a', String(++version)))], 'end'),
    });
    start({});
    await vi.waitFor(() => expect(server.watches()).toHaveLength(4), { timeout: 6_000 });
    const gaps = server.watches().map(({ at }, index, all) => at - (all[index - 1]?.at ?? at));
    expect(Math.min(...gaps.slice(1))).toBeGreaterThanOrEqual(950);
    expect(server.lists()).toHaveLength(1);
  }, 10_000);

  it('backs off from a server that ends every watch without a word', async () => {
    server.serve({ list: () => list([], '10'), watch: () => watch([], 'end') });
    start({ ...FAST, minIntervalMs: 50, baseDelayMs: 100, maxDelayMs: 10_000 });
    await vi.waitFor(() => expect(server.watches()).toHaveLength(4), { timeout: 5_000 });
    const [, , third, fourth] = server.watches();
    // The third failure waits for 200 to 400 ms.
    expect((fourth?.at ?? 0) - (third?.at ?? 0)).toBeGreaterThanOrEqual(195);
  });

  it.each([
    ['text', 'upstream connect error\n'],
    ['JSON that is no event', '{"hello":"world"}\n'],
    ['an object without metadata', '{"type":"ADDED","object":{}}\n'],
    ['an unknown type', `${JSON.stringify({ ...added(configMap('x', '11')), type: 'RENAMED' })}\n`],
  ])('counts a garbage line and lists anew: %s (faults.md 9)', async (_what, garbage) => {
    server.serve({
      list: (n) => list([configMap('a', n === 0 ? '1' : '15')], n === 0 ? '10' : '20'),
      watch: (n) => (n === 0 ? watch([garbage, added(configMap('never', '12'))], 'stay') : watch([], 'stay')),
    });
    const reflector = start();
    await vi.waitFor(() => expect(server.watches()).toHaveLength(2));
    expect(reflector.stats).toMatchObject({ garbageLines: 1, lists: 2 });
    expect(changes).toEqual(['default/a ->1', 'default/a 1>15']);
  });

  it('lists ever more slowly while every watch is garbage (faults.md 9)', async () => {
    server.serve({ list: () => list([], '10'), watch: () => watch([bookmark('11'), 'garbage\n'], 'stay') });
    start({ ...FAST, minIntervalMs: 10, baseDelayMs: 100, maxDelayMs: 10_000 });
    await vi.waitFor(() => expect(server.lists()).toHaveLength(4), { timeout: 5_000 });
    const [, , third, fourth] = server.lists();
    expect((fourth?.at ?? 0) - (third?.at ?? 0)).toBeGreaterThanOrEqual(95);
  });

  it('goes on when a handler throws (faults.md 10)', async () => {
    server.serve({
      list: () => list([configMap('a', '1'), configMap('b', '2')], '10'),
      watch: () => watch([added(configMap('c', '11'))], 'stay'),
    });
    const reflector = start(FAST, (key) => {
      if (key === 'default/a') {
        throw new Error('a bug');
      }
    });
    await vi.waitFor(() => expect(changes).toEqual(['default/a ->1', 'default/b ->2', 'default/c ->11']));
    expect(reflector.stats.lists).toBe(1);
  });

  it.each([
    ['in the watch', [modified(configMap('a', '12', 'second'))], false],
    ['in a new list', [errorEvent(410, 'Expired')], true],
  ])('sees the same name with another UID as delete and add: %s (faults.md 11)', async (_where, lines, relisted) => {
    server.serve({
      list: (n) =>
        list([n === 0 ? configMap('a', '1', 'first') : configMap('a', '12', 'second')], n === 0 ? '10' : '20'),
      watch: (n) => (n === 0 ? watch(lines, 'stay') : watch([], 'stay')),
    });
    const reflector = start();
    await vi.waitFor(() => expect(changes).toEqual(['default/a ->1', 'default/a 1>-', 'default/a ->12']));
    expect(reflector.stats.lists).toBe(relisted ? 2 : 1);
  });

  it.each([
    ['the list', 0],
    ['the watch', 1],
  ])('is Degraded while RBAC refuses %s, keeps what it knew, and recovers (faults.md 13)', async (_what, asWatch) => {
    let allowed = true;
    const forbidden = refuse(403, 'Forbidden');
    server.serve({
      list: () => (allowed || asWatch === 1 ? list([configMap('a', '1')], '10') : forbidden),
      watch: (n) => (allowed ? watch(n === 0 ? [errorEvent(410, 'Expired')] : [], 'stay') : forbidden),
    });
    allowed = asWatch === 0;
    const reflector = start();
    await reflector.synced;
    allowed = false;
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Degraded'));
    expect(reflector.state.message).toContain('Forbidden said the server');
    expect(keys(reflector)).toEqual(['default/a']);
    allowed = true;
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Watching'));
    expect(reflector.state.message).toBeUndefined();
  });

  it('does not tell the same impairment twice', async () => {
    server.serve({ list: () => refuse(403, 'Forbidden'), watch: () => watch([], 'stay') });
    start();
    await vi.waitFor(() => expect(server.lists().length).toBeGreaterThanOrEqual(4));
    expect(states.map(({ phase }) => phase)).toEqual(['Listing', 'Degraded']);
  });

  const tooLarge = status(504, 'Timeout', 'Too large resource version: 11, current: 5', {
    details: { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 1 },
  });

  it('lists anew when the server came back with an older state (faults.md 14)', async () => {
    server.serve({
      list: (n) => {
        switch (n) {
          case 0:
            return list([configMap('a', '1')], '10');
          case 1:
            return json(504, tooLarge);
          default:
            return list([configMap('old', '4')], '5');
        }
      },
      watch: (n) => {
        switch (n) {
          case 0:
            return watch([added(configMap('b', '11'))], 'cut');
          case 1:
            return refuse(503, 'ServiceUnavailable');
          default:
            return watch([], 'stay');
        }
      },
    });
    const reflector = start();
    await vi.waitFor(() => expect(keys(reflector)).toEqual(['default/old']));
    await vi.waitFor(() => expect(server.watches()).toHaveLength(3));
    expect(server.lists()[1]?.query.toString()).toBe('limit=1&resourceVersion=11&resourceVersionMatch=NotOlderThan');
    expect(server.watches()[2]?.query.get('resourceVersion')).toBe('5');
  });

  it('lists anew when an older event comes than was seen before (faults.md 14)', async () => {
    server.serve({
      list: (n) => (n === 0 ? list([configMap('a', '1')], '10') : list([configMap('old', '4')], '6')),
      watch: (n) => (n === 0 ? watch([added(configMap('b', '9'))], 'stay') : watch([], 'stay')),
    });
    const reflector = start();
    await vi.waitFor(() => expect(keys(reflector)).toEqual(['default/old']));
    expect(changes).not.toContain('default/b ->9');
  });

  it('doubts a server whose bookmarks stop, and lists anew when its state is older (faults.md 14)', async () => {
    server.serve({
      list: (n) => {
        switch (n) {
          case 0:
            return list([configMap('a', '1')], '10');
          case 1:
            return json(504, tooLarge);
          default:
            return list([], '5');
        }
      },
      watch: (n) => (n === 0 ? watch([bookmark('11')], 'stay') : watch([], 'stay')),
    });
    const reflector = start({ ...FAST, bookmarkMs: 60 });
    await vi.waitFor(() => expect(keys(reflector)).toEqual([]));
    await vi.waitFor(() => expect(server.watches()).toHaveLength(2));
  });

  it('waits for a resource that is not served, says so, and starts when it comes (faults.md 15)', async () => {
    let installed = false;
    server.serve({
      list: () =>
        installed ? list([configMap('a', '1')], '10') : (response) => response.writeHead(404).end('404 page not found'),
      watch: () => watch([], 'stay'),
    });
    const reflector = start();
    await vi.waitFor(() => expect(server.lists().length).toBeGreaterThanOrEqual(3));
    expect(reflector.state).toMatchObject({ phase: 'Waiting', message: expect.stringContaining('configmaps v1') });
    expect(reflector.hasSynced).toBe(false);
    installed = true;
    await reflector.synced;
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Watching'));
  });

  it('keeps what it knew when a resource is no longer served', async () => {
    let installed = true;
    server.serve({
      list: () => (installed ? list([configMap('a', '1')], '10') : refuse(404, 'NotFound')),
      watch: () => (installed ? watch([deleted(configMap('b', '11'))], 'cut') : refuse(404, 'NotFound')),
    });
    const reflector = start();
    await reflector.synced;
    installed = false;
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Waiting'));
    expect(keys(reflector)).toEqual(['default/a']);
  });

  it('takes a list without uids for a fault, not for deletions', async () => {
    const broken = { metadata: { name: 'b' } } as unknown as KubernetesObject;
    server.serve({
      list: (n) => (n === 1 ? list([broken], '20') : list([configMap('a', '1')], '10')),
      watch: (n) => watch(n === 0 ? ['garbage\n'] : [], 'stay'),
    });
    const reflector = start();
    await vi.waitFor(() => expect(server.watches()).toHaveLength(2));
    expect(changes).toEqual(['default/a ->1']);
    expect(states.find(({ phase }) => phase === 'Degraded')?.message).toContain('without name, uid');
    expect(reflector.stats.lists).toBe(2);
  });

  it('stops at once, and tells those who wait for the first list', async () => {
    server.serve({ list: () => () => {}, watch: () => watch([], 'stay') });
    const reflector = start({});
    await vi.waitFor(() => expect(server.lists()).toHaveLength(1));
    stop.abort();
    await running;
    await expect(reflector.synced).rejects.toThrow('stopped before configmaps were listed');
  });
});
