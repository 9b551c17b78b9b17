import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { DEFAULT_PING } from '../../src/kubernetes/http2-connection.ts';
import { DEFAULT_TIMING } from '../../src/kubernetes/reflector-options.ts';
import { errorEvent } from '../support/api-faults.ts';
import { type ApiWorld, type ApiWorldOptions, startApiWorld } from '../support/api-world.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { waitFor } from '../support/processes.ts';
import { recovered } from '../support/recovered.ts';

const NOTICED_MS = 45_000;
const LIST_TIMEOUT_MS = 60_000;
/** From what is noticed to what a person sees: an attempt a second, a list, a verdict and a write. */
const TOLD_MS = 10_000;

let plane: ControlPlane;
const worlds: ApiWorld[] = [];
beforeAll(async () => {
  plane = await startControlPlane();
  await plane.installCrds();
});
afterAll(async () => {
  for (const world of worlds) await world.stop();
  await plane?.stop();
});

async function start(name: string, options: ApiWorldOptions = {}): Promise<ApiWorld> {
  const world = await startApiWorld(plane, name, { ...options, isAlone: false });
  worlds.push(world);
  return world;
}

// By the real bounds, which are long: so all wait at once, each with an operator and a proxy of its own.
describe.concurrent('an API server that falls silent', () => {
  const isSilent = async (world: ApiWorld, http: string, context: TestContext): Promise<void> => {
    const version = await world.settled();
    expect(world.proxy.watches('pods')[0]?.request.http).toBe(http);
    world.proxy.requests.length = 0;
    const since = performance.now();
    world.proxy.relay.muteStanding();
    await world.run('in-silence', 'Unsigned');
    await world.flagged('in-silence', NOTICED_MS + TOLD_MS);
    const [resumed] = world.proxy.seen('watch', 'pods');
    expect(resumed?.query.get('resourceVersion')).toBe(version);
    expect((resumed?.at ?? 0) - since).toBeLessThan(NOTICED_MS);
    recovered(context, since);
    expect(world.proxy.seen('list', 'pods')).toEqual([]);
    expect(world.logged('pods', 'watch broken off; resuming')).toHaveLength(1);
    expect(world.wrongWords()).toEqual([]);
  };

  it('2: with its connection half open is given up within 45 s, and the watch resumed: HTTP/2, whose pings nobody answers', async (context) => {
    await isSilent(await start('silent-2'), '2.0', context);
  });

  it('2: with its connection half open is given up within 45 s, and the watch resumed: HTTP/1.1, which has no pings', async (context) => {
    await isSilent(await start('silent-1', { onlyHttp1: true }), '1.1', context);
  });

  it('7: on a LIST is given up at 60 s, and asked again; what was known stays', async (context) => {
    const world = await start('hang');
    await world.settled();
    const known = { trusted: await world.running('Trusted'), unsigned: await world.running('Unsigned') };
    world.proxy.requests.length = 0;
    const hanging = world.proxy.inject({ verb: 'list', resource: 'pods' }, { kind: 'hang' }, 1);
    world.proxy.watches('pods')[0]?.send(errorEvent(410));
    await waitFor('a list', () => hanging.met.length === 1);
    await world.remove('unsigned');
    await world.run('during-list', 'Unsigned');
    await waitFor('another list', () => world.proxy.seen('list', 'pods').length === 2, LIST_TIMEOUT_MS + TOLD_MS);
    // It was silence, not deletion: all is as before until a list is whole.
    const [first, second] = world.proxy.seen('list', 'pods');
    const waitedMs = (second?.at ?? 0) - (first?.at ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(LIST_TIMEOUT_MS - 100);
    expect(waitedMs).toBeLessThan(LIST_TIMEOUT_MS + TOLD_MS);
    await world.flagged('during-list');
    recovered(context, second?.at ?? 0);
    await world.waitForRunning('Unsigned', known.unsigned);
    expect(await world.running('Trusted')).toBe(known.trusted);
    expect(world.logged('pods', `no answer within ${LIST_TIMEOUT_MS} ms`)).not.toEqual([]);
    expect(world.wrongWords()).toEqual([]);
  });

  it('2, 7: the bounds are those of the defaults', () => {
    expect(DEFAULT_PING.intervalMs + DEFAULT_PING.timeoutMs).toBeLessThan(NOTICED_MS);
    expect(DEFAULT_TIMING.silenceMs + DEFAULT_TIMING.minIntervalMs).toBeLessThan(NOTICED_MS);
    expect(DEFAULT_TIMING.listTimeoutMs).toBe(LIST_TIMEOUT_MS);
  });
});
