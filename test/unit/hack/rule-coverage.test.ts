import { describe, expect, it } from 'vitest';
import { coverageOf, coveragePage } from '../../../hack/rule-coverage/page.ts';
import { rulesNamedIn, rulesOf } from '../../../hack/rule-coverage/rules.ts';

const RULES = `# Rules

## A. Registry

- **A1** One.
- **A10** Ten, of two
  lines.

## D. Schemes

Prose.

## G. Order

More prose, which names **A1**.
`;

describe('the rules of docs/notary.md', () => {
  it('are its numbered bullets, and its sections of prose', () => {
    expect(rulesOf(RULES).map(({ id }) => id)).toEqual(['A1', 'A10', 'D', 'G']);
  });

  it('are the numbers alone where a section of prose gets some', () => {
    expect(rulesOf('## D. Schemes\n\n- **D1** One.\n').map(({ id }) => id)).toEqual(['D1']);
  });

  it.each([
    ['one rule', 'an unknown critical header is refused (B4)', ['B4']],
    ['several', 'refused (A2, A8)', ['A2', 'A8']],
    ['a part of a rule', 'accepts the notary type (A2 b)', ['A2']],
    ['with the page', 'expiry (notary.md D) > at noon', ['D']],
    ['beside another page', 'while reading (A6; faults.md 26)', ['A6']],
    ['of group and test', 'levels (F7) > audit (G)', ['F7', 'G']],
    ['none without parentheses', 'rule B4 is the one of A', []],
    ['none in other parentheses', 'names (C=US, ST=WA), (A note), (B4 and more)', []],
  ])('are named by titles: %s', (_, title, expected) => {
    expect([...rulesNamedIn(title)]).toEqual(expected);
  });
});

describe('the coverage of rules', () => {
  const tests = [
    { file: 'test/b.test.ts', name: 'x > one (A1)' },
    { file: 'test/a.test.ts', name: 'two (A1, D)' },
    { file: 'test/b.test.ts', name: 'three (A1)' },
    { file: 'test/b.test.ts', name: 'four (A1)' },
  ];
  const coverage = coverageOf(rulesOf(RULES), tests);

  it('is the tests that name a rule, by file', () => {
    expect(coverage.map(({ rule, files }) => [rule.id, [...files.keys()]])).toEqual([
      ['A1', ['test/a.test.ts', 'test/b.test.ts']],
      ['A10', []],
      ['D', ['test/a.test.ts']],
      ['G', []],
    ]);
  });

  it('is a page that counts them and shows some', () => {
    const page = coveragePage(coverage);
    expect(page).toContain('| [A1](#a1) | 4 | 2 |\n| [A10](#a10) | 0 | 0 |');
    expect(page).toContain(
      '## A1\n\nOne.\n\n- `test/a.test.ts`: 1\n  - two (A1, D)\n- `test/b.test.ts`: 3, such as\n  - x \\> one (A1)\n  - three (A1)\n',
    );
  });
});
