import { join } from 'node:path';
import { allParts } from './parts.ts';
import { type PartResult, runPart } from './run.ts';

const EXIT_USAGE = 64;
const parts = allParts(join(import.meta.dirname, '../..'));
const known = parts.map(({ name }) => name);
const USAGE = `Usage: ./hack/test [PART...] [-- VITEST ARGUMENT...]

Runs the parts named, or all, in this order: ${known.join(', ')}.
What follows -- goes to vitest: ./hack/test unit -- test/unit/notary -t 'expired'
`;

const separator = process.argv.indexOf('--');
const wanted = process.argv.slice(2, separator === -1 ? undefined : separator);
const vitestArguments = separator === -1 ? [] : process.argv.slice(separator + 1);

if (wanted.includes('--help') || wanted.includes('-h')) {
  process.stdout.write(USAGE);
} else {
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`no part ${unknown.join(', ')}\n\n${USAGE}`);
    process.exitCode = EXIT_USAGE;
  } else {
    process.exitCode = await runAll();
  }
}

async function runAll(): Promise<number> {
  // Ctrl-C reaches the part that runs by itself; this process only starts no other.
  let interruptedBy: number | undefined;
  process.on('SIGINT', () => {
    interruptedBy = 130;
  });
  process.on('SIGTERM', () => {
    interruptedBy = 143;
  });
  const results: PartResult[] = [];
  for (const part of parts) {
    if (interruptedBy !== undefined || (wanted.length > 0 && !wanted.includes(part.name))) continue;
    process.stdout.write(`\n== ${part.name}\n`);
    const result = await runPart(part, vitestArguments);
    process.stdout.write(`== ${part.name}: ${verdict(result)} in ${seconds(result)}\n`);
    results.push(result);
  }
  summarise(results);
  return interruptedBy ?? (results.some(({ exitCode }) => exitCode !== 0) ? 1 : 0);
}

function summarise(results: readonly PartResult[]): void {
  const total = (of: 'passed' | 'failed'): number => results.reduce((sum, result) => sum + result[of], 0);
  const lines = results.map((result) => {
    const tests = result.passed + result.failed;
    const detail = !result.isSuite || tests === 0 ? '' : `  ${result.passed} of ${tests}`;
    return `${result.name.padEnd(12)} ${verdict(result).padEnd(6)} ${seconds(result).padStart(8)}${detail}`;
  });
  process.stdout.write(`\n${lines.join('\n')}\n\n${total('passed')} passed, ${total('failed')} failed\n`);
}

function verdict({ exitCode }: PartResult): string {
  return exitCode === 0 ? 'passed' : 'FAILED';
}

function seconds({ durationMs }: PartResult): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
