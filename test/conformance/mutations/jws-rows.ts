import { X509Certificate } from 'node:crypto';
import type { Hooks } from './forge.ts';
import { N } from './kinds.ts';
import { FAILS, type Mutation, mutationsOf, type Options, swap } from './mutation.ts';

const text = (change: (json: string) => string): Hooks => ({ text: change });
const signed = (change: (json: string) => string): Hooks => ({ protectedText: change });
const unsigned = (change: (json: string) => string): Hooks => ({ unprotectedText: change });
/** Changes the value of a member of the envelope. */
const member = (name: string, change: (value: string) => string): Hooks =>
  text((json) => {
    const value = new RegExp(`"${name}":"([^"]*)"`).exec(json)?.[1];
    if (value === undefined) throw new Error(`no ${name}`);
    return json.replace(`"${name}":"${value}"`, () => `"${name}":"${change(value)}"`);
  });
/** Changes what a member decodes to. */
const decoded = (name: string, change: (value: string) => string): Hooks =>
  member(name, (value) => Buffer.from(change(Buffer.from(value, 'base64url').toString())).toString('base64url'));

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The same bytes by another text: 64 and 96 bytes, and these headers, leave bits to spare in the last character. */
const strayBits = (value: string): string => {
  const last = ALPHABET[ALPHABET.indexOf(value.at(-1) ?? '') + 1] ?? '';
  const changed = `${value.slice(0, -1)}${last}`;
  if (!Buffer.from(changed, 'base64url').equals(Buffer.from(value, 'base64url'))) throw new Error('no bits to spare');
  return changed;
};
const pem = (der: Buffer): Buffer => Buffer.from(new X509Certificate(der).toString());
const time = (written: string): Hooks => signed(swap(/"2026-06-15T11:00:00Z"/, JSON.stringify(written)));
const NOT_RFC3339 = /signingTime: expected an RFC 3339 time/;
const AUTHORITY: Options = { kind: 'authority' };
const DOES_NOT_VERIFY = /signature does not verify with the key of the leaf/;

/** JSON and base64 of a JWS envelope. */
export const JWS_MUTATIONS: readonly Mutation[] = mutationsOf(
  [
    // B1: the envelope
    ['B1', 'another member', text(swap('{', '{"extra":1,')), /signature only; found "extra"/],
    [
      'B1',
      'the general serialisation beside the flattened one',
      text(swap('{', '{"signatures":[],')),
      /signature only; found "signatures"/,
    ],
    [
      'B1',
      'the general serialisation',
      text((json) => `{"payload":"e30","signatures":[${json}]}`),
      /signature only; found "signatures"/,
    ],
    [
      'B1',
      'the compact serialisation',
      text((json) => {
        const m = JSON.parse(json) as Record<string, string>;
        return `${m['protected']}.${m['payload']}.${m['signature']}`;
      }),
      /envelope is not JSON/,
    ],
    ['B1', 'the signature twice', text(swap('{', '{"signature":"AA",')), /envelope has the key "signature" twice/],
    ['B1', 'the payload twice', text(swap('{', '{"payload":"AA",')), /envelope has the key "payload" twice/],
    [
      'B1',
      'the protected header twice',
      text(swap('{', '{"protected":"AA",')),
      /envelope has the key "protected" twice/,
    ],
    ['B1', 'the unprotected header twice', text(swap('{', '{"header":{},')), /envelope has the key "header" twice/],
    [
      'B1',
      'the payload twice, once by an escape',
      text(swap('{', '{"\\u0070ayload":"AA",')),
      /envelope has the key "payload" twice/,
    ],
    ['B1', 'the payload in other case', text(swap('"payload"', '"Payload"')), /signature only; found "Payload"/],
    ['B1', 'the payload in other case too', text(swap('{', '{"PAYLOAD":"AA",')), /signature only; found "PAYLOAD"/],
    [
      'B1',
      'the signature in other case',
      text(swap('"signature"', '"Signature"')),
      /signature only; found "Signature"/,
    ],
    ['B1', 'no payload', text(swap(/"payload":"[^"]*",/, '')), /payload: expected a string/],
    ['B1', 'no protected header', text(swap(/"protected":"[^"]*",/, '')), /protected: expected a string/],
    ['B1', 'no signature', text(swap(/,"signature":"[^"]*"/, '')), /signature: expected a string/],
    ['B1', 'no unprotected header', text(swap(/"header":\{[^}]*\},/, '')), /header: expected an object with x5c/],
    [
      'B1',
      'an unprotected header that is a list',
      text(swap(/"header":\{([^}]*)\},/, '"header":[],')),
      /header: expected an object with x5c/,
    ],
    ['B1', 'an empty payload', member('payload', () => ''), /payload: expected a string/],
    ['B1', 'a payload that is null', text(swap(/"payload":"[^"]*"/, '"payload":null')), /payload: expected a string/],
    [
      'B1',
      'a payload that is an object',
      text(swap(/"payload":"[^"]*"/, '"payload":{}')),
      /payload: expected a string/,
    ],
    [
      'B1',
      'a signature that is a list',
      text(swap(/"signature":("[^"]*")/, '"signature":[]')),
      /signature: expected a string/,
    ],
    ['B1', 'the envelope in a list', text((json) => `[${json}]`), /expected a JSON object/],
    ['B1', 'the envelope as text', text((json) => JSON.stringify(json)), /expected a JSON object/],
    ['B1', 'an empty envelope', text(() => ''), /envelope is not JSON/],
    [
      'B1',
      'a second envelope after the envelope',
      text((json) => `${json}${json}`),
      /envelope has bytes after its end/,
    ],
    ['B1', 'a null byte after the envelope', text((json) => `${json}\0`), /envelope has bytes after its end/],
    ['B1', 'a byte order mark', text((json) => `\ufeff${json}`), /envelope is not JSON/],
    ['B1', 'a space that is none of JSON’s', text((json) => `\u00a0${json}`), /envelope is not JSON/],
    ['B1', 'a comma at the end', text((json) => json.replace(/}$/, ',}')), /envelope is not JSON: expected a key/],
    ['B1', 'a comment', text((json) => `${json}//`), /envelope has bytes after its end/],
    ['B1', 'single quotes', text((json) => json.replaceAll('"', "'")), /envelope is not JSON/],
    ['B1', 'the end cut off', text((json) => json.slice(0, -1)), /envelope is not JSON: expected a comma or the end/],
    [
      'B1',
      'nesting without end',
      text(swap('"header":{', `"header":{"x":${'['.repeat(60)}${']'.repeat(60)},`)),
      /envelope is nested deeper/,
    ],
    [
      'B1',
      'a hundred thousand values',
      text(swap('"header":{', `"header":{"x":[${'0,'.repeat(100_000)}0],`)),
      /envelope has more than 100000 values/,
    ],
    ['B1', 'an escape that JSON has not', text(swap('"header":{', '"header":{"\\x41":1,')), /unknown escape/],
    [
      'B1',
      'half a surrogate pair',
      text(swap('"header":{', '"header":{"\\udc00":1,')),
      /envelope has a lone surrogate/,
    ],
    ['B1', 'the chain twice', unsigned(swap('{', '{"x5c":[],')), /envelope has the key "x5c" twice/],
    [
      'B1',
      'a key twice deep in the unprotected header',
      unsigned(swap('{', '{"a":[{"b":1,"b":2}],')),
      /envelope has the key "b" twice/,
    ],
    [
      'B1',
      'the chain in other case too',
      unsigned(swap('{', '{"X5C":[],')),
      /"X5C", which differs from x5c only in case/,
    ],
    [
      'B1',
      'the timestamp in other case',
      unsigned(swap('timestampSignature', 'TimestampSignature')),
      /differs from .*timestampSignature only in case/,
      { kind: 'full' },
    ],
    [
      'B1',
      'the timestamp with a long s, which is an s to parsers that fold case by Unicode',
      unsigned(swap('timestampSignature', 'time\u017ftampSignature')),
      /differs from .*timestampSignature only in case/,
      { kind: 'full' },
    ],
    // B1, B2: the protected header's JSON
    ['B1', 'alg twice', signed(swap('{', '{"alg":"none",')), /protected header has the key "alg" twice/],
    [
      'B1',
      'alg twice, once by an escape',
      signed(swap('{', '{"\\u0061lg":"none",')),
      /protected header has the key "alg" twice/,
    ],
    ['B1', 'alg in other case too', signed(swap('{', '{"Alg":"none",')), /"Alg", which differs from alg only in case/],
    ['B1', 'crit in other case', signed(swap('"crit"', '"Crit"')), /"Crit", which differs from crit only in case/],
    [
      'B1',
      'an expiry in other case',
      signed(swap('{', `{"${N}.Expiry":"2020-01-01T00:00:00Z",`)),
      /differs from .*expiry only in case/,
    ],
    [
      'B1',
      'the scheme twice',
      signed(swap('{', `{"${N}.signingScheme":"notary.x509.signingAuthority",`)),
      /signingScheme" twice/,
    ],
    [
      'B1',
      'bytes after the protected header',
      signed((json) => `${json} {}`),
      /protected header has bytes after its end/,
    ],
    [
      'B1',
      'a byte order mark before the protected header',
      signed((json) => `\ufeff${json}`),
      /protected header is not JSON/,
    ],
    ['B1', 'a protected header that is no JSON', signed(() => 'alg: ES256'), /protected header is not JSON/],
    [
      'B1',
      'a number written 1.0 in the protected header',
      signed(swap('{', '{"x":1.0,')),
      /protected header writes a number as 1\.0/,
    ],
    [
      'B1',
      'a key twice in an attribute nobody knows',
      signed(swap('{', '{"x":{"y":1,"y":2},')),
      /protected header has the key "y" twice/,
    ],
    [
      'B2',
      'a protected header that is a list',
      signed((json) => `[${json}]`),
      /protected header: expected a JSON object/,
    ],
    [
      'B2',
      'a protected header that is text',
      signed((json) => JSON.stringify(json)),
      /protected header: expected a JSON object/,
    ],
    ['B2', 'an alg that is a number', signed(swap('"ES256"', '-7')), /alg is missing/],
    ['B5', 'alg none', signed(swap('"ES256"', '"none"')), /says algorithm "none"/, FAILS],
    [
      'B5',
      'alg none, without a signature worth the name',
      { ...signed(swap('"ES256"', '"none"')), signature: () => Buffer.alloc(1) },
      /says algorithm "none"/,
      FAILS,
    ],
    ['B5', 'alg HS256', signed(swap('"ES256"', '"HS256"')), /says algorithm "HS256"/, FAILS],
    ['B5', 'alg RS256', signed(swap('"ES256"', '"RS256"')), /says algorithm "RS256"/, FAILS],
    ['B5', 'alg ES256K', signed(swap('"ES256"', '"ES256K"')), /says algorithm "ES256K"/, FAILS],
    ['B5', 'alg EdDSA', signed(swap('"ES256"', '"EdDSA"')), /says algorithm "EdDSA"/, FAILS],
    ['B5', 'alg in lower case', signed(swap('"ES256"', '"es256"')), /says algorithm "es256"/, FAILS],
    ['B5', 'alg with a space', signed(swap('"ES256"', '"ES256 "')), /says algorithm "ES256 "/, FAILS],
    [
      'B5',
      'alg named like a member of every object',
      signed(swap('"ES256"', '"constructor"')),
      /says algorithm "constructor"/,
      FAILS,
    ],
    ['B5', 'an empty alg', signed(swap('"ES256"', '""')), /says algorithm ""/, FAILS],
    ['B5', 'the number that COSE has for ES256', signed(swap('"ES256"', '"-7"')), /says algorithm "-7"/, FAILS],
    // B2: times
    ['B2', 'a time with a space', time('2026-06-15 11:00:00Z'), NOT_RFC3339],
    ['B2', 'a time in lower case', time('2026-06-15t11:00:00z'), NOT_RFC3339],
    ['B2', 'a time without its zone', time('2026-06-15T11:00:00'), NOT_RFC3339],
    ['B2', 'a zone of 24 hours', time('2026-06-15T11:00:00+24:00'), NOT_RFC3339],
    ['B2', 'a day that does not exist', time('2026-02-30T11:00:00Z'), NOT_RFC3339],
    ['B2', 'a month that does not exist', time('2026-13-15T11:00:00Z'), NOT_RFC3339],
    ['B2', 'hour 24', time('2026-06-15T24:00:00Z'), NOT_RFC3339],
    ['B2', 'a leap second', time('2026-06-15T11:59:60Z'), NOT_RFC3339],
    ['B2', 'a year of five digits', time('12026-06-15T11:00:00Z'), NOT_RFC3339],
    ['B2', 'a date alone', time('2026-06-15'), NOT_RFC3339],
    ['B2', 'a time of HTTP', time('Mon, 15 Jun 2026 11:00:00 GMT'), NOT_RFC3339],
    ['B2', 'a time with a line feed', time('2026-06-15T11:00:00Z\n'), NOT_RFC3339],
    ['B2', 'an empty time', time(''), NOT_RFC3339],
    [
      'B2',
      'an authentic signing time with a space',
      time('2026-06-15 11:00:00Z'),
      /authenticSigningTime: expected an RFC 3339 time/,
      AUTHORITY,
    ],
    // B7: base64url
    [
      'B7',
      'a payload with padding',
      member('payload', (value) => `${value}=`),
      /payload: expected base64url without padding/,
    ],
    [
      'B7',
      'a signature with padding',
      member('signature', (value) => `${value}==`),
      /signature: expected base64url without padding/,
    ],
    [
      'B7',
      'a protected header with padding',
      member('protected', (value) => `${value}=`),
      /protected: expected base64url without padding/,
    ],
    [
      'B7',
      'a payload with a line feed',
      member('payload', (value) => `${value.slice(0, 8)}\\n${value.slice(8)}`),
      /payload: expected base64url/,
    ],
    [
      'B7',
      'a payload with a space at its end',
      member('payload', (value) => `${value} `),
      /payload: expected base64url/,
    ],
    [
      'B7',
      'a signature in the alphabet of standard base64',
      member('signature', (value) => `${value.slice(0, -1).replaceAll('-', '+').replaceAll('_', '/')}+`),
      /signature: expected base64url/,
    ],
    [
      'B7',
      'a character that base64 has not',
      member('protected', (value) => `${value}!`),
      /protected: expected base64url/,
    ],
    ['B7', 'stray bits in the signature', member('signature', strayBits), /signature: expected base64url/],
    [
      'B7',
      'a single character too much',
      member('payload', (value) => `${value}A`),
      /payload: expected base64url|payload is not|payload has bytes/,
    ],
    [
      'B7',
      'a letter written by an escape and a letter more',
      member('payload', (value) => `\\u0041${value}`),
      /payload/,
    ],
    [
      'B7',
      'another payload under the same signature',
      decoded('payload', swap('16724', '16725')),
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'B7',
      'a space more in the payload under the same signature',
      decoded('payload', (json) => `${json} `),
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'B7',
      'a payload of the same meaning in another order',
      decoded('payload', (json) => {
        const { targetArtifact: t } = JSON.parse(json) as { targetArtifact: Record<string, unknown> };
        return JSON.stringify({ targetArtifact: Object.fromEntries(Object.entries(t).toReversed()) });
      }),
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'B7',
      'a protected header of the same meaning in another order',
      decoded('protected', (json) =>
        JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(json) as object).toReversed())),
      ),
      DOES_NOT_VERIFY,
      FAILS,
    ],
    [
      'B7',
      'an expiry put off under the same signature',
      decoded('protected', swap('2027-', '2037-')),
      DOES_NOT_VERIFY,
      { ...FAILS, kind: 'full' },
    ],
    [
      'B7',
      'an authentic signing time moved under the same signature',
      decoded('protected', swap('T11:00:00Z', 'T10:00:00Z')),
      DOES_NOT_VERIFY,
      { ...FAILS, ...AUTHORITY },
    ],
    ['B6', 'the chain in the protected header too', signed(swap('{', '{"x5c":[],')), /"x5c" stands in both headers/],
    [
      'B6',
      'the chain in the protected header alone',
      { ...signed(swap('{', '{"x5c":[],')), ...unsigned(swap('"x5c"', '"x"')) },
      /x5c: expected at least one certificate/,
    ],
    [
      'B6',
      'a certificate as PEM in base64',
      { unprotected: (header) => new Map(header).set('x5c', (header.get('x5c') as Buffer[]).map(pem)) },
      /x5c\[0\] is not one DER certificate and nothing else/,
    ],
    // B6: standard base64
    [
      'B6',
      'a certificate in base64url',
      unsigned((json) => json.replaceAll('+', '-').replaceAll('/', '_')),
      /x5c\[\d\]: expected standard base64/,
    ],
    [
      'B6',
      'a certificate with a line feed',
      unsigned(swap('"x5c":["', '"x5c":["\\n')),
      /x5c\[0\]: expected standard base64/,
    ],
    [
      'B6',
      'a certificate as PEM',
      unsigned(swap('"x5c":["', '"x5c":["-----BEGIN CERTIFICATE-----')),
      /x5c\[0\]: expected standard base64/,
    ],
    [
      'B6',
      'a certificate with padding too much',
      unsigned(swap(/"\]/, '===="]')),
      /x5c\[2\]: expected standard base64/,
    ],
    [
      'B6',
      'a timestamp in base64url without padding',
      unsigned(swap('YSB0b2tlbg==', 'YSB0b2tlbg')),
      /timestampSignature: expected standard base64/,
      { kind: 'full' },
    ],
  ],
  { formats: ['JWS'] },
);
