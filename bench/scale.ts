import type { Bench, BenchOptions, Figure } from './frame.ts';
import { quantile } from './frame.ts';
import { type Standing, startWorld, sumOf, type World, type WorldImage } from './world/index.ts';

const KIB = 1024;
const MB = 1e6;
/** Until timers that a start leaves behind have fired, and what it threw away could have been collected. */
const SETTLE_MS = 8_000;
const SAMPLES = 5;
const SAMPLE_MS = 500;

interface Run {
  readonly coldStartSeconds: number;
  readonly steady: number;
  readonly peak: number;
  readonly stallMs: number;
  readonly cpuSeconds: number;
  readonly verifications: number;
  readonly registryRequests: number;
  readonly etcdBytes: number;
}

interface Targets {
  readonly steady?: number;
  readonly peak?: number;
  readonly stallMs?: number;
  readonly coldStartSeconds?: number;
  readonly etcdMB?: number;
}

/** The same at three sizes, so that it can be seen what grows with what; each is a bench, so that each can run alone. */
export const scale: Bench = scaleBench('scale', 10_000, 1_000, {
  steady: 220,
  peak: 300,
  stallMs: 100,
  coldStartSeconds: 15,
  etcdMB: 5,
});
export const scale3000: Bench = scaleBench('scale-3000', 3_000, 300, {});
export const scale1000: Bench = scaleBench('scale-1000', 1_000, 100, {});

function scaleBench(name: string, pods: number, images: number, targets: Targets): Bench {
  return {
    name,
    about: `${pods} pods of ${images} images from a cold start: memory, stalls, time, what etcd is given`,
    run: async (options) => {
      const world = await startWorld({ pods, images, standingOf, say: options.say });
      try {
        return figures(`${pods} pods`, await measure(world, options), targets);
      } finally {
        await world.stop();
      }
    },
  };
}

/** One image of a hundred is bad: what is flagged costs writes, what is trusted none. */
function standingOf({ number }: WorldImage): Standing {
  const bad: readonly Standing[] = ['unsigned', 'revoked', 'expired'];
  return number % 100 === 99 ? (bad[Math.floor(number / 100) % bad.length] ?? 'unsigned') : 'trusted';
}

async function measure(world: World, { runs, say }: BenchOptions): Promise<readonly Run[]> {
  const done: Run[] = [];
  for (let i = 0; i < runs; i += 1) {
    const run = await measureOnce(world);
    done.push(run);
    const { coldStartSeconds, steady, peak, stallMs } = run;
    const parts = [`verified in ${coldStartSeconds.toFixed(1)} s`, `RSS ${steady.toFixed(0)} MiB`];
    say([...parts, `peak ${peak.toFixed(0)} MiB`, `stall ${stallMs.toFixed(0)} ms`].join(', '));
  }
  return done;
}

async function measureOnce(world: World): Promise<Run> {
  const own = await ownBytesPerMs(world);
  const bytesBefore = await world.etcdPutBytes();
  const began = performance.now();
  const operator = await world.startOperator();
  try {
    const coldStartMs = await operator.verified(world.pods);
    await pause(SETTLE_MS);
    const resident: number[] = [];
    for (let i = 0; i < SAMPLES; i += 1) {
      await pause(SAMPLE_MS);
      resident.push((await operator.memory()).rss);
    }
    const { peak } = await operator.memory();
    const bytes = (await world.etcdPutBytes()) - bytesBefore - own * (performance.now() - began);
    const samples = await operator.metrics();
    return {
      coldStartSeconds: coldStartMs / 1000,
      steady: quantile(resident, 0.5),
      peak,
      stallMs: sumOf(samples, 'sealwatch_event_loop_delay_since_start_max_seconds') * 1000,
      cpuSeconds: sumOf(samples, 'process_cpu_seconds_total'),
      verifications: sumOf(samples, 'sealwatch_verifications_total'),
      registryRequests: sumOf(samples, 'sealwatch_registry_requests_total'),
      etcdBytes: Math.max(bytes, 0),
    };
  } finally {
    await operator.stop();
  }
}

/** What the API server writes by itself: leases of its own. */
async function ownBytesPerMs(world: World): Promise<number> {
  const windowMs = 5_000;
  const before = await world.etcdPutBytes();
  await pause(windowMs);
  return ((await world.etcdPutBytes()) - before) / windowMs;
}

function figures(size: string, runs: readonly Run[], targets: Targets): readonly Figure[] {
  const figure = (metric: string, unit: string, of: (run: Run) => number, target?: number, limit?: number): Figure => ({
    metric: `${size}: ${metric}`,
    unit,
    values: runs.map(of),
    ...(target === undefined ? {} : { target }),
    ...(target === undefined || limit === undefined ? {} : { limit }),
  });
  return [
    figure('RSS, steady', 'MiB', ({ steady }) => steady, targets.steady, 160),
    figure('RSS, peak', 'MiB', ({ peak }) => peak, targets.peak, 160),
    figure('longest event-loop stall', 'ms', ({ stallMs }) => stallMs, targets.stallMs, 60),
    figure('cold start to all verified', 's', (run) => run.coldStartSeconds, targets.coldStartSeconds, 4),
    figure('CPU of a cold start', 's', ({ cpuSeconds }) => cpuSeconds),
    figure('verifications', 'verifications', ({ verifications }) => verifications),
    figure('registry requests', 'requests', ({ registryRequests }) => registryRequests),
    {
      // What is flagged is written once: in later runs it stands there already.
      metric: `${size}, one of a hundred flagged: etcd, first start`,
      unit: 'MB',
      values: runs.slice(0, 1).map(({ etcdBytes }) => etcdBytes / MB),
      ...(targets.etcdMB === undefined ? {} : { target: targets.etcdMB }),
    },
    {
      metric: `${size}: etcd, a restart`,
      unit: 'KiB',
      values: (runs.length > 1 ? runs.slice(1) : runs).map(({ etcdBytes }) => etcdBytes / KIB),
    },
  ];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
