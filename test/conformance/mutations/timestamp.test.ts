import 'reflect-metadata';
import { createHash } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { algorithm, boolean, der, integer, NULL, octets, oid, sequence, setOf } from '../../support/der.ts';
import {
  type Attribute,
  createTsaChain,
  essCertId,
  HASH_OIDS,
  issuerAndSerial,
  OIDS,
  pssAlgorithm,
  type TimestampOptions,
  tsaExtensions,
} from '../../support/forge-timestamp.ts';
import type { Chain, ChainOptions } from '../../support/pki.ts';
import { SIGNATURE, TSA_VALIDITY, tokenOf, tsa, verifyToken } from '../../support/timestamp-fixture.ts';
import { without } from '../../support/tsa-server.ts';

type Changes = Partial<TimestampOptions>;

const EKU = x509.ExtendedKeyUsage;
const USAGE = x509.KeyUsageFlags;
const authority = (options: ChainOptions): Promise<Chain> => createTsaChain({ ...TSA_VALIDITY, ...options });
const withLeaf = (...leafExtensions: x509.Extension[]): Promise<Chain> => authority({ leafExtensions });
const withCas = (caExtensions: (depth: number) => x509.Extension[]): Promise<Chain> => authority({ caExtensions });
const usage = (flags: x509.KeyUsageFlags, critical = true) => new x509.KeyUsagesExtension(flags, critical);
const purposes = (critical: boolean, ...all: x509.ExtendedKeyUsage[]) =>
  new x509.ExtendedKeyUsageExtension(all, critical);

const replace =
  (index: number, field: (old: Buffer) => Buffer) =>
  (fields: Buffer[]): Buffer[] =>
    fields.map((old, i) => (i === index ? field(old) : old));
const attribute =
  (type: string, ...values: Buffer[]) =>
  (all: Attribute[]): Attribute[] =>
    all.map((one) => (one[0] === type ? [type, ...values] : one));
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest();

/** SigningCertificateV2 with one ESSCertIDv2 of these fields. */
const essOf = (...fields: Buffer[]) => attribute(OIDS.signingCertificateV2, sequence(sequence(sequence(...fields))));
const [leaf] = tsa.certificates;
if (leaf === undefined) throw new Error('no leaf');
const certHash = octets(sha256(leaf.raw));
const { issuer, serialNumber } = issuerAndSerial(leaf);

const rsa = await authority({ key: 'RSA-2048' });
const other = await authority({ caName: 'Other' });
const extension = (...fields: Buffer[]) => der(0xa1, sequence(oid('1.3.6.1.4.1.99999.3'), ...fields));

/** What is done to the token, and the reason that only its check gives. */
const MUTATIONS: readonly (readonly [name: string, changes: Changes, reason: RegExp])[] = [
  // The bytes
  ['is cut', { token: (t) => t.subarray(0, -1) }, /it ends too early/],
  ['is followed by a byte', { token: (t) => Buffer.concat([t, Buffer.alloc(1)]) }, /bytes follow it/],
  ['is empty', { token: () => Buffer.alloc(0) }, /it ends too early/],
  ['is too long', { token: () => Buffer.alloc(300_000) }, /has 300000 bytes: expected at most 262144/],
  [
    'has an indefinite length',
    { token: (t) => Buffer.concat([Buffer.from([0x30, 0x80]), t.subarray(4), Buffer.alloc(2)]) },
    /a length that is not DER/,
  ],
  [
    'has a length that is not minimal, deep inside',
    { signer: replace(0, () => Buffer.from([0x02, 0x81, 0x01, 0x01])) },
    /a length that is not minimal/,
  ],
  [
    'has an INTEGER that is not minimal',
    { signer: replace(0, () => integer(Buffer.from([0, 1]))) },
    /an INTEGER that is not minimal/,
  ],
  [
    'has its content in pieces',
    { encapsulated: replace(1, (old) => der(0xa0, Buffer.concat([Buffer.from([0x24]), inner(old).subarray(1)]))) },
    /the tag 0x24 is not DER/,
  ],
  ['is nested without end', { contentInfo: ([type = NULL]) => [type, der(0xa0, nested(60))] }, /more than 40 levels/],
  // ContentInfo and SignedData
  ['is another ContentInfo', { contentInfo: replace(0, () => oid(OIDS.data)) }, /expected CMS SignedData/],
  ['has SignedData of version 1', { signedData: replace(0, () => integer(1)) }, /version 3, found 1/],
  ['has SignedData of version 4', { signedData: replace(0, () => integer(4)) }, /version 3, found 4/],
  [
    'has content of another type',
    { encapsulated: replace(0, () => oid(OIDS.data)) },
    /expected a TSTInfo, found content/,
  ],
  ['has no content', { encapsulated: (fields) => fields.slice(0, 1) }, /a TSTInfo cannot be read: it is missing/],
  ['has no signer', { signers: () => [] }, /exactly one signer, found 0/],
  ['has two signers', { signers: (one) => [one, one] }, /exactly one signer, found 2/],
  [
    'has a field after the signers',
    { signedData: (fields) => [...fields, NULL] },
    /the timestamp token cannot be read: it has extra fields/,
  ],
  [
    'has a second set of signers',
    { signedData: (fields) => [...fields, ...fields.slice(-1)] },
    /the timestamp token cannot be read: it has extra fields/,
  ],
  [
    'has a field after its content',
    { contentInfo: (fields) => [...fields, NULL] },
    /token cannot be read: it has extra fields/,
  ],
  [
    'has a field after TSTInfo',
    { encapsulated: (fields) => [...fields, NULL] },
    /token cannot be read: it has extra fields/,
  ],
  [
    'has a second value beside SignedData',
    { contentInfo: ([type = NULL, content = NULL]) => [type, der(0xa0, inner(content), NULL)] },
    /CMS SignedData cannot be read: it has extra fields/,
  ],
  ['has no digest algorithms', { signedData: (f) => f.filter((_, i) => i !== 1) }, /expected tag 0x31, found 0x30/],
  ['has no certificates', { certificates: [] }, /the certificate of the signer is not in the timestamp token/],
  ['has the certificates of another', { certificates: other.certificates }, /the signer is not in the timestamp token/],
  [
    'has an attribute certificate',
    { signedData: replace(3, () => der(0xa0, der(0xa2, oid('1.2.3'), NULL))) },
    /number 1 is no X.509 certificate/,
  ],
  ['has 21 certificates', { certificates: Array.from({ length: 21 }, () => leaf) }, /expected at most 20, found 21/],
  // SignerInfo
  ['has a SignerInfo of version 3', { signer: replace(0, () => integer(3)) }, /the SignerInfo: expected version 1/],
  [
    'names the signer by its key',
    { signer: replace(1, () => der(0x80, Buffer.alloc(20))) },
    /expected version 1, which names the signer by issuer and serial number/,
  ],
  [
    'names another issuer',
    { signer: replace(1, () => sequence(issuerAndSerial(other.certificates[0] ?? leaf).issuer, serialNumber)) },
    /the certificate of the signer is not in the timestamp token/,
  ],
  [
    'names another serial number',
    { signer: replace(1, () => sequence(issuer, integer(7))) },
    /the certificate of the signer is not in the timestamp token/,
  ],
  ['digests with SHA-1', { digest: 'sha1' }, /the digest algorithm of the timestamp: expected SHA-256.*found "1.3.14/],
  [
    'digests with parameters',
    { signer: replace(2, () => algorithm(HASH_OIDS.sha256, integer(1))) },
    /the digest algorithm of the timestamp: expected no parameters/,
  ],
  [
    'names another digest algorithm than its signature',
    { signer: replace(2, () => algorithm(HASH_OIDS.sha384, NULL)) },
    /the messageDigest attribute is not the hash of the TSTInfo/,
  ],
  [
    'has no signed attributes',
    { signer: (f) => f.filter((_, i) => i !== 3) },
    /expected signed attributes, found none/,
  ],
  [
    'has a field after the signature',
    { signer: (fields) => [...fields, NULL] },
    /the SignerInfo cannot be read: it has extra fields/,
  ],
  [
    'names the signer with a third field',
    { signer: replace(1, () => sequence(issuer, serialNumber, NULL)) },
    /the SignerInfo cannot be read: it has extra fields/,
  ],
  // Signed attributes
  ['has no contentType', { attributes: without(OIDS.contentType) }, /contentType is missing/],
  [
    'has another contentType',
    { attributes: attribute(OIDS.contentType, oid(OIDS.data)) },
    /the contentType attribute: expected/,
  ],
  [
    'has two values of contentType',
    { attributes: attribute(OIDS.contentType, oid(OIDS.tstInfo), oid(OIDS.tstInfo)) },
    /contentType has 2 values/,
  ],
  ['has no messageDigest', { attributes: without(OIDS.messageDigest) }, /messageDigest is missing/],
  [
    'has another messageDigest',
    { attributes: attribute(OIDS.messageDigest, octets(sha256('x'))) },
    /messageDigest attribute is not the hash/,
  ],
  [
    'has an attribute twice',
    { attributes: (all) => [...all, ...all.slice(0, 1)] },
    /attribute 1.2.840.113549.1.9.3 stands twice/,
  ],
  [
    'has its attributes in another order',
    { attributeSet: (set) => der(0x31, ...childrenOf(set).toReversed()) },
    /not in the order of DER/,
  ],
  [
    'has no signingCertificateV2',
    { attributes: without(OIDS.signingCertificateV2) },
    /signingCertificateV2 is missing/,
  ],
  [
    'has signingCertificate, of SHA-1, in its place',
    {
      attributes: (all) => [
        ...without(OIDS.signingCertificateV2)(all),
        [OIDS.signingCertificate, sequence(sequence(sequence(octets(createHash('sha1').update(leaf.raw).digest()))))],
      ],
    },
    /signingCertificateV2 is missing/,
  ],
  [
    'names no certificate',
    { attributes: attribute(OIDS.signingCertificateV2, sequence(sequence())) },
    /names no certificate/,
  ],
  [
    'has the hash of another certificate',
    { attributes: essOf(octets(sha256('x'))) },
    /its hash is not that of CN=Time Stamping Unit/,
  ],
  [
    'hashes its certificate with SHA-1',
    { attributes: essOf(algorithm(HASH_OIDS.sha1), octets(createHash('sha1').update(leaf.raw).digest())) },
    /signingCertificateV2: expected SHA-256, SHA-384 or SHA-512/,
  ],
  [
    'has the serial number of another certificate',
    { attributes: essOf(certHash, sequence(sequence(der(0xa4, issuer)), integer(7))) },
    /its issuer and serial number are not those of/,
  ],
  [
    'has the issuer of another certificate',
    {
      attributes: essOf(
        certHash,
        sequence(sequence(der(0xa4, issuerAndSerial(other.certificates[0] ?? leaf).issuer)), serialNumber),
      ),
    },
    /its issuer and serial number are not those of/,
  ],
  [
    'has an issuer that is no name',
    { attributes: essOf(certHash, sequence(sequence(der(0x82, Buffer.from('a.example'))), serialNumber)) },
    /signingCertificateV2 cannot be read: expected tag 0xa4/,
  ],
  [
    'was signed, it says, before its certificate was valid',
    { attributes: (all) => [...all, [OIDS.signingTime, der(0x17, Buffer.from('240101000000Z'))]] },
    /the signingTime attribute 2024-01-01T00:00:00Z lies outside/,
  ],
  [
    'was signed at no time',
    { attributes: (all) => [...all, [OIDS.signingTime, der(0x17, Buffer.from('261301000000Z'))]] },
    /signingTime cannot be read: a time that does not exist/,
  ],
  [
    'has an extra field in ESSCertIDv2',
    { attributes: essOf(certHash, sequence(sequence(der(0xa4, issuer)), serialNumber), NULL) },
    /signingCertificateV2 cannot be read: it has extra fields/,
  ],
  [
    'names two issuers in signingCertificateV2',
    { attributes: essOf(certHash, sequence(sequence(der(0xa4, issuer), der(0xa4, issuer)), serialNumber)) },
    /signingCertificateV2 cannot be read: it has extra fields/,
  ],
  [
    'has an attribute with a third field',
    { attributeSet: (set) => setOf(...childrenOf(set), sequence(oid('1.3.6.1.4.1.99999.2'), der(0x31, NULL), NULL)) },
    /the signed attributes cannot be read: it has extra fields/,
  ],
  // The signature
  ['has another signature', { signature: (s) => flip(s, s.length - 1) }, /signature does not verify/],
  ['has an empty signature', { signature: () => Buffer.alloc(0) }, /signature does not verify/],
  [
    'was signed over other attributes',
    { signer: replace(3, (old) => swapDigest(old)) },
    /messageDigest attribute is not the hash/,
  ],
  [
    'is signed with SHA-1, it says',
    { signer: replace(4, () => algorithm('1.2.840.10045.4.1')) },
    /the signature algorithm of the timestamp: expected RSA.*found "1.2.840.10045.4.1"/,
  ],
  [
    'is signed with another hash, it says',
    { signer: replace(4, () => algorithm('1.2.840.10045.4.3.3')) },
    /uses sha384, its digest algorithm is sha256/,
  ],
  [
    'is signed with RSA, it says',
    { signer: replace(4, () => algorithm(OIDS.rsa, NULL)) },
    /signed with RSA, but the key/,
  ],
  [
    'is signed with ECDSA, it says',
    { tsa: rsa, signer: replace(4, () => algorithm('1.2.840.10045.4.3.2')) },
    /signed with ECDSA, but the key/,
  ],
  [
    'has PSS with another mask',
    { tsa: rsa, pss: true, signer: replace(4, () => pssAlgorithm('sha256', 'sha1', 32)) },
    /the signature algorithm of the timestamp: expected RSA.*found "1.2.840.113549.1.1.10"/,
  ],
  [
    'has PSS with another salt',
    { tsa: rsa, pss: true, signer: replace(4, () => pssAlgorithm('sha256', 'sha256', 20)) },
    /the signature algorithm of the timestamp: expected RSA.*found "1.2.840.113549.1.1.10"/,
  ],
  [
    'has PSS with another hash',
    { tsa: rsa, pss: true, signer: replace(4, () => pssAlgorithm('sha512', 'sha512', 64)) },
    /uses sha512, its digest algorithm is sha256/,
  ],
  [
    'has PSS where PKCS #1 was signed',
    { tsa: rsa, signer: replace(4, () => pssAlgorithm('sha256', 'sha256', 32)) },
    /signature does not verify/,
  ],
  [
    'has PKCS #1 where PSS was signed',
    { tsa: rsa, pss: true, signer: replace(4, () => algorithm(OIDS.rsa, NULL)) },
    /signature does not verify/,
  ],
  [
    'had another attribute when it was signed',
    {
      attributes: (all) => [...all, ['1.3.6.1.4.1.99999.2', octets(Buffer.from('signed'))]],
      signer: replace(3, (old) => flip(old, old.indexOf('signed'))),
    },
    /signature does not verify/,
  ],
  // TSTInfo
  ['has TSTInfo of version 2', { info: replace(0, () => integer(2)) }, /the TSTInfo: expected version 1, found 2/],
  [
    'has an extra field in TSTInfo',
    { info: (fields) => [...fields, octets(Buffer.alloc(1))] },
    /the TSTInfo cannot be read: it has extra fields/,
  ],
  ['has no genTime', { info: (fields) => fields.slice(0, 4) }, /genTime cannot be read: it is missing/],
  [
    'has a UTCTime as genTime',
    { info: replace(4, () => der(0x17, Buffer.from('260614120000Z'))) },
    /genTime cannot be read: expected tag 0x18/,
  ],
  [
    'has an extra field in the imprint',
    { info: replace(2, (old) => sequence(inner(old, 0), inner(old, 1), NULL)) },
    /messageImprint cannot be read: it has extra fields/,
  ],
  [
    'has accuracy in another order',
    { info: (fields) => [...fields, sequence(integer(1, 0x81), integer(1, 0x80))] },
    /the accuracy cannot be read: it has extra fields/,
  ],
  [
    'has bytes after TSTInfo',
    { content: (info) => Buffer.concat([info, Buffer.alloc(1)]) },
    /the TSTInfo cannot be read: bytes follow it/,
  ],
  ['stamps another signature', { imprint: { hash: 'sha256', digest: sha256('other') } }, /is of something else/],
  [
    'stamps with SHA-1',
    { imprint: { hash: 'sha1', digest: createHash('sha1').update(SIGNATURE).digest() } },
    /the messageImprint: expected SHA-256/,
  ],
  [
    'stamps the beginning of a hash',
    { imprint: { hash: 'sha256', digest: sha256(SIGNATURE).subarray(0, 20) } },
    /its length is not that of sha256/,
  ],
  ['has a time with a zone', { genTime: '20260614120000+0100' }, /genTime: expected YYYYMMDDhhmmss/],
  ['has a local time', { genTime: '20260614120000' }, /genTime: expected YYYYMMDDhhmmss/],
  ['has a time without seconds', { genTime: '202606141200Z' }, /genTime: expected YYYYMMDDhhmmss/],
  ['has a time with trailing zeros', { genTime: '20260614120000.50Z' }, /genTime: expected YYYYMMDDhhmmss/],
  ['has a time with an empty fraction', { genTime: '20260614120000.Z' }, /genTime: expected YYYYMMDDhhmmss/],
  [
    'has a time that does not exist',
    { genTime: '20260631120000Z' },
    /genTime cannot be read: a time that does not exist/,
  ],
  [
    'has 1,000 milliseconds of accuracy',
    { accuracy: { millis: 1000 } },
    /the accuracy: expected at most 999, found 1000/,
  ],
  [
    'has 1,000 microseconds of accuracy',
    { accuracy: { micros: 1000 } },
    /the accuracy: expected at most 999, found 1000/,
  ],
  [
    'has a negative accuracy',
    { info: (fields) => [...fields, sequence(integer(Buffer.from([0xff])))] },
    /the accuracy cannot be read: a bad INTEGER/,
  ],
  [
    'has a critical extension',
    { info: (fields) => [...fields, extension(boolean(true), octets(NULL))] },
    /the critical extension 1.3.6.1.4.1.99999.3 of the TSTInfo is not understood/,
  ],
];

/** A value inside of another, by its number. */
function inner(value: Buffer, number = 0): Buffer {
  return childrenOf(value)[number] ?? NULL;
}

function nested(depth: number): Buffer {
  return depth === 0 ? NULL : sequence(nested(depth - 1));
}

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** Changes the last byte of messageDigest inside the signed attributes, after they were signed. */
function swapDigest(attributes: Buffer): Buffer {
  return flip(attributes, attributes.indexOf(oid(OIDS.messageDigest)) + 11 + 4 + 10);
}

/** The values inside of another. */
function childrenOf(set: Buffer): Buffer[] {
  const children: Buffer[] = [];
  const size = (at: number): [header: number, content: number] => {
    const first = set[at + 1] ?? 0;
    const octetsOfLength = first < 0x80 ? 0 : first & 0x7f;
    return [2 + octetsOfLength, octetsOfLength === 0 ? first : set.readUIntBE(at + 2, octetsOfLength)];
  };
  for (let at = size(0)[0]; at < set.length; ) {
    const [header, content] = size(at);
    children.push(set.subarray(at, at + header + content));
    at += header + content;
  }
  return children;
}

const verify = (changes: Changes) =>
  verifyToken(tokenOf(changes), { roots: (changes.tsa ?? tsa).certificates.slice(-1) });

describe('a good timestamp is refused when it (I, D)', () => {
  it.each(MUTATIONS)('%s', async (_name, changes, reason) => {
    // The control: the same authority without the mutation.
    const { tsa: by, pss } = changes;
    const control = await verify({ ...(by === undefined ? {} : { tsa: by }), ...(pss === undefined ? {} : { pss }) });
    expect(control).toMatchObject({ status: 'valid' });
    expect(await verify(changes)).toMatchObject({ status: 'invalid', reason: expect.stringMatching(reason) });
  });
});

/** Authorities whose certificates will not do, and why. */
const AUTHORITIES: readonly (readonly [string, () => Promise<Chain>, RegExp])[] = [
  [
    'without extKeyUsage (E7)',
    () => withLeaf(usage(USAGE.digitalSignature)),
    /extKeyUsage must be critical and have exactly/,
  ],
  [
    'with extKeyUsage not critical (E7)',
    () => withLeaf(usage(USAGE.digitalSignature), purposes(false, EKU.timeStamping)),
    /extKeyUsage must be critical/,
  ],
  [
    'for code signing (E7)',
    () => withLeaf(usage(USAGE.digitalSignature), purposes(true, EKU.codeSigning)),
    /exactly timeStamping/,
  ],
  [
    'for code signing too (E7)',
    () => withLeaf(usage(USAGE.digitalSignature), purposes(true, EKU.timeStamping, EKU.codeSigning)),
    /exactly timeStamping/,
  ],
  [
    'without keyUsage (E7)',
    () => withLeaf(purposes(true, EKU.timeStamping)),
    /keyUsage is missing: .* \(notary.md E7\)/,
  ],
  [
    'that may not sign (E7)',
    () => withLeaf(usage(USAGE.nonRepudiation), purposes(true, EKU.timeStamping)),
    /keyUsage must have digitalSignature/,
  ],
  [
    'that may sign certificates (E7)',
    () => withLeaf(usage(USAGE.digitalSignature | USAGE.keyCertSign), purposes(true, EKU.timeStamping)),
    /must not have keyCertSign/,
  ],
  [
    'that is a CA (E7)',
    () => withLeaf(new x509.BasicConstraintsExtension(true, 0, true), ...tsaExtensions()),
    /the leaf must not be a certificate authority/,
  ],
  [
    'with a critical extension of its own (E2)',
    () => withLeaf(...tsaExtensions(), new x509.Extension('1.3.6.1.4.1.99999.9', true, NULL)),
    /critical extension 1.3.6.1.4.1.99999.9/,
  ],
  ['signed with SHA-1 (E2)', () => authority({ hash: 'SHA-1' }), /is signed with .*(sha1|SHA1)/i],
  ['with a root signed with SHA-1 (E2)', () => authority({ rootHash: 'SHA-1' }), /is signed with .*SHA1/i],
  ['whose issuer is no CA (E3)', () => withCas(() => [usage(USAGE.keyCertSign)]), /basicConstraints must have CA true/],
  [
    'whose issuer may not sign certificates (E3)',
    () => withCas((d) => [new x509.BasicConstraintsExtension(true, d, true), usage(USAGE.cRLSign)]),
    /keyUsage must have keyCertSign/,
  ],
  [
    'whose root allows no CA below (E3)',
    () => withCas(() => [new x509.BasicConstraintsExtension(true, 0, true), usage(USAGE.keyCertSign)]),
    /pathLen 0 allows fewer/,
  ],
  [
    'whose issuer is for code signing (E7)',
    () =>
      withCas((d) => [
        new x509.BasicConstraintsExtension(true, d, true),
        usage(USAGE.keyCertSign),
        purposes(false, EKU.codeSigning),
      ]),
    /does not have timeStamping, so it cannot issue for it/,
  ],
  [
    'expired at genTime',
    () => authority({ notAfter: new Date('2026-06-14T11:59:59Z') }),
    /Time Stamping Unit.*was not valid at the time of the timestamp/,
  ],
  [
    'not yet valid at genTime',
    () => authority({ notBefore: new Date('2026-06-14T12:00:01Z') }),
    /Time Stamping Unit.*was not valid at the time of the timestamp/,
  ],
  [
    'whose CAs had expired at genTime',
    () => authority({ caNotAfter: new Date('2026-06-14T11:59:59Z') }),
    /Clock .*CA.*was not valid at the time of the timestamp/,
  ],
];

describe('a timestamp is refused of an authority (I)', () => {
  it.each(AUTHORITIES)('%s', async (_name, make, reason) => {
    const made = await make();
    expect(await verify({ tsa: made })).toMatchObject({ status: 'invalid', reason: expect.stringMatching(reason) });
  });

  it('of another root', async () => {
    const refused = await verifyToken(tokenOf(), { roots: other.certificates.slice(-1) });
    expect(refused).toMatchObject({ status: 'invalid', dependsOnRoots: true });
    expect(refused).toMatchObject({ reason: expect.stringContaining('no chain leads from') });
  });
});

/** What is unusual, and good. */
const VARIANTS: readonly (readonly [string, Changes])[] = [
  ['the imprint of SHA-384', { imprint: { hash: 'sha384', digest: createHash('sha384').update(SIGNATURE).digest() } }],
  ['the imprint of SHA-512', { imprint: { hash: 'sha512', digest: createHash('sha512').update(SIGNATURE).digest() } }],
  ['SHA-512 in its signature', { digest: 'sha512' }],
  ['RSA with PKCS #1', { tsa: rsa, digest: 'sha384' }],
  ['RSA with PSS', { tsa: rsa, pss: true, digest: 'sha384' }],
  [
    'the OID of hash and RSA together',
    { tsa: rsa, signer: replace(4, () => algorithm('1.2.840.113549.1.1.11', NULL)) },
  ],
  [
    'ordering, a nonce, a name and an extension',
    {
      info: (fields) => [...fields, boolean(true), integer(5), der(0xa0, der(0xa4, issuer)), extension(octets(NULL))],
    },
  ],
  ['other attributes', { attributes: (all) => [...all, ['1.3.6.1.4.1.99999.2', octets(Buffer.from('x'))]] }],
  [
    'a signingTime inside of the validity',
    { attributes: (all) => [...all, [OIDS.signingTime, der(0x17, Buffer.from('260614120000Z'))]] },
  ],
  [
    'the SHA-1 attribute beside',
    {
      attributes: (all) => [...all, [OIDS.signingCertificate, sequence(sequence(sequence(octets(Buffer.alloc(20)))))]],
    },
  ],
  ['no issuer and serial number in signingCertificateV2', { attributes: essOf(certHash) }],
  [
    'SHA-512 in signingCertificateV2',
    { attributes: essOf(algorithm(HASH_OIDS.sha512), octets(createHash('sha512').update(leaf.raw).digest())) },
  ],
  [
    'the whole chain in signingCertificateV2',
    { attributes: attribute(OIDS.signingCertificateV2, sequence(sequence(...tsa.certificates.map(essCertId)))) },
  ],
  ['its root, in any order', { certificates: tsa.certificates.toReversed() }],
  ['certificates of others', { certificates: [...other.certificates, ...tsa.certificates, ...rsa.certificates] }],
  ['unsigned attributes', { signer: (fields) => [...fields, der(0xa1, sequence(oid('1.2.3'), setOf(NULL)))] }],
];

it('of an authority keyUsage need only be present, not critical (E7)', async () => {
  const made = await authority({
    leafExtensions: [usage(USAGE.digitalSignature, false), purposes(true, EKU.timeStamping)],
    caExtensions: (depth) => [new x509.BasicConstraintsExtension(true, depth, true), usage(USAGE.keyCertSign, false)],
  });
  expect(await verify({ tsa: made })).toMatchObject({ status: 'valid' });
});

it.each(VARIANTS)('a timestamp with %s is good (I)', async (_name, changes) => {
  expect(await verify(changes)).toMatchObject({ status: 'valid' });
});
