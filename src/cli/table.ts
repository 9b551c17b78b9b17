import type { Paint, Style } from './io.ts';
import { printed } from './words.ts';

/** What a terminal holds; a test holds every table to it. */
export const TABLE_WIDTH = 120;
const GAP = '  ';
const INDENT = '    ';

/** A column of a table. */
export interface Column {
  readonly head: string;
  /** Longer cells lose their beginning, where names of images and objects say least; default 40. */
  readonly max?: number;
  readonly style?: (cell: string) => Style | undefined;
}

/** A line of a table: its cells, and what there is to say of it. */
export interface Row {
  readonly cells: readonly string[];
  /** Stands in the last column where it fits on one line, else below, over the whole width. */
  readonly text?: string;
  /** Sentences that stand below. */
  readonly below?: readonly string[];
}

/**
 * A table for a person, at most 120 columns wide, with its head; ends with a line break.
 * @param textHead of the column of each row's `text`; absent: rows have none
 */
export function renderTable(columns: readonly Column[], rows: readonly Row[], paint: Paint, textHead?: string): string {
  const cells = rows.map((row) => columns.map((column, i) => cut(printed(row.cells[i] ?? ''), column.max ?? 40)));
  const widths = columns.map(({ head }, i) => Math.max(head.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const left = TABLE_WIDTH - widths.reduce((sum, width) => sum + width + GAP.length, 0);
  const line = (row: readonly string[], style: (cell: string, i: number) => string, last: string): string =>
    [...row.map((cell, i) => `${style(cell, i)}${' '.repeat((widths[i] ?? 0) - cell.length)}`), last]
      .join(GAP)
      .trimEnd();
  const head = line(
    columns.map((column) => column.head),
    (text) => paint('bold', text),
    textHead === undefined ? '' : paint('bold', textHead),
  );
  const body = rows.flatMap((row, at) => {
    const text = printed(row.text ?? '');
    const fits = text.length <= left;
    const below = [...(fits ? [] : [text]), ...(row.below ?? []).map(printed)];
    const style = (cell: string, i: number): string => {
      const chosen = columns[i]?.style?.(cell);
      return chosen === undefined ? cell : paint(chosen, cell);
    };
    return [
      line(cells[at] ?? [], style, fits ? text : ''),
      ...below.flatMap((sentence) => wrap(sentence, TABLE_WIDTH - INDENT.length).map((part) => `${INDENT}${part}`)),
    ];
  });
  return `${[head, ...body].join('\n')}\n`;
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `…${text.slice(text.length - max + 1)}`;
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
