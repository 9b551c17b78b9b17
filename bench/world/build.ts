import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'dist/cli/main.js');
const run = promisify(execFile);

export interface BuiltOperator {
  /** What Node is given before the operator's flags. */
  readonly entry: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The operator as the image runs it: compiled, for what strips types at the start needs time and memory of its own; and
 * with what Node does by itself in a container of the Deployment's memory limit. Compiled anew where the source is newer.
 */
export async function builtOperator(): Promise<BuiltOperator> {
  const source = join(ROOT, 'src');
  const files = (await readdir(source, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const times = await Promise.all(files.map(async (name) => (await stat(join(source, name))).mtimeMs));
  if (!existsSync(ENTRY) || (await stat(ENTRY)).mtimeMs < Math.max(...times)) {
    await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', join(ROOT, 'tsconfig.build.json')]);
  }
  const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
  const [, flags = ''] =
    /^ENTRYPOINT \["\/nodejs\/bin\/node", (.*)"\/sealwatch\/dist\/cli\/main\.js"\]$/m.exec(dockerfile) ?? [];
  const [, variables = ''] = /^ENV (.*)$/m.exec(dockerfile) ?? [];
  return {
    entry: [...[...flags.matchAll(/"([^"]+)"/g)].map(([, flag = '']) => flag), ENTRY, 'operator'],
    env: {
      ...Object.fromEntries([...variables.matchAll(/(\S+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value])),
      // Node takes half of a container's memory for the old generation, as V8 counts it.
      NODE_OPTIONS: `--max-old-space-size=${Math.floor((await memoryLimitMiB()) / 2)}`,
    },
  };
}

async function memoryLimitMiB(): Promise<number> {
  const deployment = await readFile(join(ROOT, 'config/manager/deployment.yaml'), 'utf8');
  const [, mebibytes] = /limits: \{ memory: (\d+)Mi \}/.exec(deployment) ?? [];
  if (mebibytes === undefined) throw new Error('config/manager/deployment.yaml has no memory limit in Mi');
  return Number(mebibytes);
}
