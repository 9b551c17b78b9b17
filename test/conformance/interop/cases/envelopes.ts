import { forgeJws, SUBJECT } from '../../../support/forge-jws.ts';
import { accepted, type Case, CHAIN, forged, NOW, refused, stricter, unverified } from './case.ts';

const STRICT_JSON = 'parsers differ in which of two keys counts, so that one signature may mean two things';
const ONE_ENCODING = 'bytes have one encoding: others would let an envelope be changed without its signature noticing';
const PAYLOAD = JSON.stringify({ targetArtifact: SUBJECT });

function text(change: (text: string) => string) {
  return forged({ text: change });
}

function members(change: (envelope: Record<string, unknown>) => Record<string, unknown>) {
  return text((json) => JSON.stringify(change(JSON.parse(json) as Record<string, unknown>)));
}

/** The last character of the encoding of 64 bytes holds 4 bits that mean nothing. */
function withLooseBits(encoded: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(encoded.at(-1) ?? 'A');
  return `${encoded.slice(0, -1)}${alphabet[last + 1] ?? 'B'}`;
}

/** The JSON around the signed parts (notary.md B1, B6, B7). */
export const ENVELOPES: readonly Case[] = [
  { name: 'a plain envelope', rule: 'B1', ask: {}, expected: accepted() },
  {
    name: 'white space between the members',
    rule: 'B1',
    ask: text((json) => JSON.stringify(JSON.parse(json), null, 2)),
    expected: accepted(),
  },
  {
    name: 'members in another order',
    rule: 'B1',
    ask: members(({ payload, ...rest }) => ({ ...rest, payload })),
    expected: accepted(),
  },
  { name: 'no JSON', rule: 'B1', ask: text(() => 'payload'), expected: refused('integrity') },
  { name: 'nothing at all', rule: 'B1', ask: text(() => ''), expected: refused('integrity') },
  { name: 'an array', rule: 'B1', ask: text((json) => `[${json}]`), expected: refused('integrity') },
  { name: 'JSON cut off', rule: 'B1', ask: text((json) => json.slice(0, -1)), expected: refused('integrity') },
  { name: 'bytes after the end', rule: 'B1', ask: text((json) => `${json}{}`), expected: refused('integrity') },
  { name: 'a byte order mark', rule: 'B1', ask: text((json) => `\uFEFF${json}`), expected: refused('integrity') },
  ...['payload', 'protected', 'signature', 'header'].map(
    (name): Case => ({
      name: `no ${name}`,
      rule: name === 'header' ? 'B6' : 'B1',
      ask: members(({ [name]: _, ...rest }) => rest),
      expected: refused('integrity'),
    }),
  ),
  {
    name: 'a payload that is a number',
    rule: 'B1',
    ask: members((all) => ({ ...all, payload: 1 })),
    expected: refused('integrity'),
  },
  {
    name: 'the general serialisation, with a list of signatures',
    rule: 'B1',
    ask: members(({ payload, ...rest }) => ({ payload, signatures: [rest] })),
    expected: refused('integrity'),
  },
  {
    name: 'the compact serialisation',
    rule: 'B1',
    ask: text((json) => {
      const { payload, protected: header, signature } = JSON.parse(json) as Record<string, string>;
      return `${header}.${payload}.${signature}`;
    }),
    expected: refused('integrity'),
  },
  {
    name: 'the payload twice',
    rule: 'B1',
    ask: text((json) => json.replace('{', '{"payload":"e30",')),
    expected: stricter('integrity', STRICT_JSON),
  },
  {
    name: 'another member at the top',
    rule: 'B1',
    ask: members((all) => ({ ...all, extra: 1 })),
    expected: stricter('integrity', 'what nobody signed and nobody reads has no place in an envelope'),
  },
  {
    name: 'a member in other case',
    rule: 'B1',
    ask: text((json) => json.replace('"payload"', '"Payload"')),
    expected: stricter('integrity', STRICT_JSON),
  },
  {
    name: 'the payload a second time in other case',
    rule: 'B1',
    ask: text((json) => json.replace('{', '{"PAYLOAD":"e30",')),
    expected: stricter('integrity', STRICT_JSON),
  },
  {
    name: 'a key twice in the protected header',
    rule: 'B1',
    ask: forged({ protected: (header) => JSON.stringify(header).replace('{', '{"alg":"none",') }),
    expected: stricter('integrity', STRICT_JSON),
  },
  {
    name: 'alg in capitals in the protected header',
    rule: 'B1',
    ask: forged({ protected: ({ alg, ...rest }) => ({ ...rest, ALG: alg, alg }) }),
    expected: stricter('integrity', STRICT_JSON),
  },
  {
    name: 'a key twice in the payload',
    rule: 'B1',
    ask: forged({ payload: PAYLOAD.replace('"digest"', '"digest":"sha256:0","digest"') }),
    expected: stricter('integrity', STRICT_JSON),
  },
  {
    name: 'digest in capitals in the payload',
    rule: 'B1',
    ask: forged({ payload: PAYLOAD.replace('"digest"', '"DIGEST"') }),
    expected: stricter('integrity', STRICT_JSON),
  },
  {
    name: 'a lone surrogate in an annotation',
    rule: 'B1',
    ask: forged({ payload: PAYLOAD.replace('}}', ',"annotations":{"a":"\\ud800"}}}') }),
    expected: stricter('integrity', 'text that is no Unicode is read as other text by other parsers'),
  },
  {
    name: 'an attribute with a number that loses digits',
    rule: 'B1',
    ask: forged({ protected: (header) => JSON.stringify(header).replace('{', '{"n":12345678901234567890,') }),
    expected: stricter('integrity', 'a number that parsers round is read as another by other parsers'),
  },
  {
    name: 'values nested forty deep',
    rule: 'B1',
    ask: forged({
      protected: (header) => JSON.stringify(header).replace('{', `{"n":${'['.repeat(40)}${']'.repeat(40)},`),
    }),
    expected: stricter('integrity', 'an envelope needs four levels; parsers are bounded'),
  },
  {
    name: 'a signature with padding',
    rule: 'B7',
    ask: members((all) => ({ ...all, signature: `${String(all['signature'])}==` })),
    expected: refused('integrity'),
  },
  {
    name: 'a payload in the alphabet of standard base64',
    rule: 'B7',
    ask: members((all) => ({ ...all, payload: `${String(all['payload']).slice(0, -1)}+` })),
    expected: refused('integrity'),
  },
  {
    name: 'an empty signature',
    rule: 'B1',
    ask: members((all) => ({ ...all, signature: '' })),
    expected: refused('integrity'),
  },
  {
    name: 'a signature whose last character has loose bits',
    rule: 'B7',
    ask: members((all) => ({ ...all, signature: withLooseBits(String(all['signature'])) })),
    expected: stricter('integrity', ONE_ENCODING),
  },
  {
    name: 'a line break in the signature',
    rule: 'B7',
    ask: members((all) => ({ ...all, signature: String(all['signature']).replace(/^(.{20})/, '$1\n') })),
    expected: stricter('integrity', ONE_ENCODING),
  },
  {
    name: 'a changed bit of the signature',
    rule: 'B7',
    ask: forged({ signature: (bytes) => Buffer.from(bytes.map((byte, i) => (i === 7 ? byte ^ 1 : byte))) }),
    expected: unverified,
  },
  {
    name: 'a signature one byte short',
    rule: 'B5',
    ask: forged({ signature: (bytes) => bytes.subarray(1) }),
    expected: unverified,
  },
  {
    name: 'a signature with a zero byte more',
    rule: 'B5',
    ask: forged({ signature: (bytes) => Buffer.concat([Buffer.alloc(1), bytes]) }),
    expected: unverified,
  },
  {
    name: 'an ECDSA signature in DER',
    rule: 'B5',
    ask: forged({ dsaEncoding: 'der' }),
    expected: unverified,
  },
  {
    name: 'another payload under the signature',
    rule: 'B7',
    ask: members((all) => ({
      ...all,
      payload: Buffer.from(PAYLOAD.replace('16724', '16725')).toString('base64url'),
    })),
    expected: unverified,
  },
  {
    name: 'the protected header with a space more under the signature',
    rule: 'B7',
    ask: members((all) => ({
      ...all,
      protected: Buffer.from(`${Buffer.from(String(all['protected']), 'base64url')} `).toString('base64url'),
    })),
    expected: unverified,
  },
  { name: 'no x5c', rule: 'B6', ask: forged({ header: () => ({}) }), expected: refused('integrity') },
  { name: 'an empty x5c', rule: 'B6', ask: forged({ header: () => ({ x5c: [] }) }), expected: refused('integrity') },
  {
    name: 'an x5c that is a string',
    rule: 'B6',
    ask: forged({ header: ({ x5c }) => ({ x5c: (x5c as string[])[0] }) }),
    expected: refused('integrity'),
  },
  {
    name: 'an x5c entry that is no certificate',
    rule: 'B6',
    ask: forged({ header: ({ x5c }) => ({ x5c: [...(x5c as string[]), 'AAAA'] }) }),
    expected: refused('integrity'),
  },
  {
    name: 'an x5c entry with a byte after the certificate',
    rule: 'B6',
    ask: forged({
      header: () => ({
        x5c: CHAIN.certificates.map(({ raw }) => Buffer.concat([raw, Buffer.alloc(1)]).toString('base64')),
      }),
    }),
    expected: refused('integrity'),
  },
  {
    name: 'an x5c entry in base64url',
    rule: 'B6',
    ask: forged({ header: () => ({ x5c: CHAIN.certificates.map(({ raw }) => `${raw.toString('base64url')}-_`) }) }),
    expected: refused('integrity'),
  },
  {
    name: 'line breaks in x5c',
    rule: 'B6',
    ask: forged({
      header: ({ x5c }) => ({ x5c: (x5c as string[]).map((each) => each.replace(/.{64}/g, '$&\n')) }),
    }),
    expected: stricter('integrity', ONE_ENCODING),
  },
  {
    name: 'an unknown unprotected attribute',
    rule: 'B6',
    ask: forged({ header: (header) => ({ ...header, 'vendor.note': { any: ['thing'] } }) }),
    expected: accepted(),
  },
  {
    name: 'x5c in capitals beside x5c',
    rule: 'B1',
    ask: forged({ header: (header) => ({ X5C: [], ...header }) }),
    expected: stricter('integrity', STRICT_JSON),
  },
  {
    name: 'a signing agent that is a number',
    rule: 'B6',
    ask: forged({ header: (header) => ({ ...header, 'io.cncf.notary.signingAgent': 7 }) }),
    expected: refused('integrity'),
  },
  {
    name: 'a timestamp that is no base64',
    rule: 'B6',
    ask: forged({ header: (header) => ({ ...header, 'io.cncf.notary.timestampSignature': '***' }) }),
    expected: refused('integrity'),
  },
  {
    name: 'an empty timestamp',
    rule: 'B6',
    ask: forged({ header: (header) => ({ ...header, 'io.cncf.notary.timestampSignature': '' }) }),
    expected: stricter('integrity', 'a timestamp that is there is one'),
  },
  {
    name: 'an attribute in both headers',
    rule: 'B6',
    ask: forged({ header: (header) => ({ ...header, alg: 'ES256' }) }),
    expected: stricter('integrity', 'RFC 7515 §4: the names of the two headers are disjoint'),
  },
  {
    name: 'an envelope named COSE',
    rule: 'C1',
    ask: { mediaType: 'application/cose' },
    expected: refused('integrity'),
  },
  {
    name: 'a media type that is no envelope',
    rule: 'G',
    ask: { mediaType: 'application/json' },
    expected: refused('integrity', 'integrity', /expected an envelope of/),
  },
  {
    name: 'an empty payload',
    rule: 'B1',
    ask: forged({ payload: '' }),
    expected: refused('integrity'),
  },
  {
    name: 'a payload that is no JSON',
    rule: 'B1',
    ask: forged({ payload: 'artifact' }),
    expected: refused('integrity'),
  },
  {
    name: 'a payload without targetArtifact',
    rule: 'B7',
    ask: forged({ payload: '{}' }),
    expected: refused('integrity', 'other'),
  },
  {
    name: 'a size that is a string',
    rule: 'B7',
    ask: forged({ payload: PAYLOAD.replace('16724', '"16724"') }),
    expected: refused('integrity', 'other'),
  },
  {
    name: 'a size with a fraction of nothing',
    rule: 'B1',
    ask: forged({ payload: PAYLOAD.replace('16724', '16724.0') }),
    expected: refused('integrity', 'other'),
  },
  {
    name: 'annotations that are no strings',
    rule: 'B7',
    ask: forged({ payload: PAYLOAD.replace('}}', ',"annotations":{"a":1}}}') }),
    expected: refused('integrity', 'other'),
  },
  {
    name: 'annotations that are null',
    rule: 'B7',
    ask: forged({ payload: PAYLOAD.replace('}}', ',"annotations":null}}') }),
    expected: stricter('integrity', 'annotations are an object, or absent'),
  },
  {
    name: 'a reserved annotation',
    rule: 'B7',
    ask: forged({ payload: PAYLOAD.replace('}}', ',"annotations":{"io.cncf.notary.x":"y"}}}') }),
    expected: stricter('integrity', 'the prefix is reserved for the specification'),
  },
  {
    name: 'further fields of the descriptor',
    rule: 'B7',
    ask: forged({ payload: PAYLOAD.replace('}}', ',"artifactType":"application/x","urls":["https://x"]}}') }),
    expected: accepted(),
  },
  {
    name: 'further fields of the payload',
    rule: 'B7',
    ask: forged({ payload: PAYLOAD.replace('{', '{"note":[1,2,3],') }),
    expected: accepted(),
  },
  {
    name: 'white space in the payload',
    rule: 'B7',
    ask: forged({ payload: JSON.stringify({ targetArtifact: SUBJECT }, null, 2) }),
    expected: accepted(),
  },
  {
    name: 'escapes in the payload',
    rule: 'B7',
    ask: forged({ payload: PAYLOAD.replace('sha256', '\\u0073ha256').replaceAll('application/', 'application\\/') }),
    expected: accepted(),
  },
  {
    name: 'invalid UTF-8 in an unprotected attribute',
    rule: 'B1',
    ask: { envelope: withInvalidUtf8() },
    expected: stricter('integrity', 'text that is no Unicode is read as other text by other parsers'),
  },
];

/** Between payload and signature, JSON's text is bytes: here one that UTF-8 does not have. */
function withInvalidUtf8(): Buffer {
  const envelope = forgeJws({
    key: CHAIN.key,
    certificates: CHAIN.certificates,
    alg: 'ES256',
    now: NOW,
    header: (header) => ({ ...header, 'vendor.note': 'XX' }),
  });
  const at = envelope.indexOf('"XX"');
  envelope[at + 1] = 0xff;
  return envelope;
}
