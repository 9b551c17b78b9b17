import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const run = (script: string, ...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

describe('the commands of hack/', () => {
  it.each([
    ['hack/test-parts/main.ts', 'Usage: ./hack/test '],
    ['hack/demo-story/main.ts', 'Usage: ./hack/demo '],
    ['hack/tools/get.ts', 'Usage: ./hack/get-tools '],
  ])('%s --help says how it is used', (script, usage) => {
    const { status, stdout } = run(script, '--help');
    expect(stdout).toContain(usage);
    expect(status).toBe(0);
  });

  it('the demo refuses an option that it does not know, before anything is started', () => {
    const { status, stdout, stderr } = run('hack/demo-story/main.ts', '--exi');
    expect(stderr).toContain('no such option --exi');
    expect(stdout).toBe('');
    expect(status).toBe(64);
  });
});
