import { parseArgs } from 'node:util';
import { InvalidDurationError, parseDuration } from '../src/api/duration.ts';
import { burst } from './burst.ts';
import { crl } from './crl.ts';
import { type Bench, type BenchOptions, machine, type Row, rowOf, tableOf } from './frame.ts';
import { latency } from './latency.ts';
import { oneImage } from './one-image.ts';
import { parsers } from './parsers.ts';
import { policyChange } from './policy-change.ts';
import { reevaluation } from './reevaluation.ts';
import { restart } from './restart.ts';
import { scale, scale1000, scale3000 } from './scale.ts';
import { soak } from './soak.ts';
import { steady } from './steady.ts';
import { takeover } from './takeover.ts';
import { verify } from './verify.ts';

/** In the order in which they run. */
const BENCHES: readonly Bench[] = [
  parsers,
  crl,
  verify,
  reevaluation,
  burst,
  oneImage,
  scale1000,
  scale3000,
  scale,
  latency,
  policyChange,
  restart,
  takeover,
  steady,
  soak,
];

interface Command {
  readonly benches: readonly Bench[];
  readonly json: boolean;
  readonly options: BenchOptions;
}

/** Runs all benches, or those of --only; exit code 1 when a figure misses its target or a bench fails, 64 on bad usage. */
async function main(): Promise<void> {
  const command = readCommand(process.argv.slice(2));
  if (command === undefined) {
    process.exitCode = 64;
    return;
  }
  const { say } = command.options;
  say(machine());
  const rows: Row[] = [];
  for (const bench of command.benches) {
    say(`${bench.name}: ${bench.about}`);
    try {
      const figures = await bench.run({ ...command.options, say: (line) => say(`  ${line}`) });
      rows.push(...figures.map(rowOf));
    } catch (error) {
      // The others' figures still stand.
      say(`${bench.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      process.exitCode = 1;
    }
  }
  if (rows.some(({ met }) => met === false)) process.exitCode = 1;
  console.log(command.json ? JSON.stringify(rows, undefined, 2) : `${machine()}\n${tableOf(rows)}`);
}

function readCommand(args: readonly string[]): Command | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true },
        json: { type: 'boolean', default: false },
        runs: { type: 'string', default: '5' },
        inputs: { type: 'string', default: '100000' },
        length: { type: 'string' },
      },
    });
    const names = values.only ?? BENCHES.map(({ name }) => name);
    return {
      benches: names.map(benchOf),
      json: values.json,
      options: {
        runs: wholeNumber('--runs', values.runs),
        inputs: wholeNumber('--inputs', values.inputs),
        lengthMs: values.length === undefined ? undefined : parseDuration(values.length),
        say: (line) => process.stderr.write(`${line}\n`),
      },
    };
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError || error instanceof InvalidDurationError))
      throw error;
    console.error(`${error.message}\n\n${usage()}`);
    return undefined;
  }
}

function benchOf(name: string): Bench {
  const bench = BENCHES.find((candidate) => candidate.name === name);
  if (bench === undefined) throw new RangeError(`--only ${name}: no such bench`);
  return bench;
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new RangeError(`${flag} ${text}: expected a whole number from 1`);
  return number;
}

function usage(): string {
  const width = Math.max(...BENCHES.map(({ name }) => name.length));
  const lines = BENCHES.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return [
    'npm run bench -- [--only NAME]... [--json] [--runs N] [--inputs N] [--length DURATION]',
    '  --only    one bench of those below; may be given several times',
    '  --json    rows as JSON: metric, unit, value (the median), min, median, max, target, limit, met',
    '  --runs    runs of each figure (default 5)',
    '  --inputs  inputs for each parser (default 100000)',
    '  --length  of the soak and the watch over the steady state, such as 30m; each has a short default',
    '',
    ...lines,
  ].join('\n');
}

await main();
