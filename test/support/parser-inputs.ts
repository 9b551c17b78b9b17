import fc from 'fast-check';
import { type DerValue, readChildren, readDer, TAG } from '../../src/notary/certificates/der.ts';
import {
  basicConstraintsOf,
  constrainsDirectoryNames,
  extKeyUsageOf,
  keyUsageOf,
} from '../../src/notary/certificates/extensions.ts';
import { parseCertificateDer } from '../../src/notary/certificates/pem.ts';
import {
  MEDIA_TYPE_COSE,
  MEDIA_TYPE_JWS,
  parseCertificate,
  parseCertificatesPem,
  parseDistinguishedName,
  parseEnvelope,
  parsePrivateKeyPem,
  parseTrustPolicyDocument,
} from '../../src/notary/index.ts';
import { revocationSourcesOf } from '../../src/notary/revocation/sources.ts';
import { decodeStrictCbor } from '../../src/notary/strict-cbor.ts';
import { parseStrictJson } from '../../src/notary/strict-json.ts';
import { encodeCbor, head } from './cbor.ts';
import { forgeCose } from './forge-cose.ts';
import { forgeJws, SUBJECT } from './forge-jws.ts';
import { createChain } from './pki.ts';
import { createRevocationParsers } from './revocation-parser-inputs.ts';

/** A parser of foreign bytes, and what to feed it: random inputs, and good ones with something changed. */
export interface ParserUnderTest {
  readonly name: string;
  /** Throws NotaryError, or returns. */
  readonly parse: (input: Buffer) => unknown;
  readonly inputs: fc.Arbitrary<Buffer>;
}

interface Edit {
  readonly at: number;
  readonly length: number;
  readonly to: Buffer;
}

const any = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

/** Some bytes replaced by others; `words` are what the parser trips over. */
function edited(good: Buffer, words: readonly (string | Buffer)[]): fc.Arbitrary<Buffer> {
  const to = fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constantFrom(...words.map((word) => Buffer.from(word))));
  const edit: fc.Arbitrary<Edit> = fc.record({
    at: fc.nat({ max: good.length }),
    length: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 40 })),
    to: to.map((bytes) => Buffer.from(bytes)),
  });
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => edits.reduce(applied, good));
}

function applied(bytes: Buffer, { at, length, to }: Edit): Buffer {
  return Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + length)]);
}

/** One bit turned, so that every length still fits. */
function oneBit(good: Buffer): fc.Arbitrary<Buffer> {
  return fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 7 })).map(([at, bit]) => {
    const bytes = Buffer.from(good);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
    return bytes;
  });
}

const JSON_WORDS = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\\u0000',
  '\\ud800',
  '=',
  '\n',
  'null',
  '""',
  '[]',
  '{}',
  '1e9',
  '-0',
];
const CBOR_WORDS = [
  'd2',
  '84',
  '80',
  'a0',
  '40',
  '60',
  'f6',
  'f7',
  'ff',
  '9f',
  'bf',
  '5f',
  '7f',
  'c1',
  'c2',
  '1b',
  '3b',
  '9affffffff',
  'f97e00',
  '1800',
  '58ff',
].map((hex) => Buffer.from(hex, 'hex'));
const DER_WORDS = [
  '00',
  '3000',
  '3080',
  '0500',
  '0101ff',
  '0601',
  '84ffffffff',
  '30840000',
  '0203',
  '1f',
  'a0',
  'ff',
].map((hex) => Buffer.from(hex, 'hex'));
const DN_PARTS = [
  'C=US',
  ',',
  'ST=WA',
  'O=A',
  '+',
  '=',
  '\\',
  '\\2',
  '\\20',
  '\\,',
  '#',
  '#04',
  '"',
  ' ',
  ';',
  'é',
  '\u{1f9ad}',
  '\ud800',
  '2.5.4.3',
  'S',
  'CN=',
];
const POLICY_WORDS = [
  '*',
  'strict',
  'skip',
  'audit',
  'ca:a',
  'tsa:b',
  'ca:..',
  'a.io/b',
  'x509.subject:C=US,ST=WA,O=A',
  'x509.subject:',
  '__proto__',
];

/** Any CBOR, well formed, also what is refused. */
const cborItem: fc.Arbitrary<Buffer> = fc.letrec<{ item: Buffer }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer().map((value) => encodeCbor(value)),
    fc.string({ maxLength: 40 }).map((value) => encodeCbor(value)),
    fc.uint8Array({ maxLength: 40 }).map((value) => encodeCbor(value)),
    fc.constantFrom(...CBOR_WORDS),
    fc.array(tie('item'), { maxLength: 4 }).map((items) => Buffer.concat([head(4, items.length), ...items])),
    fc
      .array(fc.tuple(tie('item'), tie('item')), { maxLength: 4 })
      .map((pairs) => Buffer.concat([head(5, pairs.length), ...pairs.flat()])),
    fc
      .tuple(fc.constantFrom(0, 1, 2, 18, 24, 55_799), tie('item'))
      .map(([tag, item]) => Buffer.concat([head(6, tag), item])),
  ),
})).item;

/** A trust policy with any JSON in some of its places. */
const policyDocument: fc.Arbitrary<unknown> = (() => {
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom<unknown>(...POLICY_WORDS, {}, []));
  const mostly = (...good: unknown[]) =>
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...good) }, { weight: 1, arbitrary: value });
  const statement = fc.record(
    {
      name: mostly('a', 'b', 'c'),
      registryScopes: mostly(['*'], ['a.io/b'], ['a.io/c', 'a.io/d']),
      signatureVerification: mostly({ level: 'strict' }, { level: 'audit', override: { expiry: 'enforce' } }),
      trustStores: mostly(['ca:a'], ['ca:a', 'tsa:b']),
      trustedIdentities: mostly(['*'], ['x509.subject:C=US,ST=WA,O=A']),
    },
    { requiredKeys: ['name', 'registryScopes', 'signatureVerification', 'trustStores', 'trustedIdentities'] },
  );
  const document = fc.record({
    version: mostly('1.0'),
    trustPolicies: fc.array(fc.oneof({ weight: 9, arbitrary: statement }, { weight: 1, arbitrary: value }), {
      minLength: 1,
      maxLength: 3,
    }),
  });
  return fc.oneof({ weight: 9, arbitrary: document }, { weight: 1, arbitrary: value });
})();

/** Everything that reads bytes which anybody may have written. */
export async function createParsers(): Promise<readonly ParserUnderTest[]> {
  const { certificates, key, pem, keyPem } = await createChain({ length: 2 });
  const common = { certificates, key, alg: 'ES256', now: new Date() };
  const jws = forgeJws(common);
  const cose = forgeCose(common);
  const leaf = certificates[0]?.raw ?? Buffer.alloc(0);
  const payload = Buffer.from(JSON.stringify({ targetArtifact: SUBJECT }));
  return [
    {
      name: 'JWS',
      parse: (input) => parseEnvelope(input, MEDIA_TYPE_JWS),
      inputs: fc.oneof(any, edited(jws, JSON_WORDS), jwsParts(common)),
    },
    {
      name: 'COSE',
      parse: (input) => parseEnvelope(input, MEDIA_TYPE_COSE),
      inputs: fc.oneof(
        any.map((bytes) => Buffer.concat([Buffer.from('d284', 'hex'), bytes])),
        edited(cose, CBOR_WORDS),
        oneBit(cose),
        coseParts(common),
      ),
    },
    {
      name: 'strict JSON',
      parse: (input) => parseStrictJson(input, 'the input'),
      inputs: fc.oneof(
        any,
        edited(payload, JSON_WORDS),
        fc.json({ maxDepth: 6 }).map((text) => Buffer.from(text)),
      ),
    },
    {
      name: 'strict CBOR',
      parse: (input) => decodeStrictCbor(input, 'the input', true),
      inputs: fc.oneof(any, cborItem, edited(cose.subarray(1), CBOR_WORDS)),
    },
    {
      name: 'DER',
      parse: (input) => readAll(readDer(input, TAG.sequence, 'the input'), 0),
      inputs: fc.oneof(
        any.map((bytes) => Buffer.concat([Buffer.from([TAG.sequence]), bytes])),
        edited(leaf, DER_WORDS),
        oneBit(leaf),
      ),
    },
    {
      name: 'certificate',
      parse: readCertificate,
      inputs: fc.oneof(any, edited(leaf, DER_WORDS), oneBit(leaf)),
    },
    {
      name: 'PEM',
      parse: (input) =>
        (input.includes('PRIVATE') ? parsePrivateKeyPem : parseCertificatesPem)(input.toString('latin1')),
      inputs: fc.oneof(
        any,
        ...[pem, keyPem].map((text) =>
          edited(Buffer.from(text), ['-----', '\n', '-----BEGIN CERTIFICATE-----', '=', 'Proc-Type: 4,ENCRYPTED', ' ']),
        ),
      ),
    },
    {
      name: 'DN',
      parse: (input) => parseDistinguishedName(input.toString('utf16le')),
      inputs: fc
        .oneof(
          fc.string({ unit: 'binary', maxLength: 60 }),
          fc.array(fc.constantFrom(...DN_PARTS), { maxLength: 20 }).map((parts) => parts.join('')),
          edited(Buffer.from('C=US,ST=WA,L=Seattle,O=Acme\\, Inc.,CN=Signer'), DN_PARTS).map((bytes) =>
            bytes.toString(),
          ),
        )
        .map((text) => Buffer.from(text, 'utf16le')),
    },
    {
      name: 'trust policy',
      parse: (input) => parseTrustPolicyDocument(JSON.parse(input.toString())),
      inputs: policyDocument.map((value) => Buffer.from(JSON.stringify(value) ?? 'null')),
    },
    ...(await createRevocationParsers()),
  ];
}

type Common = Pick<
  Parameters<typeof forgeJws>[0] & Parameters<typeof forgeCose>[0],
  'certificates' | 'key' | 'alg' | 'now'
>;

/** A JWS envelope whose base64 holds: one of the texts inside is changed. */
function jwsParts(common: Common): fc.Arbitrary<Buffer> {
  const {
    payload,
    protected: header,
    header: unprotected,
    signature,
  } = JSON.parse(forgeJws(common).toString()) as Record<string, string>;
  const written = (part: string | undefined): Buffer => Buffer.from(part ?? '', 'base64url');
  const wrap = (p: Buffer, h: Buffer, u: Buffer): Buffer =>
    Buffer.from(
      `{"payload":"${p.toString('base64url')}","protected":"${h.toString('base64url')}","header":${u.toString()},"signature":"${signature}"}`,
    );
  const [p, h, u] = [written(payload), written(header), Buffer.from(JSON.stringify(unprotected))];
  return fc.oneof(
    fc.oneof(edited(p, JSON_WORDS), oneBit(p)).map((changed) => wrap(changed, h, u)),
    fc.oneof(edited(h, JSON_WORDS), oneBit(h)).map((changed) => wrap(p, changed, u)),
    edited(u, JSON_WORDS).map((changed) => wrap(p, h, changed)),
  );
}

/** A COSE envelope whose lengths hold: one of the members is changed, or is something else. */
function coseParts(common: Common): fc.Arbitrary<Buffer> {
  let members: readonly Buffer[] = [];
  let header = Buffer.alloc(0);
  forgeCose({
    ...common,
    protected: (labels) => {
      header = Buffer.from(encodeCbor(labels));
      return header;
    },
    members: (all) => {
      members = all;
      return all;
    },
  });
  const wrap = (index: number, item: Buffer): Buffer =>
    Buffer.concat([Buffer.from('d284', 'hex'), ...members.map((member, i) => (i === index ? item : member))]);
  const payload = Buffer.from(JSON.stringify({ targetArtifact: SUBJECT }));
  return fc.oneof(
    fc.oneof(edited(header, CBOR_WORDS), oneBit(header), cborItem).map((changed) => wrap(0, encodeCbor(changed))),
    fc.oneof(edited(members[1] ?? payload, CBOR_WORDS), cborItem).map((changed) => wrap(1, changed)),
    edited(payload, JSON_WORDS).map((changed) => wrap(2, encodeCbor(changed))),
    fc.tuple(fc.nat({ max: 3 }), cborItem).map(([index, item]) => wrap(index, item)),
  );
}

const MAX_DEPTH = 20;

function readAll(value: DerValue, depth: number): void {
  // Of a primitive value the content is no list.
  if ((value.tag & 0x20) === 0 || depth === MAX_DEPTH) return;
  for (const child of readChildren(value, 'the input')) readAll(child, depth + 1);
}

function readCertificate(input: Buffer): void {
  const fields = parseCertificate(parseCertificateDer(input, 'the input'));
  for (const read of [basicConstraintsOf, keyUsageOf, extKeyUsageOf, constrainsDirectoryNames, revocationSourcesOf])
    read(fields);
}
