import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiStatus, errorEvent } from '../support/api-faults.ts';
import type { ApiRequest } from '../support/api-request.ts';
import { type ApiWorld, startApiWorld } from '../support/api-world.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { waitFor } from '../support/processes.ts';
import { recovered } from '../support/recovered.ts';

/** Timers of Node are a millisecond early at times, and the proxy sees a request a little after it was made. */
const CLOCK_SLACK_MS = 100;

let plane: ControlPlane;
let world: ApiWorld;
beforeAll(async () => {
  plane = await startControlPlane();
  await plane.installCrds();
  world = await startApiWorld(plane, 'watch');
});
afterAll(async () => {
  await world?.stop();
  await plane?.stop();
});
afterEach(async () => {
  world.proxy.heal();
  expect(world.wrongWords()).toEqual([]);
  await world.waitForPhase('pods', 'Watching', 60_000);
});

/** The pages of pods that were asked for: `first`, or `next`. */
const pages = (): readonly string[] => world.proxy.seen('list', 'pods').map(pageOf);
const pageOf = ({ query }: ApiRequest): string => (query.has('continue') ? 'next' : 'first');

describe('a watch of the operator', () => {
  it('1: that is reset resumes from the last resourceVersion: nothing is lost, nothing listed', async (context) => {
    const version = await world.settled();
    world.proxy.requests.length = 0;
    const since = performance.now();
    world.proxy.relay.resetStanding();
    await world.run('after-reset', 'Unsigned');
    await world.flagged('after-reset');
    recovered(context, since);
    expect(world.proxy.seen('watch', 'pods')[0]?.query.get('resourceVersion')).toBe(version);
    expect(world.proxy.seen('list', 'pods')).toEqual([]);
    expect(world.proxy.watches('pods')[0]?.request.http).toBe('2.0');
  });

  it('1: that is reset, with an API server out of reach for a while, tells what happened meanwhile', async (context) => {
    const unsigned = await world.running('Unsigned');
    const version = await world.settled();
    world.cut();
    await world.waitForPhase('pods', 'Degraded');
    await world.run('meanwhile', 'Unsigned');
    await world.remove('after-reset');
    world.proxy.requests.length = 0;
    const since = performance.now();
    world.proxy.heal();
    await world.flagged('meanwhile', 60_000);
    await world.waitForRunning('Unsigned', unsigned);
    await world.waitForPhase('pods', 'Watching');
    recovered(context, since);
    expect(world.proxy.seen('watch', 'pods')[0]?.query.get('resourceVersion')).toBe(version);
    expect(world.proxy.requests.filter(({ verb }) => verb === 'list')).toEqual([]);
  });

  it.for([
    ['as HTTP status', () => world.proxy.inject({ verb: 'watch', resource: 'pods' }, apiStatus(410), 1)],
    [
      'as ERROR event in the stream',
      () => {
        const gone = { kind: 'rewrite-lines', rewrite: () => errorEvent(410) } as const;
        return world.proxy.inject({ verb: 'watch', resource: 'pods' }, gone, 1);
      },
    ],
  ] as const)(
    '3: that is answered 410 %s costs one paged list, which finds what was deleted between',
    async ([, inject], context) => {
      await world.run('deleted-between', 'Unsigned');
      await world.flagged('deleted-between');
      const unsigned = await world.running('Unsigned');
      world.cut();
      await world.remove('deleted-between');
      await world.run('created-between', 'Unsigned');
      world.proxy.requests.length = 0;
      world.proxy.pageSize = 2;
      const injected = inject();
      const since = performance.now();
      world.proxy.relay.refuse(false);
      await world.flagged('created-between', 60_000);
      await world.waitForRunning('Unsigned', unsigned);
      recovered(context, since);
      expect(injected.met).toHaveLength(1);
      expect(pages().length).toBeGreaterThan(1);
      expect(pages()).toEqual([
        'first',
        ...pages()
          .slice(1)
          .map(() => 'next'),
      ]);
      await world.remove('created-between');
      await world.waitForRunning('Unsigned', unsigned - 1);
    },
  );

  it('4: that is answered 410 in the middle of the pages lists from the start, and deletes nothing by the part that it has', async (context) => {
    await world.restart();
    const before = { trusted: await world.running('Trusted'), unsigned: await world.running('Unsigned') };
    await world.settled();
    world.proxy.requests.length = 0;
    world.proxy.pageSize = 2;
    const isNext = (request: ApiRequest): boolean => pageOf(request) === 'next';
    const gone = world.proxy.inject({ verb: 'list', resource: 'pods', where: isNext }, apiStatus(410), 3);
    /** What the operator says runs, whenever it begins a list. */
    const held: object[] = [];
    const look = async (): Promise<void> => {
      held.push({ trusted: await world.running('Trusted'), unsigned: await world.running('Unsigned') });
    };
    const isFirst = (request: ApiRequest): boolean => pageOf(request) === 'first';
    world.proxy.inject({ verb: 'list', resource: 'pods', where: isFirst }, { kind: 'before', run: look });
    const since = performance.now();
    world.proxy.watches('pods')[0]?.send(errorEvent(410));
    await waitFor('three lists to break off', () => gone.met.length === 3);
    await world.run('after-partial', 'Unsigned');
    await world.flagged('after-partial', 60_000);
    recovered(context, since);
    expect(held).toEqual([before, before, before, before]);
    expect(pages().slice(0, 7)).toEqual(['first', 'next', 'first', 'next', 'first', 'next', 'first']);
    expect(
      pages()
        .slice(7)
        .every((page) => page === 'next'),
    ).toBe(true);
    expect(await world.running('Trusted')).toBe(before.trusted);
  });

  it('8: that gets one event and then ends, for ever, is opened at most once a second, and goes on telling', async () => {
    await world.settled();
    const ending = world.proxy.inject({ verb: 'watch', resource: 'pods' }, { kind: 'end-after', events: 1 });
    world.proxy.requests.length = 0;
    const since = performance.now();
    world.proxy.watches('pods')[0]?.end();
    await world.run('one-by-one', 'Unsigned');
    // Every watch has an event at once: a pod changes as soon as it stands.
    for (let changes = 1; changes <= 8; changes += 1) {
      await waitFor('one more watch', () => ending.met.length >= changes, 60_000, 10);
      await world.touch('trusted', String(changes));
    }
    await world.flagged('one-by-one');
    const tookMs = performance.now() - since;
    const opened = world.proxy.seen('watch', 'pods');
    const gaps = opened.slice(1).map(({ at }, index) => at - (opened[index]?.at ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000 - CLOCK_SLACK_MS);
    expect(opened.length).toBeLessThanOrEqual(1 + tookMs / 1_000);
    expect(world.proxy.seen('list', 'pods')).toEqual([]);
  });

  it.for([
    ['half an event', '{"type":"MODIFIED","object":{"metadata":'],
    ['a page of a proxy', '<html><body>502 Bad Gateway</body></html>'],
  ] as const)('9: that has a garbage line, %s, counts it and lists anew', async ([, garbage], context) => {
    const garbageLines = (): Promise<number | undefined> =>
      world.scenario.operator.metric('sealwatch_watch_garbage_lines_total{resource="pods"}');
    await world.restart();
    const before = (await garbageLines()) ?? 0;
    await world.settled();
    world.proxy.requests.length = 0;
    const since = performance.now();
    world.proxy.watches('pods')[0]?.send(garbage);
    await waitFor('a list', () => pages().length > 0);
    await waitFor('the line to be counted', async () => (await garbageLines()) === before + 1);
    await world.waitForPhase('pods', 'Watching');
    recovered(context, since);
    expect(world.logged('pods', 'the watch stream held a line that is no event')).not.toEqual([]);
    expect(pages()).toEqual(['first']);
  });
});
