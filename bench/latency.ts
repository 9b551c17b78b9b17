import { inParallel } from '../test/support/in-parallel.ts';
import { type Bench, type BenchOptions, type Figure, quantile } from './frame.ts';
import { Flags } from './world/flags.ts';
import { startWorld, type World, type WorldImage } from './world/index.ts';
import { createPod } from './world/pods.ts';

const NAMESPACES = 20;
const SWEEP_SECONDS = 10;
/** Of each run. */
const SAMPLES = 40;
const REVOKED = 20;
const EXPIRING = 10;
/** Numbers of images that no pod of the world runs. */
const FIRST_NEW = 50_000;

/** How long it takes until a person could know. */
export const latency: Bench = {
  name: 'latency',
  about: 'pod created to flagged, expiry to flag, revocation to alert, at 1,000 pods',
  run: async (options) => {
    const world = await startWorld({ pods: 1_000, images: 100, namespaces: NAMESPACES, say: options.say });
    try {
      const operator = await world.startOperator(['--sweep-interval', `${SWEEP_SECONDS}s`]);
      const flags = new Flags(world.kubernetes);
      try {
        await flags.synced;
        await operator.verified(world.pods);
        return await measure(new Rollouts(world, flags), options);
      } finally {
        await flags.stop();
        await operator.stop();
      }
    } finally {
      await world.stop();
    }
  },
};

async function measure(rollouts: Rollouts, { runs, say }: BenchOptions): Promise<readonly Figure[]> {
  const [warm, cold, expiry, revocation]: number[][] = [[], [], [], []];
  for (let i = 0; i < runs; i += 1) {
    warm?.push(quantile(await rollouts.warm(SAMPLES), 0.99));
    cold?.push(quantile(await rollouts.cold(SAMPLES), 0.99));
    expiry?.push(quantile(await rollouts.expiries(EXPIRING), 0.99));
    revocation?.push(quantile(await rollouts.revocations(REVOKED), 0.99));
    say(`run ${i + 1}: ${[warm, cold, expiry, revocation].map((values) => values?.at(-1)?.toFixed(0)).join(', ')} ms`);
  }
  const figure = (metric: string, values: readonly number[] | undefined, target: number): Figure => ({
    metric,
    unit: 'ms',
    values: values ?? [],
    target,
  });
  return [
    figure('pod created to flagged, warm, p99', warm, 250),
    figure('pod created to flagged, cold, p99', cold, 1_000),
    figure('expiry to flag, p99', expiry, 1_000),
    figure(`revocation to alert, sweep of ${SWEEP_SECONDS} s, p99`, revocation, (SWEEP_SECONDS + 2) * 1_000),
  ];
}

/** Pods that are created one after another, and how long each took to be flagged, milliseconds. */
class Rollouts {
  readonly #world: World;
  readonly #flags: Flags;
  #pods = 1_000_000;
  #images = FIRST_NEW;

  constructor(world: World, flags: Flags) {
    this.#world = world;
    this.#flags = flags;
  }

  /** Pods of an image whose verdict is known. */
  async warm(count: number): Promise<readonly number[]> {
    const image = await this.#newImage('unsigned');
    await this.#createdToFlagged(image, 'Unsigned');
    return this.#oneByOne(count, () => this.#createdToFlagged(image, 'Unsigned'));
  }

  /** Pods of images that were never seen. */
  cold(count: number): Promise<readonly number[]> {
    return this.#oneByOne(count, async () => this.#createdToFlagged(await this.#newImage('unsigned'), 'Unsigned'));
  }

  /** From the moment that the signature names until it is told. */
  async expiries(count: number): Promise<readonly number[]> {
    const taken: number[] = [];
    await inParallel(Array.from({ length: count }), count, async () => {
      const image = this.#nextImage();
      await this.#world.signer.push([image], () => 'unsigned');
      const { expiresAt } = await this.#world.signer.sign(image, 5);
      const pod = await this.#createPod(image);
      const at = await this.#flags.flagged(pod, 'Expired');
      taken.push(performance.timeOrigin + at - expiresAt.getTime());
    });
    return taken;
  }

  /** From the revocation at AWS Signer until it is told, at moments spread over the sweep's interval. */
  async revocations(count: number): Promise<readonly number[]> {
    const running: { readonly image: WorldImage; readonly pod: string }[] = [];
    for (let i = 0; i < count; i += 1) {
      const image = await this.#newImage('trusted');
      running.push({ image, pod: await this.#createPod(image) });
    }
    // The first sweep of them all is behind them: what is new is asked for by its verification.
    await pause(SWEEP_SECONDS * 1_000);
    const taken: number[] = [];
    await inParallel(running, count, async ({ image, pod }) => {
      await pause(Math.random() * SWEEP_SECONDS * 1_000);
      const revokedAt = performance.now();
      this.#world.signer.revoke(image);
      taken.push((await this.#flags.flagged(pod, 'Revoked')) - revokedAt);
    });
    return taken;
  }

  async #createdToFlagged(image: WorldImage, reason: string): Promise<number> {
    const createdAt = performance.now();
    return (await this.#flags.flagged(await this.#createPod(image), reason)) - createdAt;
  }

  async #oneByOne(count: number, run: () => Promise<number>): Promise<readonly number[]> {
    const taken: number[] = [];
    for (let i = 0; i < count; i += 1) taken.push(await run());
    return taken;
  }

  #createPod(image: WorldImage): Promise<string> {
    this.#pods += 1;
    return createPod(this.#world.kubernetes, image, this.#pods);
  }

  #nextImage(): WorldImage {
    this.#images += 1;
    return this.#world.imageOf(this.#images);
  }

  async #newImage(standing: 'trusted' | 'unsigned'): Promise<WorldImage> {
    const image = this.#nextImage();
    await this.#world.signer.push([image], () => standing);
    return image;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
