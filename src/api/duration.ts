const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = /^(?:(?:\d{1,9})(?:\.\d{1,3})?(?:ms|s|m|h))+$/;
const PART = /(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)/g;

/** A hundred years: behind it, times added to now would leave the range of dates. */
const MAX_MS = 876_000 * 3_600_000;

/** A text is no duration. */
export class InvalidDurationError extends Error {
  constructor(text: string) {
    super(`expected a duration such as 90s, 10m or 8760h, at most 876000h; found ${JSON.stringify(text.slice(0, 50))}`);
    this.name = 'InvalidDurationError';
  }
}

/**
 * Reads a duration in Go's form ("1h30m"), more than zero and at most a hundred years.
 * @returns milliseconds
 * @throws InvalidDurationError
 */
export function parseDuration(text: string): number {
  if (text.length > 50 || !DURATION.test(text)) throw new InvalidDurationError(text);
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(PART)) ms += Number(amount) * (UNITS_MS[unit ?? ''] ?? Number.NaN);
  if (!(ms > 0 && ms <= MAX_MS)) throw new InvalidDurationError(text);
  return ms;
}

/** A duration for people: `1h30m`, `45s`. @param ms milliseconds */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join('');
}
