import { expect, it } from 'vitest';
import type { Paint } from '../../../src/cli/io.ts';
import { renderTable, TABLE_WIDTH, wrap } from '../../../src/cli/table.ts';

const plain: Paint = (_, text) => text;
const LONG = 'the signature was revoked by whoever signed it, which is told at length '.repeat(5).trim();

it('a table fits the terminal: long names lose their beginning, the last column goes on below', () => {
  const columns = [{ head: 'NAMESPACE', max: 20 }, { head: 'IMAGE' }, { head: 'WHY', wraps: true }];
  const image = `registry.example.com/${'team/'.repeat(10)}web@sha256:0123`;
  const lines = renderTable(columns, [['n'.repeat(63), image, LONG]], plain)
    .trimEnd()
    .split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(TABLE_WIDTH);
  expect(lines[1]).toContain('team/web@sha256:0123');
  expect(
    lines
      .slice(1)
      .map((line) => line.slice(64))
      .join(' '),
  ).toBe(LONG);
});

it('colour counts for nothing, and what could move the cursor is told', () => {
  const columns = [{ head: 'A', style: () => 'red' as const }, { head: 'B' }];
  const painted = renderTable(columns, [['x\u001b[2J', 'y']], (style, text) => `<${style}>${text}</>`);
  expect(painted).toBe('<bold>A</>           <bold>B</>\n<red>x\\u{1b}[2J</>  y\n');
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
