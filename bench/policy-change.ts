import { TRUST_POLICIES } from '../src/api/group.ts';
import type { TrustPolicy } from '../src/api/trust-policy.ts';
import { waitFor } from '../test/support/processes.ts';
import type { Bench } from './frame.ts';
import { startWorld, type World, type WorldOperator } from './world/index.ts';

const IMAGES = 1_000;
const POLICY = 'bench';

/** A policy that applies to 1,000 images is edited: how long until all are judged anew, and what that asks for. */
export const policyChange: Bench = {
  name: 'policy-change',
  about: `an edit of a policy that applies to ${IMAGES} images`,
  run: async ({ runs, say }) => {
    const world = await startWorld({ pods: IMAGES, images: IMAGES, proxied: true, say });
    try {
      const operator = await world.startOperator(['--sweep-interval', '10m']);
      try {
        await operator.verified(IMAGES);
        const measured = [];
        for (let run = 0; run < runs; run += 1) {
          const one = await change(world, operator, run);
          say(`run ${run + 1}: ${one.evaluations} evaluations and ${one.requests} requests in ${one.ms.toFixed(0)} ms`);
          measured.push(one);
        }
        return [
          {
            metric: `policy change: until ${IMAGES} images are judged anew`,
            unit: 's',
            values: measured.map(({ ms }) => ms / 1000),
            target: 1,
          },
          {
            metric: 'policy change: evaluations',
            unit: 'evaluations',
            values: measured.map(({ evaluations }) => evaluations),
            target: IMAGES,
            limit: IMAGES,
          },
          {
            metric: 'policy change: requests to the registry',
            unit: 'requests',
            values: measured.map(({ requests }) => requests),
            target: 0,
            limit: 0,
          },
        ];
      } finally {
        await operator.stop();
      }
    } finally {
      await world.stop();
    }
  },
};

/** Edits the policy, and back at the next run. @returns from the API server's answer to the last verdict */
async function change(
  world: World,
  operator: WorldOperator,
  run: number,
): Promise<{ readonly ms: number; readonly evaluations: number; readonly requests: number }> {
  const policy = await world.kubernetes.get<TrustPolicy>(TRUST_POLICIES, POLICY);
  const trustPolicies = policy.spec.trustPolicies.map((statement) => ({
    ...statement,
    signatureVerification: { level: run % 2 === 0 ? 'permissive' : 'strict' },
  }));
  const before = await operator.sum('sealwatch_verifications_total');
  const requests = world.proxy?.requests ?? [];
  requests.length = 0;
  await world.kubernetes.patch(TRUST_POLICIES, POLICY, {
    contentType: 'application/merge-patch+json',
    body: { spec: { trustPolicies } },
  });
  const began = performance.now();
  const judged = (): Promise<number> => operator.sum('sealwatch_verifications_total').then((sum) => sum - before);
  await waitFor('all images to be judged anew', async () => (await judged()) >= IMAGES, 60_000, 100);
  const ms = performance.now() - began;
  // One too many would come at once.
  await waitFor(
    'the queue to be empty',
    async () => (await operator.sum('sealwatch_queue_depth', { queue: 'image' })) === 0,
  );
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return { ms, evaluations: await judged(), requests: requests.length };
}
