import { type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { parseCertificate } from '../../src/notary/index.ts';
import { readOcspAnswer } from '../../src/notary/revocation/check-ocsp.ts';
import { readCrl } from '../../src/notary/revocation/crl.ts';
import { findEntries } from '../../src/notary/revocation/crl-entries.ts';
import { readDistributionPoints, revocationSourcesOf } from '../../src/notary/revocation/sources.ts';
import { createChain, revocationExtensions } from './pki.ts';
import { encodeCrl, encodeOcspAnswer, encodeOcspStatus } from './revocation-data.ts';

/** A parser of bytes that any responder, CRL host or certificate may send, and what to feed it. */
export interface RevocationParser {
  readonly name: string;
  /** Throws NotaryError, or returns. */
  readonly parse: (input: Buffer) => unknown;
  /** Random, and good ones with something changed: also below a signature that holds. */
  readonly inputs: fc.Arbitrary<Buffer>;
  /** What `inputs` are made from; it is accepted. */
  readonly good: Buffer;
}

/** Pieces of DER that a reader trips over. */
const WORDS = [
  '00',
  '3000',
  '3080',
  '0500',
  '0101ff',
  '0a0100',
  '0601',
  '84ffffffff',
  '30840000',
  '0203',
  '1f',
  'a0',
  'ff',
  '180f32303236303631303038303030305a',
  '170d3236303631303038303030305a',
].map((hex) => Buffer.from(hex, 'hex'));

const any = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const ECDSA_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex');
/** All that is made here is current at this time. */
const NOW = new Date('2026-06-15T12:00:00Z');
const TIMES = { thisUpdate: new Date('2026-06-15T11:00:00Z'), nextUpdate: new Date('2026-06-16T12:00:00Z') };
const REVOKED = { at: new Date('2026-06-10T08:00:00Z'), reason: 1, invalidityDate: new Date('2026-06-01T00:00:00Z') };

/** Everything that reads what revocation is told by. */
export async function createRevocationParsers(): Promise<readonly RevocationParser[]> {
  const extensions = revocationExtensions({ crl: ['http://crl.example.com/a', 'http://crl.example.com/b'] });
  const [leaf, root, key] = await createPair();
  const issuer = parseCertificate(root);
  const { serialNumber } = parseCertificate(leaf);
  const authority = { certificate: root, key };
  const crl = encodeCrl({
    issuer: authority,
    ...TIMES,
    number: 300,
    entries: [
      { certificate: root, at: REVOKED.at },
      { certificate: leaf, ...REVOKED },
    ],
    scope: { addresses: ['http://crl.example.com/a'] },
    freshest: ['http://crl.example.com/delta'],
  });
  const ocsp = encodeOcspAnswer({ certificate: leaf, issuer: authority, status: REVOKED, ...TIMES });
  const entries = memberAt(memberAt(crl, [0, 5]), []);
  const points = Buffer.from(extensions[0]?.value ?? new ArrayBuffer(0));
  return [
    {
      name: 'CRL',
      parse: (input) => readCrl(input, issuer).entriesOf(serialNumber),
      inputs: fc.oneof(
        any,
        edited(crl),
        oneBit(crl),
        changed(memberAt(crl, [0])).map((body) => signed(body, key)),
      ),
      good: crl,
    },
    {
      name: 'CRL entries',
      parse: (input) => findEntries(contentOf(input), serialNumber),
      inputs: fc.oneof(any, edited(entries), oneBit(entries)),
      good: entries,
    },
    {
      name: 'OCSP answer',
      parse: (input) => readOcspAnswer(input, leaf, root, NOW),
      inputs: fc.oneof(
        any,
        edited(ocsp),
        oneBit(ocsp),
        changed(memberAt(contentOf(memberAt(ocsp, [1, 0, 1])), [0])).map((data) =>
          encodeOcspStatus(0, signed(data, key)),
        ),
      ),
      good: ocsp,
    },
    {
      name: 'CRL distribution points',
      parse: (input) => readDistributionPoints(input),
      inputs: fc.oneof(any, edited(points), oneBit(points)),
      good: points,
    },
    {
      name: 'revocation sources',
      parse: (input) => {
        const value = { oid: '', critical: false, value: input };
        const oids = ['1.3.6.1.5.5.7.1.1', '2.5.29.31', '2.5.29.46'];
        for (const oid of oids) revocationSourcesOf({ ...issuer, extensions: new Map([[oid, { ...value, oid }]]) });
      },
      inputs: fc.oneof(any, ...[points, accessOf()].flatMap((good) => [edited(good), oneBit(good)])),
      good: Buffer.from('3000', 'hex'),
    },
  ];
}

async function createPair() {
  const { certificates, keys } = await createChain({
    length: 2,
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2027-01-01T00:00:00Z'),
  });
  const [[leaf, root], key] = [certificates, keys[1]];
  if (leaf === undefined || root === undefined || key === undefined) throw new Error('no chain');
  return [leaf, root, key] as const;
}

function accessOf(): Buffer {
  const [access] = revocationExtensions({ ocsp: ['http://ocsp.example.com/', 'http://ocsp2.example.com/'] });
  return Buffer.from(access?.value ?? new ArrayBuffer(0));
}

/** Some bytes replaced by others. */
function edited(good: Buffer): fc.Arbitrary<Buffer> {
  const to = fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constantFrom(...WORDS));
  const edit = fc.record({
    at: fc.nat({ max: good.length }),
    length: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 40 })),
    to,
  });
  return fc
    .array(edit, { minLength: 1, maxLength: 3 })
    .map((edits) =>
      edits.reduce(
        (bytes, each) => Buffer.concat([bytes.subarray(0, each.at), each.to, bytes.subarray(each.at + each.length)]),
        good,
      ),
    );
}

/** One bit turned, so that every length still fits. */
export function oneBit(good: Buffer): fc.Arbitrary<Buffer> {
  return fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 7 })).map(([at, bit]) => {
    const bytes = Buffer.from(good);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
    return bytes;
  });
}

function changed(good: Buffer): fc.Arbitrary<Buffer> {
  return fc.oneof(edited(good), oneBit(good));
}

/** SEQUENCE of what is signed, algorithm, signature: a CRL, or a basic OCSP answer. */
export function signed(body: Buffer, key: KeyObject): Buffer {
  const signature = sign('sha256', body, key);
  return tagged(0x30, Buffer.concat([body, ECDSA_SHA256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature]))]));
}

/** DER of one value. */
export function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const octets = Buffer.from(length.toString(16).padStart(length < 0x100 ? 2 : 4, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 + octets.length]), octets, content]);
}

/** The member of DER at a path of numbers, with its header. */
export function memberAt(der: Buffer, path: readonly number[]): Buffer {
  const [index, ...rest] = path;
  if (index === undefined) return der;
  let content = contentOf(der);
  for (let i = 0; i < index; i += 1) content = content.subarray(lengthOf(content));
  return memberAt(content.subarray(0, lengthOf(content)), rest);
}

/** The content octets of DER. */
export function contentOf(der: Buffer): Buffer {
  return der.subarray(headerOf(der));
}

function headerOf(der: Buffer): number {
  const first = der[1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function lengthOf(der: Buffer): number {
  const header = headerOf(der);
  return header + (header === 2 ? (der[1] ?? 0) : der.readUIntBE(2, header - 2));
}
