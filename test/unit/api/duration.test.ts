import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../../src/api/duration.ts';
import { VERSION } from '../../../src/version.ts';

it.each([
  ['90s', 90_000],
  ['1h30m', 5_400_000],
  ['8760h', 31_536_000_000],
  ['1.5s', 1_500],
  ['250ms', 250],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each(['', '0s', '-1s', '1', 's', '1d', '1 h', '1h ', '1e3s', '1h30'])('%j is no duration', (text) => {
  expect(() => parseDuration(text)).toThrow(/expected a duration such as 90s/);
});

it.each([
  [90_000, '1m30s'],
  [3_600_000, '1h'],
  [250, '250ms'],
])('%i ms is written %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it('the version is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(VERSION).toBe(version);
});
