import { PODS, TRUST_POLICIES, TRUST_STORES } from '../src/api/group.ts';
import type { KubernetesObject } from '../src/api/object.ts';
import { waitFor } from '../test/support/processes.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import type { Bench } from './frame.ts';
import { startWorld, type World } from './world/index.ts';

const PODS_COUNT = 10_000;
const IMAGES = 1_000;
/** What follows verdicts by a delay (counts of policies) is written by then. */
const SETTLE_MS = 4_000;

/** A restart with the disk cache: from the start of the process to the last verdict, with 10,000 pods of 1,000 images. */
export const restart: Bench = {
  name: 'restart',
  about: `a restart with --verdict-cache-dir beside ${PODS_COUNT} pods of ${IMAGES} images`,
  run: async ({ runs, say }) => {
    const world = await startWorld({ pods: PODS_COUNT, images: IMAGES, proxied: true, say });
    const folder = await temporaryFolder('bench-verdicts');
    try {
      const args = ['--verdict-cache-dir', folder.path];
      const cold = await start(world, args);
      say(
        `without a cache: ${(cold.ms / 1000).toFixed(1)} s, ${cold.requests} requests, ${cold.writes} objects written`,
      );
      const warm = [];
      for (let run = 0; run < runs; run += 1) {
        const measured = await start(world, args);
        say(
          `run ${run + 1}: ${(measured.ms / 1000).toFixed(1)} s, ${measured.requests} requests, ${measured.writes} objects written`,
        );
        warm.push(measured);
      }
      return [
        { metric: 'restart: cold, until the last verdict', unit: 's', values: [cold.ms / 1000] },
        { metric: 'restart: cold, requests to the registry', unit: 'requests', values: [cold.requests] },
        {
          metric: 'restart: with the disk cache, until the last verdict',
          unit: 's',
          values: warm.map(({ ms }) => ms / 1000),
          target: 8,
        },
        {
          metric: 'restart: with the disk cache, requests to the registry',
          unit: 'requests',
          values: warm.map(({ requests }) => requests),
          target: IMAGES,
          limit: IMAGES,
        },
        {
          metric: 'restart: with the disk cache, objects written',
          unit: 'objects',
          values: warm.map(({ writes }) => writes),
          target: 0,
          limit: 0,
        },
      ];
    } finally {
      await world.stop();
      await folder.remove();
    }
  },
};

/** Runs the operator from its start until everything is judged and written, and ends it. */
async function start(
  world: World,
  args: readonly string[],
): Promise<{ readonly ms: number; readonly requests: number; readonly writes: number }> {
  const before = await versions(world);
  const requests = world.proxy?.requests ?? [];
  requests.length = 0;
  const operator = await world.startOperator(args);
  try {
    const ms = await operator.verified(world.pods);
    await settled(world);
    const after = await versions(world);
    const writes = [...after].filter(([uid, version]) => before.get(uid) !== version).length;
    return { ms, requests: requests.length, writes };
  } finally {
    await operator.stop();
  }
}

/** resourceVersion by uid, of all that the operator may write to. */
async function versions({ kubernetes }: World): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const type of [PODS, TRUST_POLICIES, TRUST_STORES]) {
    let token: string | undefined;
    do {
      const list = await kubernetes.list<KubernetesObject>(type, {
        limit: 500,
        ...(token === undefined ? {} : { continue: token }),
      });
      for (const { metadata } of list.items) found.set(metadata.uid, String(metadata.resourceVersion));
      token = list.metadata.continue;
    } while (token !== undefined && token !== '');
  }
  return found;
}

/** Waits until policies and stores have not been written for a while. */
async function settled({ kubernetes }: World): Promise<void> {
  let [last, since] = ['', Date.now()];
  await waitFor(
    'all to be written',
    async () => {
      const now: string[] = [];
      for (const type of [TRUST_POLICIES, TRUST_STORES]) {
        const { items } = await kubernetes.list<KubernetesObject>(type, { limit: 500 });
        now.push(...items.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`));
      }
      if (now.join() !== last) [last, since] = [now.join(), Date.now()];
      return Date.now() - since > SETTLE_MS;
    },
    60_000,
    250,
  );
}
