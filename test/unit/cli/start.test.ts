import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { start } from '../../../src/cli/start.ts';

async function started(version: string, load = async () => async () => 7): Promise<{ code: number; stderr: string }> {
  const written: string[] = [];
  const code = await start({ version, load, stderr: { write: (text) => written.push(text) } });
  return { code, stderr: written.join('') };
}

describe('start', () => {
  it.each(['22.19.0', '22.20.1', '24.0.0', '100.1.0'])(
    'Node %s runs the command, and its exit code counts',
    async (version) => {
      expect(await started(version)).toEqual({ code: 7, stderr: '' });
    },
  );

  it.each(['20.20.2', '22.18.9', '8.19.0'])('Node %s is refused with 64 before anything is loaded', async (version) => {
    const load = () => Promise.reject(new Error('must not be loaded'));
    expect(await started(version, load)).toEqual({
      code: 64,
      stderr: `sealwatch: needs Node 22.19 or newer; this is ${version}\n`,
    });
  });

  it('a command that cannot be loaded ends with 64 and one line, never with 1, which means not trusted', async () => {
    const load = () => Promise.reject(new SyntaxError("Cannot find package 'undici'\n  imported from x"));
    expect(await started('22.19.0', load)).toEqual({
      code: 64,
      stderr: "sealwatch: cannot be loaded; install it anew: Cannot find package 'undici' imported from x\n",
    });
  });

  it('a command that asks no cluster does not load the client of clusters: it is most of what there is', () => {
    const hook = `import { registerHooks } from 'node:module';
      registerHooks({ load: (url, context, next) => {
        if (url.includes('@kubernetes/client-node')) console.error('loaded');
        return next(url, context);
      } });`;
    const loaded = (...args: readonly string[]): boolean =>
      spawnSync(
        process.execPath,
        ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, 'src/cli/main.ts', ...args],
        { encoding: 'utf8' },
      ).stderr.includes('loaded');
    expect([loaded('list', '--help'), loaded('operator', '--help')]).toEqual([false, true]);
  });

  it('what an old Node.js loads first imports nothing else of ours, and asks for what package.json asks for', () => {
    const source = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    const imports = (file: string) =>
      [...source(file).matchAll(/^(?:import|export) .*from '(.+)'/gm)].map((found) => found[1]);
    expect(imports('src/cli/main.ts')).toEqual(['./start.ts']);
    expect(imports('src/cli/start.ts')).toEqual([]);
    expect(source('package.json')).toContain('"node": ">=22.19"');
  });
});
