import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Part } from './parts.ts';
import { type Counts, countsOf } from './report.ts';

/** What came of one part. */
export interface PartResult extends Counts {
  readonly name: string;
  readonly exitCode: number;
  readonly durationMs: number;
}

/** Runs one part, its output shown as it comes. */
export async function runPart(part: Part, vitestArguments: readonly string[]): Promise<PartResult> {
  const began = performance.now();
  const { exitCode, counts } =
    part.kind === 'check' ? await runCheck(part) : await runSuite(part.name, vitestArguments);
  return { name: part.name, exitCode, ...counts, durationMs: performance.now() - began };
}

interface Ended {
  readonly exitCode: number;
  readonly counts: Counts;
}

async function runCheck({ command, args }: Extract<Part, { kind: 'check' }>): Promise<Ended> {
  const exitCode = await run(command, args);
  // A check has no tests; one that says no counts as one failed.
  return { exitCode, counts: { passed: 0, failed: exitCode === 0 ? 0 : 1 } };
}

async function runSuite(name: string, vitestArguments: readonly string[]): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), 'sealwatch-report-'));
  try {
    const file = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    // With a filter, a suite may have nothing that fits.
    const filter = vitestArguments.length > 0 ? ['--passWithNoTests', ...vitestArguments] : [];
    const exitCode = await run('vitest', ['run', '--project', name, ...reporters, ...filter]);
    const report = await readFile(file, 'utf8').catch(() => undefined);
    return { exitCode, counts: countsOf(report, exitCode) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
