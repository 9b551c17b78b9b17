/** What is done with credentials at a registry. */
export const OPERATIONS = ['resolve', 'list', 'verify', 'sign', 'delete'] as const;
export type Operation = (typeof OPERATIONS)[number];
/** Which operations went well; absent: there is no such operation with that source. */
export type Outcome = Partial<Record<Operation, boolean>>;

/** A table for people: a row for each source, a column for each registry, a mark for each operation. */
export function formatCredentialTable(
  rows: readonly { readonly label: string; readonly cells: readonly (Outcome | undefined)[] }[],
  columns: readonly string[],
): string {
  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  const head = columns.map((name) => name.padEnd(widthOf(name))).join('  ');
  const lines = rows.map(({ label, cells }) => {
    const texts = cells.map((cell, i) => marksOf(cell).padEnd(widthOf(columns[i] ?? '')));
    return `${label.padEnd(labelWidth)}  ${texts.join('  ')}`.trimEnd();
  });
  return [`${''.padEnd(labelWidth)}  ${head}`.trimEnd(), ...lines].join('\n');
}

function marksOf(outcome: Outcome | undefined): string {
  return OPERATIONS.map((operation) => {
    const mark = outcome?.[operation];
    return mark === undefined ? '.' : mark ? '+' : 'x';
  }).join('');
}

function widthOf(column: string): number {
  return Math.max(column.length, OPERATIONS.length);
}
