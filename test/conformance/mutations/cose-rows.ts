import { type CborItem, encodeCbor, head, Raw, tagged } from '../../support/cbor.ts';
import type { CoseHeader } from '../../support/forge-cose.ts';
import { NOW } from '../../unit/notary/harness.ts';
import type { Hooks } from './forge.ts';
import { N } from './kinds.ts';
import { FAILS, type Mutation, mutationsOf, type Options } from './mutation.ts';

const SIGNING_TIME = `${N}.signingTime`;
const SECONDS = NOW.getTime() / 1000 - 3600;
const FULL: Options = { kind: 'full' };

const bytes = (change: (envelope: Buffer) => Buffer): Hooks => ({ bytes: change });
const signed = (change: (header: Buffer) => Buffer): Hooks => ({ protectedBytes: change });
const labels = (change: (header: CoseHeader) => CoseHeader): Hooks => ({ labels: change });
const unprotected = (change: (header: CoseHeader) => CoseHeader): Hooks => ({ unprotectedLabels: change });
const set =
  (label: CborItem, value: CborItem) =>
  (header: CoseHeader): CoseHeader =>
    new Map(header).set(label, value);
const critical =
  (...more: CborItem[]) =>
  (header: CoseHeader): CoseHeader =>
    new Map(header).set(2, [...(header.get(2) as readonly CborItem[]), ...more]);
const time = (written: CborItem): Hooks => labels(set(SIGNING_TIME, written));
const alg = (written: CborItem): Hooks => labels(set(1, written));
/** Puts labels and values, as bytes, before those of a map of less than 23. */
const withEntries =
  (count: number, ...items: CborItem[]) =>
  (map: Buffer): Buffer =>
    Buffer.concat([Buffer.from([map.readUInt8(0) + count]), ...items.map(encodeCbor), map.subarray(1)]);
const [PROTECTED, UNPROTECTED, PAYLOAD, SIGNATURE] = [0, 1, 2, 3] as const;
/** Replaces one of the four members, as encoded. */
const member = (index: number, change: (item: Buffer) => Buffer): Hooks => ({
  members: (members) => members.map((item, i) => (i === index ? change(item) : item)),
});
/** What is in a byte string of 24 to 65535 bytes. */
const content = (item: Buffer): Buffer => item.subarray(item.readUInt8(0) === 0x58 ? 2 : 3);
/** A byte string again, in a form that is not the shortest. */
const wide = (item: Buffer): Buffer => Buffer.concat([head(2, content(item).length, 4), content(item)]);
const chunked = (item: Buffer): Buffer => Buffer.concat([Buffer.from([0x5f]), item, Buffer.from([0xff])]);
const replaced =
  (from: Buffer, to: Buffer) =>
  (whole: Buffer): Buffer => {
    const at = whole.indexOf(from);
    if (at === -1) throw new Error('nothing to replace');
    return Buffer.concat([whole.subarray(0, at), to, whole.subarray(at + from.length)]);
  };
const nested = (depth: number): Raw => new Raw(Buffer.concat([Buffer.alloc(depth, 0x81), Buffer.from([0x00])]));
const NULL = Buffer.from([0xf6]);
const BEGINS = /expected a tagged COSE_Sign1, which begins with the bytes d2 84/;
const STRICT = (what: string, found: string): RegExp => new RegExp(`${what} is not strict CBOR: ${found}`);
const SHORTEST = 'integer encoded in more bytes than necessary';
const DOES_NOT_VERIFY = /signature does not verify with the key of the leaf/;

/** CBOR of a COSE envelope. */
export const COSE_MUTATIONS: readonly Mutation[] = mutationsOf(
  [
    // C1: how it begins and ends
    ['C1', 'no tag', bytes((b) => b.subarray(1)), BEGINS],
    ['C1', 'the tag of COSE_Mac0', bytes((b) => Buffer.concat([Buffer.from('d1', 'hex'), b.subarray(1)])), BEGINS],
    ['C1', 'the tag of COSE_Sign', bytes((b) => Buffer.concat([Buffer.from('d862', 'hex'), b.subarray(1)])), BEGINS],
    ['C1', 'the tag in two bytes', bytes((b) => Buffer.concat([Buffer.from('d812', 'hex'), b.subarray(1)])), BEGINS],
    ['C1', 'the tag twice', bytes((b) => Buffer.concat([Buffer.from('d2', 'hex'), b])), BEGINS],
    ['C1', 'the tag of CBOR itself before it', bytes((b) => Buffer.concat([Buffer.from('d9d9f7', 'hex'), b])), BEGINS],
    ['C1', 'an array of five', bytes((b) => Buffer.concat([Buffer.from('d285', 'hex'), b.subarray(2), NULL])), BEGINS],
    ['C1', 'an array of three', bytes((b) => Buffer.concat([Buffer.from('d283', 'hex'), b.subarray(2)])), BEGINS],
    [
      'C1',
      'an array whose length takes two bytes',
      bytes((b) => Buffer.concat([Buffer.from('d29804', 'hex'), b.subarray(2)])),
      BEGINS,
    ],
    [
      'C1',
      'an array of indefinite length',
      bytes((b) => Buffer.concat([Buffer.from('d29f', 'hex'), b.subarray(2), Buffer.from('ff', 'hex')])),
      BEGINS,
    ],
    ['C1', 'an empty envelope', bytes(() => Buffer.alloc(0)), BEGINS],
    ['C1', 'an envelope in a byte string', bytes((b) => encodeCbor(b)), BEGINS],
    ['C1', 'a JWS envelope', bytes(() => Buffer.from('{"payload":"e30"}')), BEGINS],
    [
      'C1',
      'a byte after the end',
      bytes((b) => Buffer.concat([b, Buffer.from([0])])),
      STRICT('the envelope', 'too many terminals'),
    ],
    [
      'C1',
      'a second envelope after the end',
      bytes((b) => Buffer.concat([b, b])),
      STRICT('the envelope', 'too many terminals'),
    ],
    ['C1', 'the last byte cut off', bytes((b) => b.subarray(0, -1)), STRICT('the envelope', 'not enough data')],
    ['C1', 'nothing but the beginning', bytes((b) => b.subarray(0, 2)), /the envelope ends too early/],
    // C1: members
    [
      'C1',
      'a detached payload',
      member(PAYLOAD, () => NULL),
      /payload: expected a byte string, not a detached payload/,
    ],
    [
      'C1',
      'a payload that is text',
      member(PAYLOAD, (item) => encodeCbor(content(item).toString())),
      /payload: expected a byte string/,
    ],
    [
      'C1',
      'a payload that is undefined',
      member(PAYLOAD, () => Buffer.from([0xf7])),
      STRICT('the envelope', 'undefined values'),
    ],
    ['C1', 'a payload in chunks', member(PAYLOAD, chunked), STRICT('the envelope', 'indefinite length')],
    ['C1', 'a payload whose length is not minimal', member(PAYLOAD, wide), STRICT('the envelope', SHORTEST)],
    [
      'C1',
      'a payload under a tag',
      member(PAYLOAD, (item) => Buffer.concat([head(6, 24), item])),
      /the envelope has the tag 24, where none may be/,
    ],
    [
      'C1',
      'a payload that is a float',
      member(PAYLOAD, () => Buffer.from('f93c00', 'hex')),
      /the envelope has a floating-point number/,
    ],
    [
      'C1',
      'a payload that is a simple value',
      member(PAYLOAD, () => Buffer.from('f820', 'hex')),
      STRICT('the envelope', 'simple values'),
    ],
    [
      'C1',
      'a payload of four gigabytes, it says',
      member(PAYLOAD, () => Buffer.from('5affffffff00', 'hex')),
      STRICT('the envelope', 'not enough data'),
    ],
    [
      'C1',
      'a reserved length',
      member(PAYLOAD, (item) => Buffer.concat([Buffer.from([0x5c]), content(item)])),
      STRICT('the envelope', 'encountered invalid minor'),
    ],
    [
      'C1',
      'a signature that is nil',
      member(SIGNATURE, () => NULL),
      /signature: expected a byte string that is not empty/,
    ],
    [
      'C1',
      'a signature that is text',
      member(SIGNATURE, () => encodeCbor('signature')),
      /signature: expected a byte string that is not empty/,
    ],
    ['C1', 'a signature whose length is not minimal', member(SIGNATURE, wide), STRICT('the envelope', SHORTEST)],
    ['C1', 'a signature in chunks', member(SIGNATURE, chunked), STRICT('the envelope', 'indefinite length')],
    [
      'C2',
      'a protected header that is a map, not a byte string',
      member(PROTECTED, () => encodeCbor(new Map([[1, -7]]))),
      /protected header: expected a byte string/,
    ],
    ['C2', 'a protected header that is nil', member(PROTECTED, () => NULL), /protected header: expected a byte string/],
    ['C1', 'a protected header whose length is not minimal', member(PROTECTED, wide), STRICT('the envelope', SHORTEST)],
    ['C1', 'a protected header in chunks', member(PROTECTED, chunked), STRICT('the envelope', 'indefinite length')],
    [
      'C3',
      'an unprotected header that is a list',
      member(UNPROTECTED, () => encodeCbor([])),
      /unprotected header: expected a map/,
    ],
    ['C3', 'an unprotected header that is nil', member(UNPROTECTED, () => NULL), /unprotected header: expected a map/],
    [
      'C3',
      'an unprotected header in a byte string',
      member(UNPROTECTED, (item) => encodeCbor(item)),
      /unprotected header: expected a map/,
    ],
    [
      'C1',
      'an unprotected header of indefinite length',
      member(UNPROTECTED, (item) => Buffer.concat([Buffer.from([0xbf]), item.subarray(1), Buffer.from([0xff])])),
      STRICT('the envelope', 'indefinite length'),
    ],
    [
      'C1',
      'a label twice in the unprotected header',
      member(UNPROTECTED, withEntries(1, 33, [])),
      STRICT('the envelope', 'found repeat map key'),
    ],
    [
      'C1',
      'a label that is not minimal in the unprotected header',
      member(UNPROTECTED, replaced(Buffer.from('1821', 'hex'), Buffer.from('190021', 'hex'))),
      STRICT('the envelope', SHORTEST),
    ],
    [
      'C1',
      'a float in an unprotected header that nobody reads',
      unprotected(set('x', new Raw('fb3ff199999999999a'))),
      /the envelope has a floating-point number/,
    ],
    [
      'C1',
      'a tag in an unprotected header that nobody reads',
      unprotected(set('x', tagged(1, 0))),
      /the envelope has the tag 1, where none may be/,
    ],
    [
      'C1',
      'nesting without end in an unprotected header that nobody reads',
      unprotected(set('x', nested(60))),
      /the envelope is nested deeper/,
    ],
    [
      'C1',
      'ten thousand items in an unprotected header that nobody reads',
      unprotected(
        set(
          'x',
          Array.from({ length: 10_000 }, () => 0),
        ),
      ),
      /the envelope has more than 10000 items/,
    ],
    [
      'C1',
      'a label that is a byte string in the unprotected header',
      unprotected(set(Buffer.from('x'), 1)),
      /the envelope has a label of the type bytes/,
    ],
    // C1: the protected header
    [
      'C1',
      'bytes after the protected header',
      signed((b) => Buffer.concat([b, Buffer.from([0xa0])])),
      STRICT('the protected header', 'too many terminals'),
    ],
    [
      'C1',
      'the end of the protected header cut off',
      signed((b) => b.subarray(0, -1)),
      STRICT('the protected header', 'not enough data'),
    ],
    [
      'C1',
      'a protected header of indefinite length',
      signed((b) => Buffer.concat([Buffer.from([0xbf]), b.subarray(1), Buffer.from([0xff])])),
      STRICT('the protected header', 'indefinite length'),
    ],
    [
      'C1',
      'a protected header whose count is not minimal',
      signed((b) => Buffer.concat([Buffer.from([0xb8, b.readUInt8(0) & 0x1f]), b.subarray(1)])),
      STRICT('the protected header', SHORTEST),
    ],
    [
      'C1',
      'the label of alg not minimal',
      signed(replaced(Buffer.from('0126', 'hex'), Buffer.from('180126', 'hex'))),
      STRICT('the protected header', SHORTEST),
    ],
    [
      'C1',
      'alg not minimal',
      signed(replaced(Buffer.from('0126', 'hex'), Buffer.from('013806', 'hex'))),
      STRICT('the protected header', SHORTEST),
    ],
    [
      'C1',
      'a label of text not minimal',
      signed(
        replaced(encodeCbor(SIGNING_TIME), Buffer.concat([head(3, SIGNING_TIME.length, 2), Buffer.from(SIGNING_TIME)])),
      ),
      STRICT('the protected header', SHORTEST),
    ],
    [
      'C1',
      'a label of text in chunks',
      signed(
        replaced(
          encodeCbor(SIGNING_TIME),
          Buffer.concat([Buffer.from([0x7f]), encodeCbor(SIGNING_TIME), Buffer.from([0xff])]),
        ),
      ),
      STRICT('the protected header', 'indefinite length'),
    ],
    [
      'C1',
      'crit of indefinite length',
      signed(replaced(Buffer.from('0281', 'hex'), Buffer.from('029f', 'hex'))),
      STRICT('the protected header', 'indefinite length'),
    ],
    ['C1', 'alg twice', signed(withEntries(1, 1, -7)), STRICT('the protected header', 'found repeat map key "1"')],
    [
      'C1',
      'alg twice, once not minimal',
      signed(withEntries(1, new Raw('1801'), -7)),
      STRICT('the protected header', SHORTEST),
    ],
    [
      'C1',
      'the scheme twice',
      signed(withEntries(1, `${N}.signingScheme`, 'notary.x509.signingAuthority')),
      STRICT('the protected header', 'found repeat map key "io'),
    ],
    [
      'C1',
      'a label twice in an attribute nobody knows',
      labels(set('x', new Raw('a2616100616101'))),
      STRICT('the protected header', 'found repeat map key "a"'),
    ],
    [
      'C1',
      'a label that is a byte string',
      signed(withEntries(1, Buffer.from('alg'), 1)),
      /protected header has a label of the type bytes/,
    ],
    ['C1', 'a label that is a list', signed(withEntries(1, [1], 1)), /protected header has a label of the type array/],
    [
      'C1',
      'a label that is a map',
      signed(withEntries(1, new Map(), 1)),
      /protected header has a label of the type map/,
    ],
    ['C1', 'a label that is true', signed(withEntries(1, true, 1)), /protected header has a label of the type true/],
    ['C1', 'a label that is nil', signed(withEntries(1, null, 1)), /protected header has a label of the type null/],
    [
      'C1',
      'a label that is a float equal to alg’s',
      signed(withEntries(1, new Raw('f93c00'), -7)),
      /protected header has a floating-point number/,
    ],
    [
      'C1',
      'a label under a tag',
      signed(withEntries(1, tagged(1, 1), 1)),
      /protected header has a label of the type tag|has the tag 1/,
    ],
    [
      'C1',
      'a label beyond what is exact',
      signed(withEntries(1, new Raw('1b0020000000000000'), 1)),
      STRICT('the protected header', 'integers outside of the safe integer range'),
    ],
    [
      'C1',
      'a label of text that is not UTF-8',
      signed(withEntries(1, new Raw('62c328'), 1)),
      /protected header has text that is not valid UTF-8/,
    ],
    [
      'C1',
      'a value of text that is not UTF-8',
      labels(set('x', new Raw('61ff'))),
      /protected header has text that is not valid UTF-8/,
    ],
    [
      'C1',
      'half a surrogate pair',
      labels(set('x', new Raw('63eda080'))),
      /protected header has text that is not valid UTF-8/,
    ],
    [
      'C1',
      'a float in an attribute nobody knows',
      labels(set('x', new Raw('fa47c35000'))),
      /protected header has a floating-point number/,
    ],
    [
      'C1',
      'infinity in an attribute nobody knows',
      labels(set('x', new Raw('f97c00'))),
      /protected header has a floating-point number/,
    ],
    [
      'C1',
      'undefined in an attribute nobody knows',
      labels(set('x', new Raw('f7'))),
      STRICT('the protected header', 'undefined values'),
    ],
    [
      'C1',
      'a big number in an attribute nobody knows',
      labels(set('x', tagged(2, Buffer.alloc(9, 1)))),
      /protected header has the tag 2/,
    ],
    [
      'C1',
      'a break in an attribute nobody knows',
      labels(set('x', new Raw('ff'))),
      STRICT('the protected header', 'indefinite length'),
    ],
    [
      'C1',
      'nesting without end in an attribute nobody knows',
      labels(set('x', nested(60))),
      /protected header is nested deeper/,
    ],
    [
      'C1',
      'four thousand million items, it says',
      labels(set('x', new Raw('9affffffff'))),
      /protected header ends too early/,
    ],
    [
      'C1',
      'a map of four thousand million labels, it says',
      labels(set('x', new Raw('baffffffff'))),
      /protected header ends too early/,
    ],
    [
      'C1',
      'a label less than the map says',
      signed((b) => Buffer.concat([Buffer.from([b.readUInt8(0) + 1]), b.subarray(1)])),
      /not enough entries|ends too early/,
    ],
    // C2
    ['C2', 'a protected header of no bytes', signed(() => Buffer.alloc(0)), /alg \(label 1\) is missing/],
    ['C2', 'a protected header that is an empty map', signed(() => Buffer.from([0xa0])), /alg \(label 1\) is missing/],
    ['C2', 'a protected header that is a list', signed(() => encodeCbor([1, -7])), /protected header: expected a map/],
    [
      'C2',
      'a protected header in a byte string once more',
      signed((b) => encodeCbor(b)),
      /protected header: expected a map/,
    ],
    ['C2', 'alg as text', alg('ES256'), /alg \(label 1\): expected an integer/],
    ['C2', 'alg as nil', alg(null), /alg \(label 1\): expected an integer/],
    [
      'C2',
      'alg under a label of text',
      labels((h) => new Map([...h].map(([label, value]) => [label === 1 ? 'alg' : label, value]))),
      /alg \(label 1\) is missing/,
    ],
    [
      'C2',
      'the content type under a label of text',
      labels((h) => new Map([...h].map(([label, value]) => [label === 3 ? 'cty' : label, value]))),
      /content type: expected/,
    ],
    ['C2', 'the content type as a number of CoAP', labels(set(3, 50)), /content type: expected/],
    ['B5', 'alg 0, which is reserved', alg(0), /says algorithm "0"/, FAILS],
    ['B5', 'alg HS256', alg(5), /says algorithm "5"/, FAILS],
    ['B5', 'alg EdDSA', alg(-8), /says algorithm "-8"/, FAILS],
    ['B5', 'alg ESP256', alg(-9), /says algorithm "-9"/, FAILS],
    ['B5', 'alg RS256', alg(-257), /says algorithm "-257"/, FAILS],
    ['B5', 'alg ES256K', alg(-47), /says algorithm "-47"/, FAILS],
    ['B5', 'alg 7, which is not -7', alg(7), /says algorithm "7"/, FAILS],
    // C2: times
    ['C2', 'a time as text', time('2026-06-15T11:00:00Z'), /signingTime: expected an integer of seconds under tag 1/],
    ['C2', 'a time under tag 0', time(tagged(0, '2026-06-15T11:00:00Z')), /protected header has the tag 0/],
    ['C2', 'a time without its tag', time(SECONDS), /signingTime: expected an integer of seconds under tag 1/],
    [
      'C2',
      'a time that is a float',
      time(tagged(1, new Raw('fb41da8bbd5c000000'))),
      /protected header has a floating-point number/,
    ],
    ['C2', 'text under tag 1', time(tagged(1, '0')), /has a time of the type string: expected an integer under tag 1/],
    ['C2', 'a list under tag 1', time(tagged(1, [SECONDS])), /has a time of the type array/],
    ['C2', 'tag 1 twice', time(tagged(1, tagged(1, SECONDS))), /has a time of the type tag/],
    ['C2', 'a big number under tag 1', time(tagged(1, tagged(2, Buffer.from([1])))), /has a time of the type tag/],
    [
      'C2',
      'tag 1 in two bytes',
      time(new Raw(Buffer.concat([Buffer.from('d801', 'hex'), encodeCbor(SECONDS)]))),
      STRICT('the protected header', SHORTEST),
    ],
    [
      'C2',
      'a time not minimal',
      time(new Raw(Buffer.concat([Buffer.from('c1', 'hex'), head(0, SECONDS, 8)]))),
      STRICT('the protected header', SHORTEST),
    ],
    ['C2', 'a time after the year 9999', time(tagged(1, 253_402_300_800)), /a time of 253402300800 seconds/],
    ['C2', 'a time in milliseconds', time(tagged(1, NOW.getTime())), /a time of 1781524800000 seconds/],
    ['C2', 'a time before the year 0', time(tagged(1, -62_167_219_201)), /a time of -62167219201 seconds/],
    ['C2', 'a time beyond every date', time(tagged(1, Number.MAX_SAFE_INTEGER)), /a time of 9007199254740991 seconds/],
    ['C2', 'an extended time', time(tagged(1001, new Map([[1, SECONDS]]))), /protected header has the tag 1001/],
    ['C2', 'a time inside a list', time([tagged(1, SECONDS)]), /protected header has the tag 1, where none may be/],
    [
      'C2',
      'a time with nothing under its tag',
      signed((b) => Buffer.concat([withEntries(1)(b), encodeCbor('x'), Buffer.from([0xc1])])),
      /protected header ends too early/,
    ],
    [
      'C2',
      'an expiry without its tag',
      labels(set(`${N}.expiry`, SECONDS + 86_400)),
      /expiry: expected an integer of seconds under tag 1/,
      FULL,
    ],
    [
      'C2',
      'an authentic signing time as text',
      labels(set(`${N}.authenticSigningTime`, '2026-06-15T11:00:00Z')),
      /authenticSigningTime: expected an integer of seconds/,
      { kind: 'authority' },
    ],
    // C2: names that look like others
    [
      'C2',
      'the scheme behind a byte order mark',
      labels(
        (h) =>
          new Map([...h].map(([label, value]) => [label === `${N}.signingScheme` ? `\ufeff${label}` : label, value])),
      ),
      /crit lists "io\.cncf\.notary\.signingScheme", which is not/,
    ],
    // C4
    [
      'C4',
      'an unknown critical label',
      labels((h) => critical(99)(set(99, 1)(h))),
      /the critical label 99 is not understood/,
    ],
    [
      'C4',
      'an unknown critical label below zero',
      labels((h) => critical(-70_000)(set(-70_000, 1)(h))),
      /the critical label -70000 is not understood/,
    ],
    [
      'C4',
      'a critical key identifier',
      labels((h) => critical(4)(set(4, Buffer.from('k'))(h))),
      /the critical label 4 is not understood/,
    ],
    [
      'C4',
      'a critical initialisation vector',
      labels((h) => critical(5)(set(5, Buffer.from('iv'))(h))),
      /the critical label 5 is not understood/,
    ],
    [
      'C4',
      'a critical label that stands nowhere',
      labels(critical(99)),
      /crit lists the label 99, which is not in the protected header/,
    ],
    [
      'C4',
      'the certificates critical',
      labels(critical(33)),
      /crit lists the label 33, which is not in the protected header/,
    ],
    [
      'C4',
      'the certificates critical, and protected',
      {
        ...labels((h) => critical(33)(set(33, [])(h))),
        unprotectedLabels: (h) => new Map([...h].map(([, value]) => ['x', value])),
      },
      /the critical label 33 is not understood/,
    ],
    [
      'C4',
      'an unknown critical label, of a signing authority',
      labels((h) => critical(99)(set(99, 1)(h))),
      /the critical label 99 is not understood/,
      { kind: 'authority' },
    ],
    ['C4', 'a byte string in crit', labels(critical(Buffer.from('x'))), /crit: expected names only/],
    [
      'C4',
      'a number as text in crit',
      labels((h) => critical('99')(set(99, 1)(h))),
      /crit lists "99", which is not in the protected header/,
    ],
    // C3
    [
      'C3',
      'one certificate as a bare byte string',
      unprotected((h) => set(33, (h.get(33) as readonly CborItem[])[0] ?? null)(h)),
      /x5chain \(label 33\): expected an array/,
      { kind: 'single' },
    ],
    [
      'C3',
      'the certificates under a label of text',
      unprotected((h) => new Map([...h].map(([label, value]) => [label === 33 ? 'x5chain' : label, value]))),
      /x5chain \(label 33\): expected an array/,
    ],
    [
      'C3',
      'the certificates under the label of x5bag',
      unprotected((h) => new Map([...h].map(([label, value]) => [label === 33 ? 32 : label, value]))),
      /x5chain \(label 33\): expected an array/,
    ],
    [
      'C3',
      'the certificates as base64',
      unprotected((h) =>
        set(
          33,
          (h.get(33) as readonly Buffer[]).map((der) => der.toString('base64')),
        )(h),
      ),
      /x5chain \(label 33\)\[0\]: expected a byte string/,
    ],
    ['C3', 'the certificates in both headers', { ...labels(set(33, [])) }, /the label "33" stands in both headers/],
    [
      'C3',
      'a timestamp as base64',
      unprotected(set(`${N}.timestampSignature`, 'YSB0b2tlbg==')),
      /timestampSignature: expected a byte string/,
      FULL,
    ],
    // C5: what is signed
    [
      'C5',
      'another payload under the same signature',
      member(PAYLOAD, replaced(Buffer.from('16724'), Buffer.from('16725'))),
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'C5',
      'an expiry put off under the same signature',
      member(
        PROTECTED,
        replaced(
          encodeCbor(tagged(1, Date.UTC(2027, 5, 15, 12) / 1000)),
          encodeCbor(tagged(1, Date.UTC(2037, 5, 15, 12) / 1000)),
        ),
      ),
      DOES_NOT_VERIFY,
      { ...FAILS, ...FULL },
    ],
    [
      'C5',
      'an authentic signing time moved under the same signature',
      member(PROTECTED, replaced(encodeCbor(tagged(1, SECONDS)), encodeCbor(tagged(1, SECONDS - 60)))),
      DOES_NOT_VERIFY,
      { ...FAILS, kind: 'authority' },
    ],
    [
      'C5',
      'a protected header of the same meaning in another order',
      member(PROTECTED, (item) => {
        const map = content(item);
        return encodeCbor(Buffer.concat([map.subarray(0, 1), map.subarray(3), map.subarray(1, 3)]));
      }),
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'C5',
      'signed as one signer of many',
      { toBeSigned: replaced(encodeCbor('Signature1'), encodeCbor('Signature')) },
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'C5',
      'signed as a counter-signature',
      { toBeSigned: replaced(encodeCbor('Signature1'), encodeCbor('CounterSignature')) },
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'C5',
      'signed with external data',
      {
        toBeSigned: (b) => {
          const at = b.indexOf(Buffer.from('4058', 'hex'));
          return Buffer.concat([b.subarray(0, at), Buffer.from('4101', 'hex'), b.subarray(at + 1)]);
        },
      },
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'C5',
      'the payload alone signed',
      { toBeSigned: (b) => b.subarray(b.indexOf(Buffer.from('{"target'))) },
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'C5',
      'signed without the protected header',
      {
        toBeSigned: (b) =>
          Buffer.concat([b.subarray(0, 12), Buffer.from([0x40]), b.subarray(b.indexOf(Buffer.from('4058', 'hex')))]),
      },
      DOES_NOT_VERIFY,
      FAILS,
    ],
  ],
  { formats: ['COSE'] },
);
