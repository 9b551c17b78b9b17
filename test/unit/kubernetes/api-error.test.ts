import { describe, expect, it } from 'vitest';
import { errorOfAnswer, parseRetryAfter, parseStatusBody } from '../../../src/kubernetes/api-error.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

describe('parseRetryAfter', () => {
  it.each([
    ['7', 7_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['999999', 600_000],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms (RFC 9110 §10.2.3)', (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });
});

describe('errorOfAnswer', () => {
  it('takes reason, message, causes and retryAfterSeconds from metav1.Status', () => {
    const body = {
      reason: 'Timeout',
      message: 'too large',
      details: { retryAfterSeconds: 2, causes: [{ reason: 'ResourceVersionTooLarge' }, {}] },
    };
    expect(errorOfAnswer('GET /x', 504, body, undefined, NOW)).toMatchObject({
      status: 504,
      reason: 'Timeout',
      retryAfterMs: 2_000,
      causes: ['ResourceVersionTooLarge'],
      message: 'GET /x: the API server answered 504 Timeout: too large',
    });
  });

  it('prefers the header to retryAfterSeconds', () => {
    expect(errorOfAnswer('GET /x', 429, { details: { retryAfterSeconds: 9 } }, '1', NOW).retryAfterMs).toBe(1_000);
  });

  it.each([
    [410, 'Expired'],
    [404, 'NotFound'],
    [502, 'HTTP502'],
  ])('names a bare %i %s', (status, reason) => {
    expect(errorOfAnswer('GET /x', status, undefined, undefined, NOW)).toMatchObject({ status, reason });
  });

  it('bounds the message', () => {
    const body = { message: 'x'.repeat(100_000) };
    expect(errorOfAnswer('GET /x', 500, body, undefined, NOW).message.length).toBe(1024);
  });
});

describe('parseStatusBody', () => {
  it.each(['<html>bad gateway</html>', '[]', 'null', '{"kind":"Pod"}', ''])('is undefined for %s', (text) => {
    expect(parseStatusBody(text)).toBeUndefined();
  });

  it('reads a Status', () => {
    expect(parseStatusBody('{"kind":"Status","reason":"Expired"}')?.reason).toBe('Expired');
  });
});
