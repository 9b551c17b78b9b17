import { cpus, totalmem } from 'node:os';
import { type BurstResult, runBurst } from '../test/support/burst.ts';

const IMAGES = 500;
const PER_SECOND = 10;
const OTHERS = 50;
/** A request that stood behind the host that throttles would wait for its Retry-After, a second. */
const MAX_OTHER_MS = 1_000;

/**
 * A rollout of 500 images on one registry that takes 10 requests a second, beside another registry (faults.md 22).
 * False when an image does not end Trusted, a verdict was told that was not, or the other registry's images waited.
 */
export async function benchBurst(): Promise<boolean> {
  const [cpu] = cpus();
  console.log(
    `burst: ${IMAGES} images at ${PER_SECOND} requests a second, on ${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
  );
  const result = await runBurst({ images: IMAGES, perSecond: PER_SECOND, others: OTHERS, timeoutMs: 15 * 60_000 });
  console.table(rowsOf(result));
  for (const flap of result.flaps.slice(0, 10)) console.error(flap);
  return result.trusted === IMAGES && result.flaps.length === 0 && quantile(result.othersDuring, 0.5) < MAX_OTHER_MS;
}

function rowsOf(result: BurstResult): Record<string, string | number> {
  const latency = (values: readonly number[]): string =>
    `p50 ${quantile(values, 0.5).toFixed(1)} ms, p95 ${quantile(values, 0.95).toFixed(1)} ms`;
  return {
    'ended Trusted': `${result.trusted} of ${IMAGES}`,
    'told otherwise before': result.flaps.length,
    'seconds until the last': result.seconds.toFixed(0),
    'requests to the busy registry': result.requests,
    'of them answered 429': result.refused,
    'least seconds at its rate': ((result.requests - result.refused) / PER_SECOND).toFixed(0),
    'an image of the other registry, alone': latency(result.othersAlone),
    'and during the burst': latency(result.othersDuring),
    'images still waiting when those were done': result.pendingAfterOthers,
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(q * sorted.length), sorted.length - 1)] ?? Number.NaN;
}
