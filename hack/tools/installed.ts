import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import type { Tool } from './catalog.ts';

const run = promisify(execFile);
const VERSION_MS = 10_000;

/** Finds a tool of exactly the pinned version in KUBEBUILDER_ASSETS or on the PATH. */
export async function findInstalled(tool: Tool, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (tool.versionArguments === undefined) return undefined;
  for (const folder of [env['KUBEBUILDER_ASSETS'] ?? '', ...(env['PATH'] ?? '').split(delimiter)]) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, tool.name);
    if ((await isExecutable(path)) && (await printsVersion(path, tool.versionArguments, tool.version))) return path;
  }
  return undefined;
}

async function printsVersion(path: string, parameters: readonly string[], version: string): Promise<boolean> {
  try {
    const { stdout, stderr } = await run(path, parameters, { timeout: VERSION_MS });
    // Neither 1.37.20 nor 1.37.2-rc.0, nor the Go that it was built with; build metadata (+...) may follow.
    return new RegExp(`(?:^|[\\sv])${version.replaceAll('.', '\\.')}(?![\\w.-])`, 'm').test(`${stdout}\n${stderr}`);
  } catch {
    // A program that cannot say its version is not the one that is looked for.
    return false;
  }
}

/** Whether a file is there and may be run. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
