import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { CliResult } from './cli.ts';
import { spawnCollected } from './spawn-collected.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/kubectl-main.ts');

/** Puts the plugin in a folder as `kubectl-sealwatch`, the name by which kubectl finds it on the PATH. */
export async function writePlugin(folder: string): Promise<void> {
  const path = join(folder, 'kubectl-sealwatch');
  await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(path, 0o755);
}

export interface PluginOptions {
  readonly kubectl: string;
  /** That the plugin is in. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs `kubectl sealwatch …` with this environment alone, and the plugin on its PATH. */
export function runPlugin({ kubectl, folder, env }: PluginOptions, args: readonly string[]): Promise<CliResult> {
  const PATH = [folder, process.env['PATH'] ?? ''].join(delimiter);
  return spawnCollected(kubectl, ['sealwatch', ...args], { ...env, PATH });
}
