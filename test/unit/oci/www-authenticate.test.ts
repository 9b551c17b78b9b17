import { describe, expect, it } from 'vitest';
import { parseChallenge } from '../../../src/oci/www-authenticate.ts';

const BASIC = { kind: 'basic' };
const bearer = (realm: string, more: object = {}): object => ({ kind: 'bearer', realm: new URL(realm), ...more });

describe('a challenge (RFC 9110 §11.6.1)', () => {
  it.each<[string, object | undefined]>([
    ['Basic realm="x"', BASIC],
    ['BASIC', BASIC],
    [
      'bearer realm="https://a.test/t",service="s",scope="repository:a:pull,push"',
      bearer('https://a.test/t', { service: 's', scope: 'repository:a:pull,push' }),
    ],
    ['Bearer  Realm = "https://a.test/t" , service=s', bearer('https://a.test/t', { service: 's' })],
    ['Bearer service="a \\"b\\" \\\\c", realm="https://a.test/"', bearer('https://a.test/', { service: 'a "b" \\c' })],
    ['Bearer realm="https://a.test/t?a=b#c"', bearer('https://a.test/t?a=b')],
    // Several, in one header or joined from several.
    ['Basic realm="x", Bearer realm="https://a.test/t",service="s"', bearer('https://a.test/t', { service: 's' })],
    ['Bearer realm="https://a.test/t", Basic realm="x"', bearer('https://a.test/t')],
    ['Negotiate YII=, , Basic realm="x, Bearer realm=y"', BASIC],
    ['Negotiate, Basic realm="x"', BASIC],
    // A bearer challenge that cannot do leaves the basic one.
    ['Bearer service="s", Basic realm="x"', BASIC],
    // None that can be used.
    ['Bearer service="s"', undefined],
    ['Bearer realm="not a url"', undefined],
    ['Bearer realm="ftp://a.test/"', undefined],
    ['Bearer realm="https://user:secret@a.test/"', undefined],
    ['Negotiate', undefined],
    ['', undefined],
    // Malformed: nothing of it is believed.
    ['Bearer realm="https://a.test/t', undefined],
    ['Bearer realm="https://a.test/t" service="s"', undefined],
    ['Bearer realm="https://a.test/t",realm="https://b.test/t"', undefined],
    ['Bearer realm=https://a.test/t', undefined],
    ['Basic realm="x"; Bearer', undefined],
    ['"Basic" realm="x"', undefined],
    [`Basic realm="${'x'.repeat(9_000)}"`, undefined],
    [`Bearer realm="https://a.test/${'x'.repeat(2_000)}"`, undefined],
    [Array.from({ length: 9 }, () => 'Basic realm="x"').join(), undefined],
    [`Basic ${Array.from({ length: 17 }, (_, i) => `p${i}=x`).join()}`, undefined],
  ])('%s', (header, expected) => {
    expect(parseChallenge(header)).toEqual(expected);
  });
});
