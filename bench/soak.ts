import { PODS } from '../src/api/group.ts';
import { ApiError } from '../src/kubernetes/index.ts';
import type { Bench } from './frame.ts';
import { startWorld, sumOf, type World } from './world/index.ts';
import { createPod } from './world/pods.ts';

const DEFAULT_MS = 5 * 60_000;
const EVENTS_PER_SECOND = 50;
/** A pod is created, gets its status, and is deleted: the watch tells of each. */
const EVENTS_PER_POD = 3;
const SAMPLE_MS = 1_000;
/** Of the time: heap and caches find their size. */
const WARM_UP = 1 / 3;
/** Pods that are there at once, beside those of the world. */
const ALIVE = 100;
const TEN_MINUTES_S = 600;

interface Sample {
  readonly seconds: number;
  readonly rss: number;
}

/** Pods come and go all the time: what is kept of those that went shows as a slope. */
export const soak: Bench = {
  name: 'soak',
  about: '50 pod events a second: whether memory grows (--length, default 5m)',
  run: async ({ lengthMs = DEFAULT_MS, say }) => {
    const world = await startWorld({ pods: 1_000, images: 100, say });
    try {
      const operator = await world.startOperator();
      try {
        await operator.verified(world.pods);
        const churn = new Churn(world);
        const samples: Sample[] = [];
        const began = performance.now();
        const timer = setInterval(() => {
          void operator
            .memory()
            .then(({ rss }) => samples.push({ seconds: (performance.now() - began) / 1000, rss }))
            .catch(() => undefined);
        }, SAMPLE_MS);
        try {
          await churn.run(lengthMs);
        } finally {
          clearInterval(timer);
        }
        operator.operator.process.assertRunning();
        const kept = samples.filter(({ seconds }) => seconds * 1000 > lengthMs * WARM_UP);
        const metrics = await operator.metrics();
        say(
          `RSS ${samples[0]?.rss.toFixed(0)} to ${samples.at(-1)?.rss.toFixed(0)} MiB over ${samples.length} samples`,
        );
        return [
          {
            metric: 'soak: RSS slope after warm-up',
            unit: 'MiB in 10 minutes',
            values: [slopeOf(kept) * TEN_MINUTES_S],
            target: 1,
            limit: 0,
          },
          { metric: 'soak: events', unit: 'events a second', values: [churn.events / (lengthMs / 1000)] },
          { metric: 'soak: RSS at the end', unit: 'MiB', values: [samples.at(-1)?.rss ?? Number.NaN] },
          {
            metric: 'soak: longest event-loop stall',
            unit: 'ms',
            values: [sumOf(metrics, 'sealwatch_event_loop_delay_since_start_max_seconds') * 1000],
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

/** Creates and deletes pods at an even rate. */
class Churn {
  readonly #world: World;
  readonly #alive: string[] = [];
  events = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async run(lengthMs: number): Promise<void> {
    const began = performance.now();
    const underWay = new Set<Promise<void>>();
    for (let number = 0; performance.now() - began < lengthMs; number += 1) {
      const dueMs = (number * EVENTS_PER_POD * 1000) / EVENTS_PER_SECOND;
      await new Promise((resolve) => setTimeout(resolve, Math.max(began + dueMs - performance.now(), 0)));
      const step = this.#step(number).finally(() => underWay.delete(step));
      underWay.add(step);
      // A control plane that is slower than the rate is not flooded: the figure of events tells.
      if (underWay.size > 16) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  }

  async #step(number: number): Promise<void> {
    const { images, kubernetes } = this.#world;
    const image = images[number % images.length];
    if (image === undefined) throw new Error('a world needs images');
    // No kubelet is here to end a pod: one without a grace period goes at once.
    const spec = { terminationGracePeriodSeconds: 0 };
    this.#alive.push(await createPod(kubernetes, image, 2_000_000 + number, { spec }));
    this.events += 2;
    const oldest = this.#alive.length > ALIVE ? this.#alive.shift() : undefined;
    if (oldest === undefined) return;
    try {
      await kubernetes.delete(PODS, oldest);
      this.events += 1;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }
}

/** Least squares: MiB a second. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [x, y] = [mean(({ seconds }) => seconds), mean(({ rss }) => rss)];
  const covariance = mean((sample) => (sample.seconds - x) * (sample.rss - y));
  return covariance / mean(({ seconds }) => (seconds - x) ** 2);
}
