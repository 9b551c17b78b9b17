import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { allParts } from '../../../hack/test-parts/parts.ts';

const runTests = (...args: string[]) =>
  spawnSync(process.execPath, ['hack/test-parts/main.ts', ...args], { encoding: 'utf8' });

describe('the test command', () => {
  it('leaves out suites that have no tests', () => {
    const root = mkdtempSync(join(tmpdir(), 'sealwatch-parts-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    for (const folder of ['unit/notary', 'faults', 'integration'])
      mkdirSync(join(root, 'test', folder), { recursive: true });
    writeFileSync(join(root, 'test/unit/notary/verify.test.ts'), '');
    writeFileSync(join(root, 'test/integration/helper.ts'), '');
    expect(allParts(root).map(({ name }) => name)).toEqual(['types', 'lint', 'layering', 'rules', 'unit', 'image']);
  });

  it('refuses a part that it does not know, with those that it knows', () => {
    const { status, stderr } = runTests('types', 'nonsense');
    expect(status).toBe(64);
    expect(stderr).toMatch(/^no part nonsense\n/);
    expect(stderr).toContain('types, lint, layering, rules, unit');
  });

  it('runs the parts named alone, and ends with the counts on a line of their own', () => {
    const { status, stdout } = runTests('layering');
    expect(stdout.match(/^== \w+$/gm)).toEqual(['== layering']);
    expect(stdout).toMatch(/\nlayering {4} +passed +\d+\.\d s\n\n1 passed, 0 failed\n$/);
    expect(status).toBe(0);
  });
});
