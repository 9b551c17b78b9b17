import { describe, expect, it } from 'vitest';
import { nextLink } from '../../../src/oci/link-header.ts';

describe('the next page of a Link header (notary.md A4; RFC 8288)', () => {
  it.each([
    ['', undefined],
    ['</a?n=1>; rel="next"', '/a?n=1'],
    ['</a>;rel=next', '/a'],
    ['</a>; title="x, y"; rel="next"', '/a'],
    ['</p>; rel="prev", </n>; rel="next"', '/n'],
    ['</n>; rel="last next"', '/n'],
    ['</p>; rel="prev"', undefined],
    ['</p>; rel="nextish"', undefined],
  ])('%s', (header, expected) => {
    expect(nextLink(header, 'x')).toBe(expected);
  });

  it.each(['garbage', '</a', '</p>; rel="prev", garbage'])(
    '%s is an error, so that no page is lost unseen',
    (header) => {
      expect(() => nextLink(header, 'referrers of x')).toThrow(/referrers of x.*Link/);
    },
  );
});
