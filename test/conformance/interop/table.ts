/** The answers of one row and column: for each direction and place, true, false or not run. */
export type CellMarks = readonly boolean[];

/** A table for people: a row per key type and format, a column per variant, a mark per direction and place. */
export function formatMatrix(
  rows: readonly { readonly label: string; readonly cells: readonly CellMarks[] }[],
  columns: readonly string[],
  placesPerDirection: number,
): string {
  const labelWidth = Math.max(...rows.map(({ label }) => label.length));
  const lines = rows.map(({ label, cells }) => {
    const texts = cells.map((marks, i) => marksOf(marks, placesPerDirection).padEnd(widthOf(columns[i] ?? '')));
    return `${label.padEnd(labelWidth)}  ${texts.join('  ')}`.trimEnd();
  });
  const head = columns.map((name) => name.padEnd(widthOf(name))).join('  ');
  return [`${''.padEnd(labelWidth)}  ${head}`.trimEnd(), ...lines].join('\n');

  function widthOf(name: string): number {
    return Math.max(name.length, 2 * placesPerDirection + 1);
  }
}

function marksOf(marks: CellMarks, perDirection: number): string {
  const text = marks.map((mark) => (mark ? '+' : 'x')).join('');
  return `${text.slice(0, perDirection)} ${text.slice(perDirection)}`;
}
