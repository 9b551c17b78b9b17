import { describe, expect, it } from 'vitest';
import { requireStrictDer } from '../../../../src/notary/certificates/strict-der.ts';
import { boolean, der, integer, NULL, octets, sequence, setOf } from '../../../support/der.ts';

const nested = (depth: number): Buffer => (depth === 0 ? NULL : sequence(nested(depth - 1)));
const nulls = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => NULL));
/** So many values in all: itself, its twenty children, and what is left in the first. */
const values = (count: number): Buffer =>
  sequence(sequence(nulls(count - 19_021)), ...Array.from({ length: 19 }, () => sequence(nulls(1_000))));

describe('strict DER (I)', () => {
  it.each([
    [
      'values of all kinds',
      sequence(integer(0), integer(Buffer.from([0xff])), boolean(true), octets(NULL), setOf(NULL)),
    ],
    ['what context tags hold', sequence(der(0xa0, sequence()), der(0x80, Buffer.from([1, 2])))],
    ['38 levels', sequence(nested(38))],
    ['20,000 values', values(20_000)],
    ['1,000 values in one', sequence(nulls(1_000))],
  ])('takes %s', (_name, bytes) => {
    expect(Buffer.from(requireStrictDer(bytes, 'it').bytes).equals(bytes)).toBe(true);
  });

  it.each([
    ['what is no SEQUENCE', setOf(NULL), /expected tag 0x30, found 0x31/],
    ['bytes after it', Buffer.concat([sequence(), NULL]), /bytes follow it/],
    ['an indefinite length', Buffer.from([0x30, 0x80, 0, 0]), /a length that is not DER/],
    ['an indefinite length inside', sequence(Buffer.from([0x30, 0x80, 0, 0])), /a length that is not DER/],
    ['a length of one octet more than needed', sequence(Buffer.from([0x04, 0x81, 1, 1])), /not minimal/],
    ['an octet string in pieces', sequence(der(0x24, octets(NULL))), /the tag 0x24 is not DER/],
    ['a SEQUENCE that is primitive', sequence(der(0x10)), /the tag 0x10 is not DER/],
    ['a SET that is primitive', sequence(der(0x11)), /the tag 0x11 is not DER/],
    ['an end-of-contents', sequence(der(0x00)), /the tag 0x0 is not DER/],
    ['a tag of two octets', sequence(Buffer.from([0x1f, 0x20, 0])), /a tag of more than one octet/],
    ['a BOOLEAN of 1', sequence(der(0x01, Buffer.from([1]))), /a bad BOOLEAN/],
    ['an INTEGER of nothing', sequence(der(0x02)), /not minimal/],
    ['an INTEGER with a zero too many', sequence(integer(Buffer.from([0, 1]))), /not minimal/],
    ['a negative INTEGER with an octet too many', sequence(integer(Buffer.from([0xff, 0x80]))), /not minimal/],
    ['41 levels', sequence(nested(40)), /more than 40 levels/],
    ['20,001 values', values(20_001), /more than 20000 values/],
    ['1,001 values in one', sequence(nulls(1_001)), /more than 1000 values/],
  ])('refuses %s', (_name, bytes, reason) => {
    expect(() => requireStrictDer(bytes, 'it')).toThrow(expect.objectContaining({ code: 'InvalidCertificate' }));
    expect(() => requireStrictDer(bytes, 'it')).toThrow(reason);
  });
});
