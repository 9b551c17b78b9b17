import { startControlPlane } from '../test/support/control-plane.ts';
import { type LeaderWorld, type Replica, startLeaderWorld } from '../test/support/leader-world.ts';
import { waitFor } from '../test/support/processes.ts';
import type { Bench } from './frame.ts';

const STOPPED_MS = 20_000;
/** The lease lasts 15 s, and was renewed at most 2 s before. */
const LIMIT_S = 13;

/** How soon another replica leads when the leader is killed, told to end, or stopped for 20 s (faults.md 18 and 20). */
export const takeover: Bench = {
  name: 'takeover',
  about: 'how soon a standby leads after SIGKILL, SIGTERM and SIGSTOP of the leader',
  run: async ({ runs, say }) => {
    const plane = await startControlPlane();
    let world: LeaderWorld | undefined;
    try {
      await plane.installCrds();
      world = await startLeaderWorld(plane);
      world.spoil();
      const [killed, ended, stopped, overlaps]: [number[], number[], number[], number[]] = [[], [], [], []];
      for (let run = 1; run <= runs; run += 1) {
        killed.push((await signalled(world, 'SIGKILL')).seconds);
        ended.push((await signalled(world, 'SIGTERM')).seconds);
        const { seconds, overlapping } = await signalled(world, 'SIGSTOP');
        stopped.push(seconds);
        overlaps.push(overlapping);
        say(`run ${run}: ${[killed, ended, stopped].map((each) => each.at(-1)?.toFixed(2)).join(', ')} s`);
      }
      return [
        { metric: 'takeover: after SIGKILL', unit: 's', values: killed, target: 18, limit: LIMIT_S },
        { metric: 'takeover: after SIGTERM', unit: 's', values: ended, target: 3 },
        { metric: 'takeover: after SIGSTOP', unit: 's', values: stopped, target: 18, limit: LIMIT_S },
        {
          metric: `takeover: writes of a leader that was stopped for ${STOPPED_MS / 1_000} s, under another's lease`,
          unit: 'writes',
          values: overlaps,
          target: 0,
          limit: 0,
        },
      ];
    } finally {
      await world?.stop();
      await plane.stop();
    }
  },
};

/** @returns until the standby held the Lease; and what the old leader wrote from then on */
async function signalled(
  world: LeaderWorld,
  signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP',
): Promise<{ readonly seconds: number; readonly overlapping: number }> {
  const { leader, standby } = await world.settled();
  world.forget();
  await waitFor('the leader to write', () => leader.writes.length > 0 && leader.leaseWrites.length > 0);
  const since = performance.now();
  // Stopped within a write: one that wakes while it waits meets its timers first.
  if (signal === 'SIGSTOP') await leader.stopWithin();
  else leader.operator.process.signal(signal);
  const at = await world.takenOver(standby, 60_000);
  if (signal === 'SIGSTOP') await wake(leader, since + STOPPED_MS);
  const overlapping = leader.writes.filter((write) => write.at >= at).length;
  return { seconds: (at - since) / 1_000, overlapping };
}

/** Wakes a replica at a time, and waits until it has seen that another leads. */
async function wake(replica: Replica, at: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(at - performance.now(), 0)));
  const woken = performance.now();
  replica.operator.process.signal('SIGCONT');
  await waitFor('the old leader to stand by', async () => {
    const { text } = await replica.operator.fetch('/readyz');
    const hasRead = replica.proxy.requests.some(({ verb, resource, at: readAt }) => {
      return verb === 'get' && resource === 'leases' && readAt > woken;
    });
    return hasRead && text.startsWith('standby: ');
  });
}
