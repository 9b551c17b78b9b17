import { runBurst } from '../test/support/burst.ts';
import { type Bench, quantile } from './frame.ts';

const IMAGES = 500;
const PER_SECOND = 10;
const OTHERS = 50;
/** A request that stood behind the host that throttles would wait for its Retry-After, a second. */
const MAX_OTHER_MS = 1_000;

/** A rollout of 500 images on one registry that takes 10 requests a second, beside another registry (faults.md 22). */
export const burst: Bench = {
  name: 'burst',
  about: `a rollout of ${IMAGES} images on a registry that takes ${PER_SECOND} requests a second`,
  run: async ({ say }) => {
    const result = await runBurst({ images: IMAGES, perSecond: PER_SECOND, others: OTHERS, timeoutMs: 15 * 60_000 });
    for (const flap of result.flaps.slice(0, 10)) say(flap);
    say(`${result.requests} requests to the busy registry, of them answered 429: ${result.refused}`);
    say(`images still waiting when those of the other registry were done: ${result.pendingAfterOthers}`);
    return [
      {
        metric: `burst: of ${IMAGES} images not Trusted in the end`,
        unit: 'images',
        values: [IMAGES - result.trusted],
        target: 0,
      },
      {
        metric: 'burst: verdicts told that were not Trusted',
        unit: 'verdicts',
        values: [result.flaps.length],
        target: 0,
      },
      {
        metric: 'burst: until the last image',
        unit: 's',
        values: [result.seconds],
        limit: (result.requests - result.refused) / PER_SECOND,
      },
      { metric: 'burst: an image of another registry, alone', unit: 'ms', values: result.othersAlone },
      {
        metric: 'burst: an image of another registry, meanwhile',
        unit: 'ms',
        values: result.othersDuring,
        target: MAX_OTHER_MS,
        limit: quantile(result.othersAlone, 0.5),
      },
    ];
  },
};
