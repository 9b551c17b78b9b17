import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'dist/cli/main.js');
const run = promisify(execFile);

/**
 * The operator as the image runs it: compiled, for what strips types at the start needs time and memory of its own.
 * Compiled anew where the source is newer. @returns what Node is given before the operator's flags
 */
export async function builtOperator(): Promise<readonly string[]> {
  const source = join(ROOT, 'src');
  const files = (await readdir(source, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const times = await Promise.all(files.map(async (name) => (await stat(join(source, name))).mtimeMs));
  if (!existsSync(ENTRY) || (await stat(ENTRY)).mtimeMs < Math.max(...times)) {
    await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', join(ROOT, 'tsconfig.build.json')]);
  }
  return ['--enable-source-maps', ENTRY, 'operator'];
}
