import { cpus, totalmem } from 'node:os';

/** What a bench measured, and what it must reach. */
export interface Figure {
  readonly metric: string;
  /** `ms`, `s`, `MiB`, `requests`, `times` and the like. */
  readonly unit: string;
  /** One value of each run. */
  readonly values: readonly number[];
  readonly target?: number;
  /** The least (or most) that this machine could reach, where it is known. */
  readonly limit?: number;
  /** Which side of the target is good; default lower. */
  readonly better?: 'lower' | 'higher';
}

/** A figure as it is told: `value` is the median. */
export interface Row {
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly target: number | null;
  readonly limit: number | null;
  /** null: nothing was asked of it. */
  readonly met: boolean | null;
}

/** What a bench is given. */
export interface BenchOptions {
  /** Runs of each figure. */
  readonly runs: number;
  /** Inputs of each parser. */
  readonly inputs: number;
  /** Length of a soak, or of what watches the steady state, milliseconds. */
  readonly lengthMs: number | undefined;
  /** Tells progress, on stderr. */
  readonly say: (line: string) => void;
}

export interface Bench {
  readonly name: string;
  /** One line for the usage text. */
  readonly about: string;
  readonly run: (options: BenchOptions) => Promise<readonly Figure[]>;
}

/** Sums a figure up. @throws Error when it has no value, or one that is no number */
export function rowOf({ metric, unit, values, target, limit, better = 'lower' }: Figure): Row {
  if (values.length === 0 || values.some(Number.isNaN)) throw new Error(`${metric}: a run gave no number`);
  const value = quantile(values, 0.5);
  const isMet = target === undefined ? null : better === 'lower' ? value <= target : value >= target;
  return {
    metric,
    unit,
    value,
    min: Math.min(...values),
    median: value,
    max: Math.max(...values),
    target: target ?? null,
    limit: limit ?? null,
    met: isMet,
  };
}

/** The q-quantile of values, by the nearest rank; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(q * sorted.length) - 1, 0)] ?? Number.NaN;
}

/** A table for people: a row a figure, its limit beside its target. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['METRIC', 'UNIT', 'MIN', 'MEDIAN', 'MAX', 'TARGET', 'LIMIT', 'MET'];
  const cells = rows.map((row) => [
    row.metric,
    row.unit,
    ...[row.min, row.median, row.max].map(written),
    row.target === null ? '-' : written(row.target),
    row.limit === null ? '-' : written(row.limit),
    row.met === null ? '-' : row.met ? 'yes' : 'NO',
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const isText = (i: number): boolean => i < 2 || i === head.length - 1;
  return [head, ...cells]
    .map((line) => line.map((cell, i) => (isText(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))))
    .map((line) => line.join('  ').trimEnd())
    .join('\n');
}

/** The machine that a table is of: figures of two machines do not compare. */
export function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
}

function written(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
