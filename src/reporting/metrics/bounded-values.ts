import type { LabelInfo } from './metric-set.ts';

/** What stands for every value beyond a bound. No host that names an image has this form. */
export const OTHER = 'other';

/**
 * Values of a label that others choose: the first so many keep their name, all that come later are one. Every series
 * stays for as long as the process runs, so a bound that made room would be none.
 */
export class BoundedValues {
  readonly #max: number;
  readonly #other: string;
  readonly #seen = new Set<string>();

  constructor(max: number, other = OTHER) {
    this.#max = max;
    this.#other = other;
  }

  /** The value itself, or what stands for those beyond the bound. */
  of(value: string): string {
    if (this.#seen.has(value)) return value;
    if (this.#seen.size >= this.#max) return this.#other;
    this.#seen.add(value);
    return value;
  }
}

/** Statuses that servers give a meaning; a host may send any of 900, and every series stays for ever. */
const TOLD_STATUSES: ReadonlySet<string> = new Set(
  '200 201 202 204 206 301 302 303 307 308 400 401 403 404 405 406 408 409 410 413 415 416 422 429 500 502 503 504'.split(
    ' ',
  ),
);

/** An HTTP status as a label: one without a meaning is `other status`. Words stay as they are: they are our own. */
export function outcomeLabel(outcome: string): string {
  return /^\d/.test(outcome) && !TOLD_STATUSES.has(outcome) ? 'other status' : outcome;
}

/** @param words outcomes without a status that there may be beside */
export function outcomeInfo(words: number, what: string): LabelInfo {
  return { what, values: TOLD_STATUSES.size + 1 + words };
}
