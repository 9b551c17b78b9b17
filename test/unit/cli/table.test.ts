import { expect, it } from 'vitest';
import type { Paint } from '../../../src/cli/io.ts';
import { renderTable, TABLE_WIDTH, wrap } from '../../../src/cli/table.ts';

const plain: Paint = (_, text) => text;
const LONG = 'the signature was revoked by whoever signed it, which is told at length '.repeat(5).trim();

it('a table fits the terminal: long names lose their beginning, a long text goes below', () => {
  const columns = [{ head: 'NAMESPACE', max: 20 }, { head: 'IMAGE' }];
  const image = `registry.example.com/${'team/'.repeat(10)}web@sha256:0123`;
  const rows = [
    { cells: ['n'.repeat(63), image], text: LONG, below: ['runs in web'] },
    { cells: ['shop', 'web'], text: 'x'.repeat(56) },
    { cells: ['shop', 'web'], text: 'y'.repeat(57) },
  ];
  const lines = renderTable(columns, rows, plain, 'WHY').trimEnd().split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBe(TABLE_WIDTH);
  expect(lines[1]).toMatch(/^…n{19} {2}….*team\/web@sha256:0123$/);
  expect(
    lines
      .slice(2, 7)
      .map((line) => line.slice(4))
      .join(' '),
  ).toBe(`${LONG} runs in web`);
  expect(lines.slice(7)).toEqual([
    expect.stringMatching(/^shop .* {2}x{56}$/),
    expect.stringMatching(/^shop .*web$/),
    `    ${'y'.repeat(57)}`,
  ]);
});

it('colour counts for nothing, and what could move the cursor is told', () => {
  const columns = [{ head: 'A', style: () => 'red' as const }, { head: 'B' }];
  const rows = [{ cells: ['x\u001b[2J', 'y'], below: ['\u001b[2J'] }];
  const painted = renderTable(columns, rows, (style, text) => `<${style}>${text}</>`);
  expect(painted).toBe('<bold>A</>           <bold>B</>\n<red>x\\u{1b}[2J</>  y\n    \\u{1b}[2J\n');
});

it.each([
  ['a b c', 3, ['a b', 'c']],
  ['abcdef', 4, ['abcd', 'ef']],
  ['abc', 3, ['abc']],
  ['', 3, ['']],
  ['ab cd', 2, ['ab', 'cd']],
])('%j in %d columns', (text, width, lines) => {
  expect(wrap(text, width)).toEqual(lines);
});
