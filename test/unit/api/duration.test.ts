import { describe, expect, it } from 'vitest';
import { formatDuration, InvalidDurationError, parseDuration } from '../../../src/api/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['1m1s1ms', 61_001],
    ['8760h', 31_536_000_000],
    ['876000h', 3_153_600_000_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    '0s',
    '0h0m',
    '10',
    'h',
    '-1h',
    '+1h',
    '1d',
    '1 h',
    ' 1h',
    '1h\n',
    '1.h',
    '.5h',
    '1e3s',
    'Infinity',
    '1h'.repeat(26),
    '876001h',
    '999999999h999999999h',
  ])('refuses %j with what is expected and what was found', (text) => {
    expect(() => parseDuration(text)).toThrow(InvalidDurationError);
    expect(() => parseDuration(text)).toThrow(/expected a duration such as 90s, 10m or 8760h.*; found "/);
  });

  it('quotes at most 50 characters of what it refuses', () => {
    expect(() => parseDuration('x'.repeat(10_000))).toThrow(/found "x{50}"$/);
  });
});

describe('formatDuration', () => {
  it.each([
    [250, '250ms'],
    [45_000, '45s'],
    [5_400_000, '1h30m'],
    [3_661_000, '1h1m1s'],
    [86_400_000, '24h'],
  ])('says %d ms as %s, which reads back as the same', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
    expect(parseDuration(text)).toBe(ms);
  });
});
