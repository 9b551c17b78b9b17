import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_LEASE_TIMING } from '../../src/kubernetes/index.ts';
import type { ApiRequest } from '../support/api-request.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { type LeaderWorld, type Replica, startLeaderWorld } from '../support/leader-world.ts';
import { waitFor } from '../support/processes.ts';
import { recovered } from '../support/recovered.ts';

const { leaseDurationMs, renewDeadlineMs } = DEFAULT_LEASE_TIMING;
const HOUR_MS = 3_600_000;
const FAULT_MS = 20_000;
/** What a proxy sees a little after it was sent, with two operators and a control plane on two cores. */
const WIRE_MS = 500;

let plane: ControlPlane;
let world: LeaderWorld;
beforeAll(async () => {
  plane = await startControlPlane();
  await plane.installCrds();
  world = await startLeaderWorld(plane);
});
afterAll(async () => {
  await world?.stop();
  await plane?.stop();
});
afterEach(async () => {
  await world.quiet();
});

/** Both replicas, with a leader that has been writing for a moment. */
async function begin(): Promise<{ readonly leader: Replica; readonly standby: Replica }> {
  const pair = await world.settled();
  world.spoil();
  world.forget();
  await waitFor('the leader to renew and to write', () => {
    return pair.leader.writes.length > 10 && pair.leader.leaseWrites.length > 0;
  });
  return pair;
}

const lastRenewal = (replica: Replica): number => replica.leaseWrites.at(-1)?.at ?? Number.NaN;
const writesAfter = (requests: readonly ApiRequest[], at: number): readonly string[] =>
  requests.filter((request) => request.at > at).map(({ verb, path }) => `${verb} ${path}`);
const writesBefore = (requests: readonly ApiRequest[], at: number): readonly string[] =>
  requests.filter((request) => request.at < at).map(({ verb, path }) => `${verb} ${path}`);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a standby', () => {
  it('is ready and says so, tells of no verdict, and writes nothing', async () => {
    const { leader, standby } = await begin();
    const { text } = await standby.operator.fetch('/readyz');
    expect(text).toMatch(/^standby: \S+_[0-9a-f-]{36} leads\n(?:[\s\S]*\n)?pods: Watching/);
    expect((await leader.operator.fetch('/readyz')).text).toMatch(/^leader\n/);
    const series = 'sealwatch_running_containers{';
    expect((await leader.operator.fetch('/metrics')).text).toContain(series);
    expect((await standby.operator.fetch('/metrics')).text).not.toContain(series);
    expect(standby.writes).toEqual([]);
    expect(standby.leaseWrites).toEqual([]);
  });
});

describe('a leader', () => {
  it('20: that is killed is followed by the standby within 18 s, without a list', async (context) => {
    const { leader, standby } = await begin();
    const since = performance.now();
    leader.operator.process.signal('SIGKILL');
    const at = await world.takenOver(standby, 30_000);
    recovered(context, since);
    expect(at - since).toBeLessThan(18_000);
    expect(at - lastRenewal(leader)).toBeGreaterThanOrEqual(leaseDurationMs);
    expect(writesBefore(standby.writes, at)).toEqual([]);
    expect(standby.proxy.seen('list', 'pods')).toEqual([]);
  });

  it('20: that is told to end gives the lease back, and is followed within 3 s', async (context) => {
    const { leader, standby } = await begin();
    const since = performance.now();
    leader.operator.process.signal('SIGTERM');
    const at = await world.takenOver(standby, 30_000);
    recovered(context, since);
    expect(at - since).toBeLessThan(3_000);
    const released = leader.leaseWrites.at(-1);
    expect(released?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    expect(writesAfter(leader.writes, released?.at ?? 0)).toEqual([]);
    expect(await leader.operator.process.exited).toBe(0);
  });

  it('17: whose lease requests hang writes nothing more before its lease ends; then another takes over', async (context) => {
    const { leader, standby } = await begin();
    const since = performance.now();
    leader.proxy.inject({ resource: 'leases' }, { kind: 'hang' });
    const at = await world.takenOver(standby, 30_000);
    recovered(context, since);
    const renewed = lastRenewal(leader);
    // It went on for as long as it surely held the lease, and no longer.
    expect(leader.writes.at(-1)?.at).toBeGreaterThan(renewed + renewDeadlineMs - 3_000);
    expect(writesAfter(leader.writes, renewed + renewDeadlineMs + WIRE_MS)).toEqual([]);
    expect(at).toBeGreaterThanOrEqual(renewed + leaseDurationMs);
    expect(writesBefore(standby.writes, at)).toEqual([]);
    leader.proxy.heal();
    await waitFor('the old leader to stand by', async () => {
      return (await leader.operator.fetch('/readyz')).text.startsWith('standby: ');
    });
    expect(await leader.leads()).toBe(false);
    expect((await leader.operator.fetch('/metrics')).text).not.toContain('sealwatch_running_containers{');
    expect(writesAfter(leader.writes, at)).toEqual([]);
  });

  it('17: that is cut off for 20 s has nothing arrive when the way is free again', async (context) => {
    const { leader, standby } = await begin();
    const since = performance.now();
    // What it watches still comes: it goes on to write, and all of that is on the way until the way is free.
    leader.link.cut('up');
    await waitFor('writes to be on the way', () => leader.link.held > 0 || leader.link.waiting > 0);
    const at = await world.takenOver(standby, 30_000);
    recovered(context, since);
    await sleep(Math.max(since + FAULT_MS - performance.now(), 0));
    leader.link.mend();
    await waitFor('the old leader to see who leads', async () => {
      return leader.proxy.requests.some((request) => request.resource === 'leases' && request.at > at);
    });
    await world.settled();
    expect(writesAfter(leader.writes, at)).toEqual([]);
    expect(leader.leaseWrites.filter((write) => write.at > at)).toEqual([]);
    expect(writesBefore(standby.writes, at)).toEqual([]);
  });

  it.for([
    ['at any moment', async (leader: Replica) => leader.operator.process.signal('SIGSTOP')],
    ['within a write', (leader: Replica) => leader.stopWithin()],
  ] as const)('18: that is stopped %s past its lease, and wakes, writes nothing', async ([, stop], context) => {
    const { leader, standby } = await begin();
    const since = performance.now();
    await stop(leader);
    const at = await world.takenOver(standby, 30_000);
    recovered(context, since);
    await sleep(Math.max(since + FAULT_MS - performance.now(), 0));
    const woken = performance.now();
    leader.operator.process.signal('SIGCONT');
    await waitFor('the old leader to stand by', async () => {
      return (await leader.operator.fetch('/readyz')).text.startsWith('standby: ');
    });
    await waitFor('it to see that another leads', () => {
      return leader.proxy.requests.some(
        ({ verb, resource, at }) => verb === 'get' && resource === 'leases' && at > woken,
      );
    });
    expect(writesAfter(leader.writes, at)).toEqual([]);
    expect(leader.leaseWrites.filter((write) => write.at > at && write.spec.acquireTime !== undefined)).toEqual([]);
    expect(writesBefore(standby.writes, at)).toEqual([]);
    expect(leader.operator.process.hasExited).toBe(false);
  });

  it.each([HOUR_MS, -HOUR_MS])('19: whose wall clock steps by %d ms goes on, and is followed as ever', async (step) => {
    const { leader, standby } = await begin();
    // One at a time, then both: nobody's clock is compared with another's.
    await leader.stepClock(step);
    await sleep(leaseDurationMs + 1_000);
    expect(standby.leaseWrites).toEqual([]);
    expect(await leader.leads()).toBe(true);
    const told = Date.parse(leader.leaseWrites.at(-1)?.spec.renewTime ?? '');
    expect(Math.abs(told - Date.now() - step)).toBeLessThan(60_000);
    await standby.stepClock(-step);
    const renewed = leader.leaseWrites.length;
    await waitFor('the leader to renew thrice', () => leader.leaseWrites.length >= renewed + 3);
    expect(standby.leaseWrites).toEqual([]);

    const since = performance.now();
    leader.operator.process.signal('SIGKILL');
    const at = await world.takenOver(standby, 30_000);
    expect(at - since).toBeLessThan(18_000);
    expect(at - lastRenewal(leader)).toBeGreaterThanOrEqual(leaseDurationMs);
    await leader.stepClock(0);
    await standby.stepClock(0);
  });
});
