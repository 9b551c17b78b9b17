import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { LeaderElector, type LeaseTiming } from '../../../src/kubernetes/leader-elector.ts';
import { type Lease, type LeaseSpec, microTime, ObservedLease } from '../../../src/kubernetes/lease.ts';
import { LeaseFence } from '../../../src/kubernetes/lease-fence.ts';
import { waitFor } from '../../support/processes.ts';
import { json, refuse, type SeenRequest, silentLogger, WireServer } from './wire-server.ts';

const TIMING: LeaseTiming = { leaseDurationMs: 1_000, renewDeadlineMs: 600, retryPeriodMs: 100 };
const PATH = '/apis/coordination.k8s.io/v1/namespaces/ns/leases';

/** One Lease, by the API server's rules: a create of what is there, and a patch of an older version, are refused. */
class LeaseStore {
  lease: Lease | undefined;
  #version = 0;
  /** What becomes of a write: taken, taken without an answer, or not answered. */
  fault: ((request: SeenRequest) => 'lose-answer' | 'fail' | undefined) | undefined;
  readonly writes: LeaseSpec[] = [];

  put(spec: LeaseSpec, annotations?: Readonly<Record<string, string>>): void {
    this.#version += 1;
    const { uid = `uid-${this.#version}` } = this.lease?.metadata ?? {};
    const metadata = { name: 'sealwatch', namespace: 'ns', uid, resourceVersion: String(this.#version) };
    const creationTimestamp = '2026-01-01T00:00:00Z';
    this.lease = { metadata: { ...metadata, creationTimestamp, ...(annotations ? { annotations } : {}) }, spec };
  }

  answer(request: SeenRequest): ReturnType<typeof json> {
    if (request.method === 'GET') return this.lease === undefined ? refuse(404, 'NotFound') : json(200, this.lease);
    const fault = this.fault?.(request);
    if (fault === 'fail') return refuse(500, 'InternalError');
    const body = JSON.parse(request.body) as Lease;
    if (request.method === 'POST') {
      if (request.path !== PATH || this.lease !== undefined) return refuse(409, 'AlreadyExists');
    } else {
      if (this.lease === undefined) return refuse(404, 'NotFound');
      const { uid, resourceVersion } = this.lease.metadata;
      if (body.metadata.resourceVersion !== resourceVersion || body.metadata.uid !== uid)
        return refuse(409, 'Conflict');
    }
    this.put({ ...this.lease?.spec, ...body.spec });
    this.writes.push(body.spec ?? {});
    return fault === 'lose-answer' ? refuse(504, 'Timeout') : json(200, this.lease);
  }
}

describe('LeaderElector', () => {
  let server: WireServer;
  let store: LeaseStore;
  const ends: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    server = await WireServer.start();
    store = new LeaseStore();
    server.answer = (response, request) => store.answer(request)(response, request);
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await server.stop();
  });

  function start(identity: string, timing = TIMING) {
    const client = new KubernetesClient(server.kubeConfig(), { userAgent: 'test' });
    const fence = new LeaseFence();
    const told: string[] = [];
    const elector = new LeaderElector({
      client,
      fence,
      namespace: 'ns',
      name: 'sealwatch',
      identity,
      logger: silentLogger,
      onLeading: () => told.push('leading'),
      onLost: async () => {
        told.push('lost');
      },
      timing,
    });
    elector.start();
    ends.push(async () => {
      await elector.stop();
      await client.close();
    });
    return { elector, fence, told };
  }

  const leading = (one: { readonly fence: LeaseFence }): Promise<true> =>
    waitFor('it to lead', () => one.fence.isOpen, 10_000, 5);

  it('makes the Lease as client-go has it, renews it, and gives it back', async () => {
    const one = start('host_1');
    await leading(one);
    await waitFor('two renewals', () => store.writes.length >= 3);
    const [created, renewed] = store.writes;
    const micro = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
    expect(created).toEqual({
      holderIdentity: 'host_1',
      leaseDurationSeconds: 1,
      acquireTime: expect.stringMatching(micro),
      renewTime: expect.stringMatching(micro),
      leaseTransitions: 0,
    });
    expect(renewed).toEqual({
      holderIdentity: 'host_1',
      leaseDurationSeconds: 1,
      renewTime: expect.stringMatching(micro),
    });
    await one.elector.stop();
    expect(store.lease?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 0 });
    expect(one.fence.isOpen).toBe(false);
    expect(one.told).toEqual(['leading']);
  });

  it('takes a Lease that was given back at its next look, and counts the transition', async () => {
    const one = start('host_1');
    await leading(one);
    const two = start('host_2');
    await waitFor('the other to stand by', () => two.elector.holder === 'host_1');
    const since = performance.now();
    await one.elector.stop();
    await leading(two);
    expect(performance.now() - since).toBeLessThan(TIMING.leaseDurationMs);
    expect(store.lease?.spec).toMatchObject({ holderIdentity: 'host_2', leaseTransitions: 1 });
  });

  it.each([
    ['an hour behind', -3_600_000],
    ['an hour ahead', 3_600_000],
  ])(
    'waits for the whole duration after it saw the record change, also of a clock %s (faults.md 19)',
    async (_, stepMs) => {
      const time = microTime(new Date(Date.now() + stepMs));
      store.put({ holderIdentity: 'dead', leaseDurationSeconds: 1, renewTime: time, leaseTransitions: 4 });
      const since = performance.now();
      const one = start('host_1');
      await leading(one);
      const tookMs = performance.now() - since;
      expect(tookMs).toBeGreaterThanOrEqual(TIMING.leaseDurationMs);
      expect(tookMs).toBeLessThan(TIMING.leaseDurationMs + 5 * TIMING.retryPeriodMs);
      expect(store.lease?.spec).toMatchObject({ holderIdentity: 'host_1', leaseTransitions: 5 });
    },
  );

  it('lets one of two who try at once win', async () => {
    const both = [start('host_1'), start('host_2')];
    await waitFor('one to lead', () => both.some(({ fence }) => fence.isOpen));
    await waitFor('renewals', () => store.writes.length > 5);
    expect(both.filter(({ fence }) => fence.isOpen)).toHaveLength(1);
    expect(new Set(store.writes.map(({ holderIdentity }) => holderIdentity)).size).toBe(1);
  });

  it('goes on when the answer to a renewal is lost, or somebody annotates the Lease', async () => {
    const one = start('host_1');
    await leading(one);
    let left = 1;
    store.fault = () => (left-- > 0 ? 'lose-answer' : undefined);
    const renewals = store.writes.length;
    await waitFor('renewals after the lost one', () => store.writes.length >= renewals + 3);
    store.put(store.lease?.spec ?? {}, { note: 'of a person' });
    const more = store.writes.length;
    await waitFor('renewals of the annotated one', () => store.writes.length >= more + 3);
    expect(one.fence.isOpen).toBe(true);
    expect(one.told).toEqual(['leading']);
  });

  it('stops writing at the renew deadline when no renewal succeeds, and leads again when one may', async () => {
    const one = start('host_1');
    await leading(one);
    store.fault = () => 'fail';
    const since = performance.now();
    await waitFor('it to lose', () => one.told.includes('lost'), 5_000, 5);
    expect(performance.now() - since).toBeLessThan(TIMING.renewDeadlineMs + 200);
    expect(one.fence.isOpen).toBe(false);
    store.fault = undefined;
    await leading(one);
    expect(one.told).toEqual(['leading', 'lost', 'leading']);
    expect(store.lease?.spec?.leaseTransitions).toBe(0);
  });

  it.each(['another takes it', 'it is deleted'])('ends its writes at once when %s', async (what) => {
    const one = start('host_1', { ...TIMING, leaseDurationMs: 20_000, renewDeadlineMs: 15_000 });
    await leading(one);
    if (what === 'it is deleted') store.lease = undefined;
    else store.put({ holderIdentity: 'host_2', leaseDurationSeconds: 20 });
    await waitFor('it to lose', () => one.told.includes('lost'), 5_000, 5);
    expect(one.told.slice(0, 2)).toEqual(['leading', 'lost']);
    if (what === 'it is deleted') await leading(one);
    else {
      expect(one.fence.isOpen).toBe(false);
      await one.elector.stop();
      // What is another's is not given back.
      expect(store.lease?.spec?.holderIdentity).toBe('host_2');
    }
  });
});

describe('ObservedLease', () => {
  const lease = (spec: LeaseSpec, resourceVersion = '1'): Lease => ({
    metadata: { name: 'l', namespace: 'n', uid: 'u', resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec,
  });

  it('ends a duration after its record was last seen to change; an annotation is no change', () => {
    const seen = new ObservedLease();
    const spec = { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '1' };
    seen.observe(lease(spec), 1_000);
    seen.observe(lease(spec, '2'), 5_000);
    expect(seen.endsAt(15_000)).toBe(16_000);
    seen.observe(lease({ ...spec, renewTime: '2' }, '3'), 6_000);
    expect(seen.endsAt(15_000)).toBe(21_000);
  });

  it('gives a holder the longer duration that its record names, and nobody any', () => {
    const seen = new ObservedLease();
    seen.observe(lease({ holderIdentity: 'a', leaseDurationSeconds: 60 }), 0);
    expect(seen.endsAt(15_000)).toBe(60_000);
    seen.observe(lease({ holderIdentity: '', leaseDurationSeconds: 1 }), 0);
    expect(seen.endsAt(15_000)).toBe(Number.NEGATIVE_INFINITY);
    seen.observe(undefined, 0);
    expect(seen.endsAt(15_000)).toBe(Number.NEGATIVE_INFINITY);
  });
});
