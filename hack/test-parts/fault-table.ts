import type { FaultRow } from './fault-list.ts';

/** A fault that no test names makes the part fail. */
const EVERY_FAULT_HAS_A_TEST = true;

const FAULT_WIDTH = 62;

/**
 * Prints docs/faults.md as its own table: number, fault, result, the longest time that a recovery took, how many tests
 * ran, and which other suites have tests of it.
 */
export function faultTable(rows: readonly FaultRow[]): string {
  const cells = rows.map((row) => [
    String(row.number),
    cut(row.title),
    row.result,
    row.recoveryMs === undefined ? '' : `${(row.recoveryMs / 1000).toFixed(1)} s`,
    row.tests === 0 ? '' : String(row.tests),
    row.elsewhere.join(', '),
  ]);
  const head = ['#', 'fault', 'result', 'recovery', 'tests', 'also in'];
  const widths = head.map((title, column) =>
    Math.max(...[head, ...cells].map((line) => (line[column] ?? title).length)),
  );
  const isNumber = (column: number): boolean => column === 0 || column === 3 || column === 4;
  const line = (each: readonly string[]): string =>
    each
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), ...cells.map(line), '', summary(rows)].join('\n');
}

/** Whether the list, as far as it ran, leaves nothing open. */
export function isListWhole(rows: readonly FaultRow[]): boolean {
  return !EVERY_FAULT_HAS_A_TEST || rows.every(({ result }) => result !== 'NO TEST');
}

function summary(rows: readonly FaultRow[]): string {
  const count = (result: FaultRow['result']): number => rows.filter((row) => row.result === result).length;
  const bare = rows.filter(({ result }) => result === 'NO TEST').map(({ number }) => number);
  const missing = bare.length === 0 ? '' : `; no test names ${bare.join(', ')}`;
  return `${rows.length} faults: ${count('passed')} passed, ${count('FAILED')} failed, ${count('not run') + count('skipped')} not run${missing}`;
}

function cut(title: string): string {
  return title.length <= FAULT_WIDTH ? title : `${title.slice(0, FAULT_WIDTH - 1)}…`;
}
