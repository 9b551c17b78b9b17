import type { Bench } from './frame.ts';
import { startWorld } from './world/index.ts';

const PODS = 1_000;

/** Pods of one image share one verification, and what it asks for. */
export const oneImage: Bench = {
  name: 'one-image',
  about: `${PODS} pods of one image`,
  run: async ({ runs, say }) => {
    const world = await startWorld({ pods: PODS, images: 1, namespaces: 1, proxied: true, say });
    try {
      const [verifications, requests]: [number[], number[]] = [[], []];
      for (let run = 0; run < runs; run += 1) {
        const seen = world.proxy?.requests ?? [];
        seen.length = 0;
        const operator = await world.startOperator();
        try {
          await operator.verified(PODS);
          verifications.push(await operator.sum('sealwatch_verifications_total'));
          requests.push(seen.length);
        } finally {
          await operator.stop();
        }
      }
      return [
        { metric: `${PODS} pods of one image`, unit: 'verifications', values: verifications, target: 1, limit: 1 },
        {
          metric: `${PODS} pods of one image: to the registry`,
          unit: 'requests',
          values: requests,
          target: 4,
          limit: 4,
        },
      ];
    } finally {
      await world.stop();
    }
  },
};
