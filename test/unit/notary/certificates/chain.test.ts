import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { checkChain, NotaryError } from '../../../../src/notary/index.ts';
import {
  type Chain,
  type ChainOptions,
  caExtensions,
  createChain,
  createSignerShapedChain,
} from '../../../support/pki.ts';
import { decided, envelopeOf, NOW, statementOf, storesOf, VALIDITY, verify } from '../harness.ts';

const { digitalSignature, keyCertSign, cRLSign, keyEncipherment, dataEncipherment, keyAgreement } = x509.KeyUsageFlags;
const { encipherOnly, decipherOnly } = x509.KeyUsageFlags;

const usage = (flags: number, critical = true) => new x509.KeyUsagesExtension(flags, critical);
const purposes = (...oids: string[]) => new x509.ExtendedKeyUsageExtension(oids);
const leafWith = (...leafExtensions: x509.Extension[]): ChainOptions => ({ ...VALIDITY, leafExtensions });
const caWith = (extensions: (depth: number) => x509.Extension[]): ChainOptions => ({
  ...VALIDITY,
  caExtensions: extensions,
});
const ca = (pathLength?: number, critical = true) => new x509.BasicConstraintsExtension(true, pathLength, critical);
const unknownCritical = new x509.Extension('1.2.3.4.5', true, new Uint8Array([5, 0]));

/** nameConstraints that permit the subtree of one directory name, or of one DNS name. */
const constraints = (name: 'directory' | 'dns') =>
  new x509.Extension(
    '2.5.29.30',
    true,
    Buffer.from(name === 'dns' ? '300aa0083006820461636d65' : '3015a0133011a40f300d310b3009060355040613025553', 'hex'),
  );

async function refused(make: Promise<Chain> | Chain | readonly X509Certificate[]): Promise<NotaryError> {
  const made = await make;
  const certificates = 'certificates' in made ? made.certificates : made;
  try {
    checkChain(certificates, 'codeSigning');
  } catch (error) {
    if (error instanceof NotaryError) return error;
    throw error;
  }
  throw new Error('the chain was accepted');
}

describe('a chain is accepted', () => {
  it.each<readonly [string, ChainOptions]>([
    ['of one self-signed leaf (E1)', { length: 1 }],
    ['of two (E2)', { length: 2 }],
    ['of three (E2)', { length: 3 }],
    ['of four (E2)', { length: 4 }],
    ['without extKeyUsage (E4)', { leafExtensions: [usage(digitalSignature)] }],
    ['with codeSigning (E4)', { leafExtensions: [usage(digitalSignature), purposes('1.3.6.1.5.5.7.3.3')] }],
    ['with a purpose of its own (E4)', { leafExtensions: [usage(digitalSignature), purposes('1.2.3.4')] }],
    ['with nonRepudiation (E4)', { leafExtensions: [usage(digitalSignature | x509.KeyUsageFlags.nonRepudiation)] }],
    [
      'with basicConstraints CA false (E4)',
      { leafExtensions: [usage(digitalSignature), new x509.BasicConstraintsExtension(false)] },
    ],
    ['with CAs without pathLen (E3)', { caExtensions: () => [ca(), usage(keyCertSign)] }],
    ['with a pathLen larger than needed (E3)', { caExtensions: (depth) => [ca(depth + 3), usage(keyCertSign)] }],
    [
      'with an unknown extension that is not critical (E2)',
      { leafExtensions: [usage(digitalSignature), new x509.Extension('1.2.3.4.5', false, new Uint8Array([5, 0]))] },
    ],
    [
      'with constraints on DNS names, which a signer has none of (E2)',
      { caExtensions: (depth) => [...caExtensions(depth), constraints('dns')] },
    ],
    ['of RSA CAs with PKCS #1 signatures (E2)', { caKey: 'RSA-2048', length: 2 }],
    ['of RSA CAs with PSS signatures (E2)', { caKey: 'RSA-2048', length: 2, pss: true }],
  ])('%s', async (_name, options) => {
    const { certificates } = await createChain({ ...VALIDITY, ...options });
    expect(() => checkChain(certificates, 'codeSigning')).not.toThrow();
  });

  it("shaped like AWS Signer's, leaf expired, as of its signing time (D, aws.md)", async () => {
    const at = new Date(NOW.getTime() - 300 * 24 * 60 * 60_000);
    const made = await createSignerShapedChain(at);
    expect(made.certificates).toHaveLength(4);
    const N = 'io.cncf.notary';
    const bytes = envelopeOf({
      ...made,
      alg: 'ES384',
      protected: ({ [`${N}.signingTime`]: _, ...header }) => ({
        ...header,
        crit: [`${N}.signingScheme`, `${N}.authenticSigningTime`],
        [`${N}.signingScheme`]: 'notary.x509.signingAuthority',
        [`${N}.authenticSigningTime`]: at.toISOString(),
      }),
    });
    const outcome = await verify(bytes, {
      statement: statementOf({ trustStores: ['signingAuthority:aws'] }),
      findTrustStore: storesOf(made, 'signingAuthority:aws'),
    });
    expect(decided(outcome)).toBe('Trusted');
  });
});

describe('a chain is refused for', () => {
  it.each<readonly [string, string, ChainOptions, RegExp]>([
    ['E1', 'one certificate signed with SHA-1', { ...VALIDITY, length: 1, hash: 'SHA-1' }, /signed with .*sha1/i],
    ['E2', 'SHA-1 anywhere', { ...VALIDITY, hash: 'SHA-1' }, /signed with .*sha1/i],
    ['E2', 'a root signed with SHA-1', { ...VALIDITY, rootHash: 'SHA-1' }, /signed with .*sha1/i],
    [
      'E2',
      'an unknown critical extension of the leaf',
      leafWith(usage(digitalSignature), unknownCritical),
      /1\.2\.3\.4\.5 is not understood/,
    ],
    [
      'E2',
      'an unknown critical extension of a CA',
      caWith((depth) => [...caExtensions(depth), unknownCritical]),
      /1\.2\.3\.4\.5 is not understood/,
    ],
    [
      'E2',
      'constraints on directory names',
      caWith((depth) => [...caExtensions(depth), constraints('directory')]),
      /directory names/,
    ],
    ['E3', 'a CA without basicConstraints', caWith(() => [usage(keyCertSign)]), /CA true/],
    [
      'E3',
      'a CA with CA false',
      caWith(() => [new x509.BasicConstraintsExtension(false, undefined, true), usage(keyCertSign)]),
      /CA true/,
    ],
    [
      'E3',
      'basicConstraints that are not critical',
      caWith((depth) => [ca(depth, false), usage(keyCertSign)]),
      /basicConstraints must be critical/,
    ],
    ['E3', 'a pathLen too short', caWith(() => [ca(0), usage(keyCertSign)]), /pathLen 0 allows fewer than the 1/],
    ['E3', 'a CA without keyUsage', caWith((depth) => [ca(depth)]), /keyUsage is missing/],
    [
      'E3',
      'a CA whose keyUsage is not critical',
      caWith((depth) => [ca(depth), usage(keyCertSign, false)]),
      /keyUsage must be critical/,
    ],
    ['E3', 'a CA without keyCertSign', caWith((depth) => [ca(depth), usage(cRLSign)]), /must have keyCertSign/],
    ['E4', 'a leaf that is a CA', leafWith(ca(), usage(digitalSignature)), /must not be a certificate authority/],
    ['E4', 'a leaf without keyUsage', leafWith(), /keyUsage is missing/],
    [
      'E4',
      'a leaf whose keyUsage is not critical',
      leafWith(usage(digitalSignature, false)),
      /keyUsage must be critical/,
    ],
    [
      'E4',
      'a leaf without digitalSignature',
      leafWith(usage(x509.KeyUsageFlags.nonRepudiation)),
      /must have digitalSignature/,
    ],
    ...[
      ['keyEncipherment', keyEncipherment] as const,
      ['dataEncipherment', dataEncipherment] as const,
      ['keyAgreement', keyAgreement] as const,
      ['keyCertSign', keyCertSign] as const,
      ['cRLSign', cRLSign] as const,
      ['encipherOnly', encipherOnly] as const,
      ['decipherOnly', decipherOnly] as const,
    ].map(([name, flag]): [string, string, ChainOptions, RegExp] => [
      'E4',
      `a leaf with keyUsage ${name}`,
      leafWith(usage(digitalSignature | flag)),
      new RegExp(`must not have ${name}`),
    ]),
    ...Object.entries({
      serverAuth: '1.3.6.1.5.5.7.3.1',
      clientAuth: '1.3.6.1.5.5.7.3.2',
      emailProtection: '1.3.6.1.5.5.7.3.4',
      timeStamping: '1.3.6.1.5.5.7.3.8',
      OCSPSigning: '1.3.6.1.5.5.7.3.9',
      anyExtendedKeyUsage: '2.5.29.37.0',
    }).map(([name, oid]): [string, string, ChainOptions, RegExp] => [
      'E4',
      `a leaf with extKeyUsage ${name}`,
      leafWith(usage(digitalSignature), purposes('1.3.6.1.5.5.7.3.3', oid)),
      new RegExp(`must not have ${name}`),
    ]),
  ])('%s: %s', async (rule, _name, options, reason) => {
    const error = await refused(createChain(options));
    expect(error.message).toMatch(reason);
    expect(error.message).toContain(`(notary.md ${rule === 'E1' ? 'E2' : rule})`);
  });

  it.each<readonly [string, () => KeyObject, RegExp]>([
    ['Ed25519', () => generateKeyPairSync('ed25519').publicKey, /1\.3\.101\.112/],
    [
      'RSA restricted to PSS',
      () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey,
      /1\.2\.840\.113549\.1\.1\.10/,
    ],
    ['RSA of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, /RSA of 1024 bits/],
    ['RSA of 2056 bits', () => generateKeyPairSync('rsa', { modulusLength: 2056 }).publicKey, /RSA of 2056 bits/],
    [
      'another curve of 256 bits',
      () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey,
      /1\.3\.132\.0\.10/,
    ],
    ['P-256 by explicit parameters', explicitCurve, /not given by its OID/],
    ['a point that is not on its curve', offCurve, /cannot be decoded/],
    [
      'DSA',
      () => generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).publicKey,
      /1\.2\.840\.10040\.4\.1/,
    ],
  ])('E5: a leaf key of %s', async (_name, leafPublicKey, reason) => {
    const error = await refused(createChain({ ...VALIDITY, leafPublicKey: leafPublicKey() }));
    expect(error.message).toMatch(reason);
    expect(error.rule).toBe('E5');
  });

  it('E1: one certificate that is not self-signed, and says what to add', async () => {
    const { certificates } = await createChain({ length: 2 });
    const error = await refused(certificates.slice(0, 1));
    expect(error.rule).toBe('E1');
    expect(error.message).toMatch(/not self-signed: add its issuer, CN=Test Root CA,O=Acme,ST=WA,C=US/);
  });

  it('E1: one certificate whose signature is not its own', async () => {
    const { certificates } = await createChain({ length: 1 });
    expect((await refused([tampered(first(certificates))])).rule).toBe('E1');
  });

  it('E2: no certificate', async () => {
    expect((await refused([])).message).toMatch(/at least one/);
  });

  it('E2: more certificates than a chain may have', async () => {
    const { certificates } = await createChain({ length: 1 });
    expect((await refused(Array.from({ length: 21 }, () => first(certificates)))).message).toMatch(/at most 20/);
  });

  it('E2: the root first, and says how to order', async () => {
    const { certificates } = await createChain();
    const error = await refused(certificates.toReversed());
    expect(error.message).toMatch(/certificate 1 \(CN=Test Root CA.*\) is self-signed but is not the last/);
  });

  it('E2: intermediates in the wrong order, and says where the issuer stands', async () => {
    const { certificates } = await createChain({ length: 4 });
    const [leaf, low, high, root] = certificates as [
      X509Certificate,
      X509Certificate,
      X509Certificate,
      X509Certificate,
    ];
    const error = await refused([leaf, high, low, root]);
    expect(error.message).toMatch(/that certificate is number 3: put the leaf first/);
  });

  it('E2: a missing intermediate, and says so', async () => {
    const { certificates } = await createChain();
    const error = await refused(certificates.filter((_, i) => i !== 1));
    expect(error.message).toMatch(/CN=Test Intermediate 1 CA.* that certificate is missing: add it/);
  });

  it('E2: a missing root, and says so', async () => {
    const { certificates } = await createChain();
    expect((await refused(certificates.slice(0, -1))).message).toMatch(/not a self-signed root: add its issuer/);
  });

  it('E2: a certificate after the root', async () => {
    const [a, b] = await Promise.all([createChain(), createChain({ length: 1 })]);
    const error = await refused([...a.certificates, first(b.certificates)]);
    expect(error.message).toMatch(
      /self-signed but is not the last: order the chain leaf first and root last, and remove what follows/,
    );
  });

  it('E2: a certificate twice', async () => {
    const { certificates } = await createChain({ length: 2 });
    const [leaf, root] = certificates as [X509Certificate, X509Certificate];
    expect((await refused([leaf, leaf, root])).rule).toBe('E2');
    expect((await refused([leaf, root, root])).message).toMatch(/remove what follows/);
  });

  it('E2: an issuer of the right name with another key', async () => {
    const [a, b] = await Promise.all([createChain({ length: 2 }), createChain({ length: 2 })]);
    const error = await refused([first(a.certificates), ...b.certificates.slice(1)]);
    expect(error.message).toMatch(/is not signed by the key of 2/);
  });

  it('E2: a root whose self-signature is not its own', async () => {
    const { certificates } = await createChain({ length: 2 });
    const [leaf, root] = certificates as [X509Certificate, X509Certificate];
    const error = await refused([leaf, tampered(root)]);
    expect(error.message).toMatch(/the root, 2 \(.*\), names itself as its issuer, but its own key did not sign it/);
  });

  it('E2: an issuer whose name differs in its string type only', async () => {
    const { certificates } = await createChain({ length: 2 });
    const [leaf, root] = certificates as [X509Certificate, X509Certificate];
    // The leaf names its issuer with a PrintableString (0x13) where the root's own name has a UTF8String (0x0c).
    const original = Buffer.from('Test Root CA');
    const raw = Buffer.from(leaf.raw);
    const at = raw.indexOf(original) - 2;
    raw[at] = raw[at] === 0x0c ? 0x13 : 0x0c;
    expect((await refused([new X509Certificate(raw), root])).message).toMatch(/is issued by .*, but .* follows/);
  });
});

describe('a time-stamping leaf (E7)', () => {
  const timeStamping = '1.3.6.1.5.5.7.3.8';
  const critical = (...oids: string[]) => new x509.ExtendedKeyUsageExtension(oids, true);
  it.each<readonly [string, x509.Extension[], RegExp | undefined]>([
    ['is accepted with exactly timeStamping, critical', [usage(digitalSignature), critical(timeStamping)], undefined],
    ['is refused without keyUsage', [critical(timeStamping)], /keyUsage is missing/],
    ['is refused without extKeyUsage', [usage(digitalSignature)], /exactly timeStamping/],
    [
      'is refused when extKeyUsage is not critical',
      [usage(digitalSignature), purposes(timeStamping)],
      /must be critical/,
    ],
    [
      'is refused with another purpose beside it',
      [usage(digitalSignature), critical(timeStamping, '1.3.6.1.5.5.7.3.3')],
      /exactly/,
    ],
  ])('%s', async (_name, leafExtensions, reason) => {
    const { certificates } = await createChain({ leafExtensions });
    if (reason === undefined) expect(() => checkChain(certificates, 'timeStamping')).not.toThrow();
    else expect(() => checkChain(certificates, 'timeStamping')).toThrow(reason);
  });
});

/** The parameters stay explicit only in a key that was made with them. */
function explicitCurve(): KeyObject {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    paramEncoding: 'explicit',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  expect(createPrivateKey(pair.privateKey).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  return createPublicKey(pair.publicKey);
}

function first(certificates: readonly X509Certificate[]): X509Certificate {
  const [certificate] = certificates;
  if (certificate === undefined) throw new Error('no certificate');
  return certificate;
}

/** The certificate with the last bit of its signature turned. */
function tampered(certificate: X509Certificate): X509Certificate {
  const raw = Buffer.from(certificate.raw);
  raw.writeUInt8(raw.readUInt8(raw.length - 1) ^ 1, raw.length - 1);
  return new X509Certificate(raw);
}

/** A key of P-256 that no library would make. */
function offCurve(): KeyObject {
  const info = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
  info.writeUInt8(info.readUInt8(info.length - 1) ^ 1, info.length - 1);
  return { export: () => info } as unknown as KeyObject;
}
