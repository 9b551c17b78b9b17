import { join } from 'node:path';
import { type CliResult, spawnCollected } from './spawn-collected.ts';

export type { CliResult } from './spawn-collected.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

/** Runs the command as a process of its own, with this environment alone. @param main default the source */
export function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: { readonly stdin?: string; readonly main?: string; readonly onStart?: (kill: () => void) => void } = {},
): Promise<CliResult> {
  return spawnCollected(process.execPath, [options.main ?? MAIN, ...args], env, options);
}
