import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { pinnedVersion } from '../../../hack/tools/versions.ts';
import { conformancePage, STRICTER, WIDER } from './differences.ts';

const ROOT = join(import.meta.dirname, '../../..');
const RULES = readFileSync(join(ROOT, 'docs/notary.md'), 'utf8');

afterAll(() => {
  const told = [
    ...STRICTER.map(({ rule, name, why }) => `${rule.padEnd(3)} refused here only: ${name}: ${why}`),
    ...WIDER.map(({ rule, name, why }) => `${rule.padEnd(3)} accepted here only: ${name}: ${why}`),
  ];
  console.log(['Deliberate differences from notation-go, by rule of docs/notary.md', '', ...told].join('\n'));
});

/** What docs/notary.md says of a rule: its bullet, or for a letter its whole section. */
function textOf(rule: string): string {
  const pattern =
    rule.length === 1
      ? new RegExp(`^## ${rule}\\. [^]*?(?=^## |$(?![^]))`, 'm')
      : new RegExp(`^- \\*\\*${rule}\\*\\* .*$`, 'm');
  return pattern.exec(RULES)?.[0] ?? '';
}

it.each([...new Set(STRICTER.map(({ rule }) => rule))])(
  'docs/notary.md says that %s is stricter than notation',
  (rule) => {
    expect(textOf(rule)).toContain('stricter');
  },
);

it('only what a policy may name, or a subject have, is accepted where notation-go refuses', () => {
  expect(WIDER.filter(({ rule }) => !['E6', 'F2', 'F6'].includes(rule))).toEqual([]);
});

it('docs/conformance.md tells every difference', async () => {
  const judge = `notation-go ${pinnedVersion('../../test/interop', 'github.com/notaryproject/notation-go')}`;
  await expect(conformancePage(judge)).toMatchFileSnapshot(join(ROOT, 'docs/conformance.md'));
});
