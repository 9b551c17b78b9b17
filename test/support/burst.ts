import { ImageController } from '../../src/controllers/image.ts';
import { WorkQueue } from '../../src/kubernetes/index.ts';
import { signEnvelope } from '../../src/notary/index.ts';
import { parseReference, pushSignature, type RegistryClient } from '../../src/oci/index.ts';
import { HostLimiter } from '../../src/transport/index.ts';
import { type ImageKey, imageKey, RevocationSweep, referenceOf, VerdictStore } from '../../src/verification/index.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type Chain, createChain } from './pki.ts';
import { waitFor } from './processes.ts';
import { startRegistry } from './registries.ts';
import { deadline, localClient, localVerifier } from './signed-images.ts';
import { throttle } from './wire-faults.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const REPOSITORY = 'burst/app';
const CONCURRENCY = 8;
const HOUR_MS = 3_600_000;

export interface BurstOptions {
  /** New images on the host that throttles. */
  readonly images: number;
  /** Requests a second that it takes; the others get 429 with Retry-After: 1. */
  readonly perSecond: number;
  /** Images on the other host: each comes when the one before has its verdict. */
  readonly others: number;
  readonly timeoutMs: number;
}

export interface BurstResult {
  readonly seconds: number;
  readonly trusted: number;
  /** Verdicts that were told and were not Trusted. */
  readonly flaps: readonly string[];
  readonly requests: number;
  /** Of them, answered with 429. */
  readonly refused: number;
  /** From an image's coming to its verdict, on the other host, milliseconds. */
  readonly othersAlone: readonly number[];
  readonly othersDuring: readonly number[];
  /** Images of the burst that still waited when the last of the other host had its verdict. */
  readonly pendingAfterOthers: number;
}

/** A rollout of many images of one registry that throttles, and of some of another that does not. */
export async function runBurst(options: BurstOptions): Promise<BurstResult> {
  const chain = await createChain();
  const registries = [await startRegistry('referrers'), await startRegistry('referrers')] as const;
  const busy = await startFaultProxy(registries[0].host);
  const calm = await startFaultProxy(registries[1].host);
  try {
    const burst = await pushImages(busy, registries[0].host, options.images, chain);
    const others = await pushImages(calm, registries[1].host, 2 * options.others, chain);
    const world = startWorld([busy, calm], chain);
    try {
      const othersAlone = await oneByOne(world, others.slice(0, options.others));
      const limit = busy.inject(
        {},
        throttle(options.perSecond, () => '1'),
      );
      busy.requests.length = 0;
      const started = performance.now();
      for (const key of burst) world.queue.add(key);
      await waitFor('the burst to be throttled', async () => limit.hits() > 2 * options.perSecond);
      const othersDuring = await oneByOne(world, others.slice(options.others));
      const pending = (): number => burst.filter((key) => world.verdicts.get(key) === undefined).length;
      const pendingAfterOthers = pending();
      await waitFor('the burst to end', async () => pending() === 0, options.timeoutMs, 100);
      return {
        seconds: (performance.now() - started) / 1000,
        trusted: burst.filter((key) => world.verdicts.get(key)?.verdict === 'Trusted').length,
        flaps: world.flaps,
        requests: busy.requests.length,
        refused: world.refused(),
        othersAlone,
        othersDuring,
        pendingAfterOthers,
      };
    } finally {
      await world.queue.stop();
    }
  } finally {
    for (const each of [busy, calm, ...registries]) await each.stop();
  }
}

/** Pushes tiny signed images past the proxy. @returns their keys as the proxy's host names them */
export async function pushImages(
  proxy: FaultProxy,
  host: string,
  count: number,
  chain: Chain,
): Promise<readonly ImageKey[]> {
  const client = localClient();
  const reference = parseReference(`${host}/${REPOSITORY}:v1`);
  const config = await client.pushBlob(
    reference,
    Buffer.from('{}'),
    'application/vnd.oci.image.config.v1+json',
    deadline(),
  );
  const keys: ImageKey[] = [];
  for (let i = 0; i < count; i += 1) {
    const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers: [], annotations: { number: String(i) } };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const { descriptor: subject } = await client.pushManifest(reference, bytes, MANIFEST, undefined, deadline());
    const { certificates, key } = chain;
    const envelope = await signEnvelope({
      subject,
      key,
      certificates,
      format: 'JWS',
      signingTime: new Date(),
      signingAgent: 'test/1',
    });
    const artifact = { envelope: envelope.bytes, mediaType: envelope.mediaType, annotations: {} };
    await pushSignature(client, reference, subject, artifact, deadline());
    keys.push(imageKey(`${proxy.host}/${REPOSITORY}`, subject.digest));
  }
  return keys;
}

interface World {
  readonly queue: WorkQueue;
  readonly verdicts: VerdictStore;
  readonly flaps: readonly string[];
  readonly refused: () => number;
}

/** The operator's queue, controller and verifier for images that run, put together as the operator does. */
function startWorld(proxies: readonly FaultProxy[], chain: Chain): World {
  let refused = 0;
  const client: RegistryClient = localClient({
    maxAttempts: 3,
    timeoutMs: 30_000,
    limiter: new HostLimiter({ concurrency: CONCURRENCY }),
    onRequest: ({ outcome }) => {
      if (outcome === '429') refused += 1;
    },
  });
  const verifier = localVerifier(
    proxies.map(({ host }) => `${host}/${REPOSITORY}`),
    { roots: chain.rootPem, keptListMaxAgeMs: 2 * HOUR_MS },
  );
  const verdicts = new VerdictStore();
  const flaps: string[] = [];
  verdicts.onChange((key, { verdict, cause }) => {
    if (verdict !== 'Trusted') flaps.push(`${key}: ${verdict} ${cause?.message ?? ''}`);
  });
  const controller = new ImageController({
    verifier,
    verdicts,
    sweep: new RevocationSweep({
      source: { getRevocationStatus: () => Promise.reject(new Error('no signing job is here')) },
      clock: () => new Date(),
      intervalMs: HOUR_MS,
      concurrency: 1,
      onChange: () => undefined,
    }),
    clientOf: () => client,
    clock: () => new Date(),
    verifyIntervalMs: HOUR_MS,
    runningReferences: () => [],
    isRunning: () => true,
    isRequested: () => false,
  });
  const queue = new WorkQueue({
    concurrency: CONCURRENCY,
    laneOf: (key) => referenceOf(key).registry,
    baseDelayMs: 500,
    maxDelayMs: 60_000,
    reconcile: (key, signal) => controller.reconcile(key, signal),
    onResult: ({ key, error }) => {
      if (error !== undefined) flaps.push(`${key}: ${String(error)}`);
    },
  });
  queue.start();
  return { queue, verdicts, flaps, refused: () => refused };
}

async function oneByOne({ queue, verdicts }: World, keys: readonly ImageKey[]): Promise<readonly number[]> {
  const latencies: number[] = [];
  for (const key of keys) {
    const judged = new Promise<void>((resolve) => verdicts.onChange((changed) => changed === key && resolve()));
    const started = performance.now();
    queue.add(key);
    await judged;
    latencies.push(performance.now() - started);
  }
  return latencies;
}
