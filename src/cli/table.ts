import type { Paint, Style } from './io.ts';
import { printed } from './words.ts';

/** What a terminal holds; a test holds every table to it. */
export const TABLE_WIDTH = 120;
const GAP = '  ';
/** A wrapped column is never narrower. */
const MIN_WRAPPED = 24;

/** A column of a table. */
export interface Column {
  readonly head: string;
  /** Longer cells lose their beginning, where names of images and objects say least; default 40. */
  readonly max?: number;
  /** Takes what the others leave, over several lines; for the last column. */
  readonly wraps?: boolean;
  readonly style?: (cell: string) => Style | undefined;
}

/** A table for a person, at most 120 columns wide, with its head; ends with a line break. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string {
  const cells = rows.map((row) => columns.map((column, i) => cut(printed(row[i] ?? ''), column)));
  const widths = columns.map(({ head }, i) => Math.max(head.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const last = columns.length - 1;
  if (columns[last]?.wraps === true) {
    const before = widths.slice(0, last).reduce((sum, width) => sum + width + GAP.length, 0);
    widths[last] = Math.min(widths[last] ?? 0, Math.max(TABLE_WIDTH - before, MIN_WRAPPED));
  }
  const line = (row: readonly string[], paintCell: (text: string, i: number) => string): string =>
    row
      .map((cell, i) =>
        i === last ? paintCell(cell, i) : `${paintCell(cell, i)}${' '.repeat((widths[i] ?? 0) - cell.length)}`,
      )
      .join(GAP)
      .trimEnd();
  const head = line(
    columns.map((column) => column.head),
    (text) => paint('bold', text),
  );
  const body = cells.flatMap((row) => {
    const wrapped = columns[last]?.wraps === true ? wrap(row[last] ?? '', widths[last] ?? 0) : [row[last] ?? ''];
    return wrapped.map((text, at) =>
      line([...row.slice(0, last).map((cell) => (at === 0 ? cell : '')), text], (cell, i) => {
        const style = columns[i]?.style?.(cell);
        return style === undefined ? cell : paint(style, cell);
      }),
    );
  });
  return `${[head, ...body].join('\n')}\n`;
}

function cut(text: string, { max = 40, wraps }: Column): string {
  return wraps === true || text.length <= max ? text : `…${text.slice(text.length - max + 1)}`;
}

/** Lines of at most so many characters, broken at spaces where there are any. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (let rest = text; ; ) {
    if (rest.length <= width) return [...lines, rest];
    const space = rest.lastIndexOf(' ', width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
}
