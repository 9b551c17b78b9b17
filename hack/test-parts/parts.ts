import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A part of the test command: a program that says no by its exit code, or a suite of vitest that counts. */
export type Part =
  | { readonly name: string; readonly kind: 'check'; readonly command: string; readonly args: readonly string[] }
  | { readonly name: string; readonly kind: 'suite' };

const CHECKS: readonly Part[] = [
  { name: 'types', kind: 'check', command: 'tsc', args: ['--noEmit'] },
  { name: 'lint', kind: 'check', command: 'biome', args: ['check', '.'] },
  { name: 'layering', kind: 'check', command: process.execPath, args: ['hack/layering/main.ts'] },
  { name: 'rules', kind: 'check', command: process.execPath, args: ['hack/rule-coverage/main.ts'] },
];
/** Installs packages twice, so it comes last. */
const IMAGE: Part = { name: 'image', kind: 'check', command: 'hack/image-check', args: [] };
const SUITES = ['unit', 'conformance', 'integration', 'faults', 'install'];

/** All parts in their order, without suites whose folder has no tests. */
export function allParts(root: string): readonly Part[] {
  const suites = SUITES.filter((name) => hasTests(join(root, 'test', name)));
  return [...CHECKS, ...suites.map((name): Part => ({ name, kind: 'suite' })), IMAGE];
}

function hasTests(folder: string): boolean {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((file) => file.endsWith('.test.ts'));
  } catch {
    // No such folder.
    return false;
  }
}
