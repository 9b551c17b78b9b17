import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TRUST_POLICIES } from '../../src/api/group.ts';
import type { KubernetesObject } from '../../src/api/object.ts';
import { apiStatus, errorEvent } from '../support/api-faults.ts';
import type { ApiRequest } from '../support/api-request.ts';
import { type ApiWorld, startApiWorld } from '../support/api-world.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { OperatorAccount } from '../support/operator-account.ts';
import { waitFor } from '../support/processes.ts';
import { recovered } from '../support/recovered.ts';

/** Timers of Node are a millisecond early at times, and the proxy sees a request a little after it was made. */
const CLOCK_SLACK_MS = 100;
const WATCHED = ['truststores', 'trustpolicies', 'imagesignaturerequests', 'namespaces', 'pods'];

let plane: ControlPlane;
let account: OperatorAccount;
let world: ApiWorld;
beforeAll(async () => {
  plane = await startControlPlane();
  await plane.installCrds();
  account = await OperatorAccount.install(plane);
  world = await startApiWorld(plane, 'requests', { token: await account.createToken('first') });
});
afterAll(async () => {
  await world?.stop();
  await plane?.stop();
});
afterEach(async () => {
  world.proxy.heal();
  expect(world.wrongWords()).toEqual([]);
  for (const resource of WATCHED) await world.waitForPhase(resource, 'Watching', 60_000);
});

const gapsOf = (requests: readonly ApiRequest[]): readonly number[] =>
  requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0));

describe('5: 429 with Retry-After is obeyed', () => {
  const RETRY_AFTER_S = 4;
  const throttled = apiStatus(429, { 'retry-after': String(RETRY_AFTER_S) });
  const expectObeyed = (requests: readonly ApiRequest[]): void => {
    const [gap = 0] = gapsOf(requests);
    expect(gap).toBeGreaterThanOrEqual(RETRY_AFTER_S * 1_000 - CLOCK_SLACK_MS);
  };

  it('5: by a status write, which comes later and is not lost', async (context) => {
    world.proxy.requests.length = 0;
    world.proxy.inject({ verb: 'patch', resource: 'pods/status', name: 'throttled' }, throttled, 1);
    await world.run('throttled', 'Unsigned');
    await world.flagged('throttled');
    const writes = world.proxy.seen('patch', 'pods/status').filter(({ name }) => name === 'throttled');
    expect(writes.map(({ status }) => status)).toEqual([429, 200]);
    expectObeyed(writes);
    recovered(context, (writes[0]?.at ?? 0) + RETRY_AFTER_S * 1_000);
  });

  it('5: by a watch, which then resumes without a list', async (context) => {
    const version = await world.settled();
    world.proxy.requests.length = 0;
    world.proxy.inject({ verb: 'watch', resource: 'pods' }, throttled, 1);
    world.proxy.watches('pods')[0]?.end();
    await world.waitForPhase('pods', 'Degraded');
    await world.run('while-throttled', 'Unsigned');
    await world.flagged('while-throttled');
    const watches = world.proxy.seen('watch', 'pods');
    expectObeyed(watches);
    recovered(context, (watches[0]?.at ?? 0) + RETRY_AFTER_S * 1_000);
    expect(watches.map(({ query }) => query.get('resourceVersion'))).toEqual([version, version]);
    expect(world.proxy.seen('list', 'pods')).toEqual([]);
    expect(world.logged('pods', '429 TooManyRequests')).not.toEqual([]);
  });

  it('5: by a list', async (context) => {
    await world.settled();
    world.proxy.requests.length = 0;
    world.proxy.inject({ verb: 'list', resource: 'pods' }, throttled, 1);
    world.proxy.watches('pods')[0]?.send(errorEvent(410));
    await waitFor('the second list', () => world.proxy.seen('list', 'pods').length === 2);
    const lists = world.proxy.seen('list', 'pods');
    expectObeyed(lists);
    await world.waitForPhase('pods', 'Watching');
    recovered(context, (lists[0]?.at ?? 0) + RETRY_AFTER_S * 1_000);
  });
});

describe('6: an API server that fails', () => {
  it('6: with 500s is asked ever more seldom, each watch at its own times, and the operator goes on when it is well', async (context) => {
    await world.restart();
    const version = await world.settled();
    world.proxy.requests.length = 0;
    world.proxy.inject({}, apiStatus(500));
    world.proxy.relay.resetStanding();
    await waitFor('five attempts', () => attempts('pods').length >= 5, 60_000);
    for (const resource of WATCHED) await world.waitForPhase(resource, 'Degraded');
    expect(world.scenario.operator.process.hasExited).toBe(false);
    const perWatch = WATCHED.map((resource) => gapsOf(attempts(resource)).slice(0, 3));
    for (const gaps of perWatch) {
      // 1 s, 2 s and 4 s, of each a random part between half and the whole; never less than a second.
      for (const [index, gap] of gaps.entries())
        expect(gap).toBeGreaterThanOrEqual(Math.max(1_000, 500 * 2 ** index) - CLOCK_SLACK_MS);
    }
    // Jitter: the third gap lies anywhere within two seconds, and nowhere twice.
    const thirds = perWatch.flatMap((gaps) => (gaps[2] === undefined ? [] : [gaps[2]]));
    expect(Math.max(...thirds) - Math.min(...thirds)).toBeGreaterThan(50);
    await world.run('after-500', 'Unsigned');
    world.proxy.requests.length = 0;
    const since = performance.now();
    world.proxy.heal();
    await world.flagged('after-500', 60_000);
    recovered(context, since);
    expect(world.proxy.seen('watch', 'pods')[0]?.query.get('resourceVersion')).toBe(version);
    expect(world.proxy.seen('list', 'pods')).toEqual([]);
  });

  it('6: with 401, because the token has expired, has the token read again, at once and with no word of it', async (context) => {
    const next = await account.createToken('second');
    // A token is read again each minute as well: from here on it is the 401 that makes it.
    await world.restart();
    await world.settled();
    const old = lastToken();
    await writeFile(world.proxy.tokenPath, next);
    await account.endToken('first');
    world.proxy.requests.length = 0;
    await waitFor('the API server to forget the old token', async () => {
      world.proxy.watches('pods')[0]?.end();
      await waitFor('a watch', () => world.proxy.watches('pods').length === 1);
      return world.proxy.requests.some(({ status }) => status === 401);
    });
    const refused = world.proxy.requests.find(({ status }) => status === 401);
    const again = world.proxy.requests.find(({ at }) => at > (refused?.at ?? 0));
    expect(refused?.token).toBe(old);
    expect(again).toMatchObject({ verb: 'watch', status: 200, token: next });
    expect(again?.query.get('resourceVersion')).toBe(refused?.query.get('resourceVersion'));
    await world.run('second-token', 'Unsigned');
    await world.flagged('second-token');
    recovered(context, refused?.at ?? 0);
    expect(world.logged('pods', 'Unauthorized')).toEqual([]);
  });

  it('6: with 401, and no new token yet, is asked with backoff, never left, and is well by itself when there is one', async (context) => {
    await world.restart();
    await world.settled();
    await account.endToken('second');
    await waitFor('401', async () => {
      world.proxy.watches('pods')[0]?.end();
      return (await world.scenario.operator.metric('sealwatch_watch_state{resource="pods",phase="Degraded"}')) === 1;
    });
    world.proxy.requests.length = 0;
    await waitFor('attempts', () => world.proxy.seen('watch', 'pods').length >= 4, 90_000);
    const [first, , third] = world.proxy.seen('watch', 'pods');
    // Each attempt is two requests: the token is read again in between.
    expect((third?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_000 - CLOCK_SLACK_MS);
    expect(world.logged('pods', '401 Unauthorized')).not.toEqual([]);
    const token = await account.createToken('third');
    const since = performance.now();
    await writeFile(world.proxy.tokenPath, token);
    await world.waitForPhase('pods', 'Watching', 60_000);
    await world.run('third-token', 'Unsigned');
    await world.flagged('third-token', 60_000);
    recovered(context, since);
    expect(world.scenario.operator.process.hasExited).toBe(false);
  });

  /** What a watch's reflector asked for, whatever way it went. */
  const attempts = (resource: string): readonly ApiRequest[] =>
    world.proxy.requests.filter((request) => request.resource === resource && request.method === 'GET');
  const lastToken = (): string => world.proxy.requests.at(-1)?.token ?? '';
});

describe('10: one object that cannot be handled', () => {
  it('10: is tried again with backoff while the others go on, and is told when it can be', async (context) => {
    world.proxy.requests.length = 0;
    const broken = world.proxy.inject({ resource: 'pods/status', name: 'broken' }, apiStatus(500));
    await world.run('broken', 'Unsigned');
    await world.run('beside', 'Unsigned');
    await world.flagged('beside');
    await waitFor('five attempts', () => broken.met.length >= 5, 60_000);
    for (const [index, gap] of gapsOf(broken.met).entries()) {
      expect(gap).toBeGreaterThanOrEqual(250 * 2 ** index - CLOCK_SLACK_MS);
    }
    const said = world.scenario.operator.logs().filter(({ object }) => object === `${world.scenario.id}/broken`);
    expect(said[0]).toMatchObject({ controller: 'pod', msg: 'reconcile failed; it is tried again' });
    const since = performance.now();
    world.proxy.heal();
    await world.flagged('broken', 60_000);
    recovered(context, since);
  });

  it('10: because nothing can be read out of it keeps what was known of it, and the others go on', async () => {
    const trusted = await world.running('Trusted');
    const version = await world.settled();
    const pod = await plane.get<KubernetesObject>('pod', 'trusted', '-n', world.scenario.id);
    const metadata = { ...pod.metadata, resourceVersion: version };
    const object = { ...pod, metadata, spec: { containers: 7 }, status: { containerStatuses: 'none' } };
    world.proxy.watches('pods')[0]?.send(JSON.stringify({ type: 'MODIFIED', object }));
    await world.run('beside-unreadable', 'Unsigned');
    await world.flagged('beside-unreadable');
    expect(world.logged('pods', 'an object could not be handled; the others go on')).toHaveLength(1);
    expect(await world.running('Trusted')).toBe(trusted);
  });
});

describe('11: the same name with another UID', () => {
  /** The UID that was told, and that the events are about. */
  const told = (name: string): readonly string[] =>
    world.proxy
      .seen('patch', 'pods/status')
      .filter((request) => request.name === name && request.status === 200)
      .map(({ body }) => (JSON.parse(body) as { readonly metadata: { readonly uid: string } }).metadata.uid);
  const uidOf = async (name: string): Promise<string> =>
    (await plane.get<KubernetesObject>('pod', name, '-n', world.scenario.id)).metadata.uid;

  it.for([
    ['in the events of a watch that is resumed', false],
    ['in a new list alone', true],
  ] as const)(
    '11: is another pod, %s: the old one’s flag goes, and the new one is told for itself',
    async ([, isRelisted], context) => {
      const [gone, again] = isRelisted ? (['gone-l', 'again-l'] as const) : (['gone-w', 'again-w'] as const);
      await world.run(gone, 'Unsigned');
      await world.run(again, 'Unsigned');
      await world.flagged(gone);
      await world.flagged(again);
      const [unsigned, trusted] = [await world.running('Unsigned'), await world.running('Trusted')];
      const old = await uidOf(again);
      await world.settled();
      world.cut();
      await world.remove(gone);
      await world.remove(again);
      await world.run(gone, 'Trusted');
      await world.run(again, 'Unsigned');
      const [watch] = isRelisted ? [world.proxy.inject({ verb: 'watch', resource: 'pods' }, apiStatus(410), 1)] : [];
      const since = performance.now();
      world.proxy.relay.refuse(false);
      await world.flagged(again, 60_000);
      await world.waitForRunning('Trusted', trusted + 1);
      await world.waitForRunning('Unsigned', unsigned - 1);
      recovered(context, since);
      expect(watch?.met.length).toBe(isRelisted ? 1 : undefined);
      expect(told(again)).toEqual([old, await uidOf(again)]);
      // The new pod never had a bad image: nothing is said of it.
      expect(await world.scenario.podCondition(gone)).toBeUndefined();
      const events = await waitFor('an event about each', async () => {
        const uids = await regarded(again);
        return uids.size === 2 && uids;
      });
      expect(events).toEqual(new Set([old, await uidOf(again)]));
    },
  );

  async function regarded(name: string): Promise<ReadonlySet<string>> {
    const { items } = await plane.get<{
      readonly items: readonly { readonly regarding: { readonly name: string; readonly uid: string } }[];
    }>('events.v1.events.k8s.io', '-n', world.scenario.id);
    return new Set(items.filter(({ regarding }) => regarding.name === name).map(({ regarding }) => regarding.uid));
  }
});

describe('12: 409 on a status write', () => {
  const key = (): string => world.scenario.id;
  /** Another writer, a moment before: the version that the operator has seen is no longer the object's. */
  const overtake = async (): Promise<void> => {
    const body = { metadata: { labels: { overtaken: String(performance.now()) } } };
    await world.direct.patch(TRUST_POLICIES, key(), { contentType: 'application/merge-patch+json', body });
  };
  const matcher = { verb: 'patch', resource: 'trustpolicies/status' } as const;
  const podsCounted = async (): Promise<number | undefined> => {
    const policy = await plane.get<{ readonly status?: { readonly pods?: Readonly<Record<string, number>> } }>(
      'tp',
      key(),
    );
    return policy.status?.pods?.['unsigned'];
  };

  it('12: has the object read again and the write repeated, once', async (context) => {
    await world.run('counted', 'Unsigned');
    await world.flagged('counted');
    const before = await world.running('Unsigned');
    await waitFor('the count to be written', async () => (await podsCounted()) === before);
    world.proxy.requests.length = 0;
    const overtaken = world.proxy.inject(matcher, { kind: 'before', run: overtake }, 1);
    await world.run('counted-too', 'Unsigned');
    await waitFor('the count to be written', async () => (await podsCounted()) === before + 1);
    recovered(context, overtaken.met[0]?.at ?? 0);
    expect(overtaken.met.map(({ status }) => status)).toEqual([409]);
    const exchange = world.proxy.requests.filter(({ resource }) => /^trustpolicies/.test(resource));
    const done = exchange.map(({ verb, status }) => `${verb} ${status}`);
    expect(done.slice(0, 3)).toEqual(['patch 409', 'get 200', 'patch 200']);
    // Counts of images and of pods may change one after the other: each is one more write at most.
    expect(done.slice(3).filter((each) => each !== 'patch 200')).toEqual([]);
  });

  it('12: that never ends is no loop: five attempts, and then a pause that grows', async () => {
    world.proxy.requests.length = 0;
    const overtaken = world.proxy.inject(matcher, { kind: 'before', run: overtake });
    await world.run('never-counted', 'Unsigned');
    await waitFor(
      'three rounds, each answered',
      () => overtaken.met.filter(({ status }) => status !== undefined).length >= 15,
      60_000,
    );
    const rounds = [0, 5, 10].map((index) => overtaken.met[index]?.at ?? 0);
    const ends = [4, 9].map((index) => overtaken.met[index]?.at ?? 0);
    expect((rounds[1] ?? 0) - (ends[0] ?? 0)).toBeGreaterThanOrEqual(250 - CLOCK_SLACK_MS);
    expect((rounds[2] ?? 0) - (ends[1] ?? 0)).toBeGreaterThanOrEqual(500 - CLOCK_SLACK_MS);
    expect(new Set(overtaken.met.slice(0, 15).map(({ status }) => status))).toEqual(new Set([409]));
    await world.flagged('never-counted');
  });
});
