import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { faultListAfter } from './faults.ts';
import type { Part } from './parts.ts';
import { type Counts, countsOf } from './report.ts';

/** The last report of each suite stays here: not in git, and gone with the packages. */
const REPORTS = join(import.meta.dirname, '../../node_modules/.sealwatch-reports');

/** The suite whose result is a list of its own. */
const FAULTS = 'faults';

/** What came of one part. */
export interface PartResult extends Counts {
  readonly name: string;
  /** Its counts are of tests; else it counts as one. */
  readonly isSuite: boolean;
  readonly exitCode: number;
  readonly durationMs: number;
}

/** Runs one part, its output shown as it comes. */
export async function runPart(part: Part, vitestArguments: readonly string[]): Promise<PartResult> {
  const began = performance.now();
  const { exitCode, counts } =
    part.kind === 'check' ? await runCheck(part) : await runSuite(part.name, vitestArguments);
  return {
    name: part.name,
    isSuite: part.kind === 'suite',
    exitCode,
    ...counts,
    durationMs: performance.now() - began,
  };
}

interface Ended {
  readonly exitCode: number;
  readonly counts: Counts;
}

async function runCheck({ command, args }: Extract<Part, { kind: 'check' }>): Promise<Ended> {
  const exitCode = await run(command, args);
  // A check has no tests: it counts as one that passed or failed.
  return { exitCode, counts: exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 } };
}

async function runSuite(name: string, vitestArguments: readonly string[]): Promise<Ended> {
  const file = join(REPORTS, `${name}.json`);
  // What an earlier run left says nothing of this one.
  await rm(file, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  // With a filter, a suite may have nothing that fits.
  const filter = vitestArguments.length > 0 ? ['--passWithNoTests', ...vitestArguments] : [];
  const exitCode = await run('vitest', ['run', '--project', name, ...reporters, ...filter]);
  const report = await readFile(file, 'utf8').catch(() => undefined);
  const counts = countsOf(report, exitCode);
  if (name !== FAULTS || report === undefined) return { exitCode, counts };
  const { table, isWhole } = faultListAfter(report);
  process.stdout.write(`\n${table}\n`);
  return isWhole ? { exitCode, counts } : { exitCode: exitCode || 1, counts: { ...counts, failed: counts.failed + 1 } };
}

/** Gives the exit code, as a shell would say it. */
function run(command: string, args: readonly string[]): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const child = spawn(command, args, { stdio: 'inherit' });
  child.once('error', (error) => {
    process.stderr.write(`${command}: ${error.message}\n`);
    resolve(127);
  });
  child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  return promise;
}
