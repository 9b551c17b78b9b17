import 'reflect-metadata';
import { createPrivateKey, generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { type Chain, type ChainOptions, caExtensions, createChain, leafExtensions } from '../../../support/pki.ts';
import {
  accepted,
  askWith,
  type Case,
  CHAIN,
  DAY_MS,
  forged,
  forgedBy,
  NOW,
  policyWith,
  type Question,
  refused,
  STRANGER,
  stricter,
  unverified,
} from './case.ts';

const { digitalSignature, keyCertSign, cRLSign } = x509.KeyUsageFlags;
const EKU = x509.ExtendedKeyUsage;

/** Another length of chain than the type of the helper has. */
const asLength = (length: number): NonNullable<ChainOptions['length']> => length as 3;
const keyUsage = (flags: x509.KeyUsageFlags, critical = true): x509.Extension =>
  new x509.KeyUsagesExtension(flags, critical);
const purposes = (...oids: string[]): x509.Extension => new x509.ExtendedKeyUsageExtension(oids);
const criticalUnknown = (): x509.Extension =>
  new x509.Extension('1.3.6.1.4.1.99999.1', true, Buffer.from('0500', 'hex'));

const leafWith = (...extensions: x509.Extension[]) => forgedBy({ leafExtensions: extensions });
const leafWithUsage = (flags: x509.KeyUsageFlags) => leafWith(keyUsage(flags));
const leafFor = (...oids: string[]) => leafWith(keyUsage(digitalSignature), purposes(...oids));
const casWith = (extensions: (depth: number) => x509.Extension[], length: 2 | 3 | 4 = 3) =>
  forgedBy({ length, caExtensions: extensions });

/** The certificates of CHAIN, changed; its root stays trusted. */
function ordered(change: (certificates: readonly X509Certificate[]) => readonly X509Certificate[]): Partial<Question> {
  return forged({ certificates: change(CHAIN.certificates) });
}

/** A leaf with a public key of this kind, and the signature made by its private key. */
async function leafKey(pair: { publicKey: KeyObject; privateKey: KeyObject }, alg: string): Promise<Partial<Question>> {
  const chain = await createChain({ leafPublicKey: pair.publicKey });
  return askWith(
    { ...chain, key: createPrivateKey(pair.privateKey.export({ format: 'pem', type: 'pkcs8' })) },
    { alg },
  );
}

/** Two chains with the same names and other keys: the leaf of one over the certificates of the other. */
async function mixed(): Promise<Partial<Question>> {
  const [one, other] = await Promise.all([createChain({ caName: 'Twin' }), createChain({ caName: 'Twin' })]);
  const certificates = [...one.certificates.slice(0, 1), ...other.certificates.slice(1)];
  return askWith({ ...other, certificates, key: one.key });
}

const trustedRootOf = (chain: Chain, certificates: readonly X509Certificate[]): Partial<Question> =>
  askWith({ ...chain, certificates });

const FORBIDDEN_USAGES = ['keyEncipherment', 'dataEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign'] as const;
const FORBIDDEN_PURPOSES = ['serverAuth', 'clientAuth', 'emailProtection', 'timeStamping', 'ocspSigning'] as const;
const UNDERSTOOD = 'RFC 5280 §4.2: a critical extension that is not understood makes a certificate unfit';

/** The certificates of a chain (notary.md D, E). */
export const CERTIFICATES: readonly Case[] = [
  ...[1, 2, 3, 4, 8].map(
    (length): Case => ({
      name: `a chain of ${length}`,
      rule: length === 1 ? 'E1' : 'E2',
      ask: () => forgedBy({ length: asLength(length) }),
      expected: accepted(),
    }),
  ),
  {
    name: 'a chain of 17',
    rule: 'B6',
    ask: () => forgedBy({ length: asLength(17) }),
    expected: stricter('integrity', 'chains are bounded: sixteen certificates are more than anybody has'),
  },
  { name: 'root first', rule: 'E2', ask: ordered((all) => all.toReversed()), expected: refused('integrity') },
  { name: 'no root', rule: 'E2', ask: ordered((all) => all.slice(0, -1)), expected: refused('integrity') },
  {
    name: 'no intermediate',
    rule: 'E2',
    ask: ordered(([leaf, , root]) => [leaf, root].flatMap((c) => c ?? [])),
    expected: refused('integrity'),
  },
  {
    name: 'the leaf alone, issued by another',
    rule: 'E1',
    ask: ordered((all) => all.slice(0, 1)),
    expected: refused('integrity'),
  },
  {
    name: 'the root twice',
    rule: 'E2',
    ask: ordered((all) => [...all, ...all.slice(-1)]),
    expected: refused('integrity'),
  },
  {
    name: 'the leaf twice',
    rule: 'E2',
    ask: ordered((all) => [...all.slice(0, 1), ...all]),
    expected: refused('integrity'),
  },
  {
    name: 'a foreign root behind the root',
    rule: 'E2',
    ask: ordered((all) => [...all, ...STRANGER.certificates.slice(-1)]),
    expected: refused('integrity'),
  },
  {
    name: 'a leaf over the chain of another',
    rule: 'E2',
    ask: ordered((all) => [...all.slice(0, 1), ...STRANGER.certificates.slice(1)]),
    expected: refused('integrity'),
  },
  {
    name: 'issuers with the right names and other keys',
    rule: 'E2',
    ask: mixed,
    expected: refused('integrity'),
  },
  {
    name: 'certificates signed with SHA-1',
    rule: 'E2',
    ask: () => forgedBy({ hash: 'SHA-1', caKey: 'RSA-2048' }),
    expected: refused('integrity'),
  },
  {
    name: 'a root signed with SHA-1',
    rule: 'E2',
    ask: () => forgedBy({ rootHash: 'SHA-1', caKey: 'RSA-2048' }),
    expected: refused('integrity'),
  },
  {
    name: 'a single certificate signed with SHA-1',
    rule: 'E1',
    ask: async () => ({
      ...(await forgedBy({ length: 1, hash: 'SHA-1', key: 'RSA-2048' }, { alg: 'PS256' })),
      // Not in a store either, which would be refused before.
      ...policyWith({ signatureVerification: { level: 'audit' } }),
      stores: { 'ca:acme': [STRANGER.rootPem] },
    }),
    expected: stricter(
      'integrity',
      'SHA-1 is broken, for one certificate as for a chain',
      /is signed with sha1WithRSAEncryption/,
    ),
  },
  {
    name: 'certificates signed with RSASSA-PSS',
    rule: 'E2',
    ask: () => forgedBy({ pss: true, caKey: 'RSA-2048' }),
    expected: accepted(),
  },
  {
    name: 'a critical extension that nobody knows, in the leaf',
    rule: 'E2',
    ask: () => leafWith(...leafExtensions(), criticalUnknown()),
    expected: stricter('integrity', UNDERSTOOD),
  },
  {
    name: 'a critical extension that nobody knows, in a CA',
    rule: 'E2',
    ask: () => casWith((depth) => [...caExtensions(depth), criticalUnknown()]),
    expected: stricter('integrity', UNDERSTOOD),
  },
  {
    name: 'an unknown extension that is not critical',
    rule: 'E2',
    ask: () =>
      leafWith(...leafExtensions(), new x509.Extension('1.3.6.1.4.1.99999.1', false, Buffer.from('0500', 'hex'))),
    expected: accepted(),
  },
  {
    name: 'a CA without basicConstraints',
    rule: 'E3',
    ask: () => casWith(() => [keyUsage(keyCertSign | cRLSign)]),
    expected: refused('integrity'),
  },
  {
    name: 'a CA that says it is none',
    rule: 'E3',
    ask: () => casWith(() => [new x509.BasicConstraintsExtension(false, undefined, true), keyUsage(keyCertSign)]),
    expected: refused('integrity'),
  },
  {
    name: 'a CA whose basicConstraints are not critical',
    rule: 'E3',
    ask: () => casWith((depth) => [new x509.BasicConstraintsExtension(true, depth, false), keyUsage(keyCertSign)]),
    expected: stricter(
      'integrity',
      'RFC 5280 §4.2.1.9: CAs mark basicConstraints critical, so that nobody reads past them',
    ),
  },
  {
    name: 'a pathLen of 0 above an intermediate',
    rule: 'E3',
    ask: () => casWith(() => caExtensions(0), 3),
    expected: refused('integrity'),
  },
  {
    name: 'a CA without pathLen',
    rule: 'E3',
    ask: () => casWith(() => [new x509.BasicConstraintsExtension(true, undefined, true), keyUsage(keyCertSign)]),
    expected: accepted(),
  },
  {
    name: 'a CA without keyUsage',
    rule: 'E3',
    ask: () => casWith((depth) => [new x509.BasicConstraintsExtension(true, depth, true)]),
    expected: refused('integrity'),
  },
  {
    name: 'a CA whose keyUsage is not critical',
    rule: 'E3',
    ask: () =>
      casWith((depth) => [new x509.BasicConstraintsExtension(true, depth, true), keyUsage(keyCertSign, false)]),
    expected: refused('integrity'),
  },
  {
    name: 'a CA without keyCertSign',
    rule: 'E3',
    ask: () => casWith((depth) => [new x509.BasicConstraintsExtension(true, depth, true), keyUsage(cRLSign)]),
    expected: refused('integrity'),
  },
  {
    name: 'a leaf that is a CA',
    rule: 'E4',
    ask: () => leafWith(new x509.BasicConstraintsExtension(true, undefined, true), keyUsage(digitalSignature)),
    expected: refused('integrity'),
  },
  {
    name: 'a leaf that says it is no CA',
    rule: 'E4',
    ask: () => leafWith(new x509.BasicConstraintsExtension(false, undefined, true), ...leafExtensions()),
    expected: accepted(),
  },
  {
    name: 'a leaf without keyUsage',
    rule: 'E4',
    ask: () => leafWith(purposes(EKU.codeSigning)),
    expected: refused('integrity'),
  },
  {
    name: 'a leaf whose keyUsage is not critical',
    rule: 'E4',
    ask: () => leafWith(keyUsage(digitalSignature, false)),
    expected: refused('integrity'),
  },
  {
    name: 'a leaf without digitalSignature',
    rule: 'E4',
    ask: () => leafWithUsage(x509.KeyUsageFlags.nonRepudiation),
    expected: refused('integrity'),
  },
  ...FORBIDDEN_USAGES.map(
    (usage): Case => ({
      name: `a leaf with ${usage}`,
      rule: 'E4',
      ask: () => leafWithUsage(digitalSignature | x509.KeyUsageFlags[usage]),
      expected: refused('integrity'),
    }),
  ),
  ...FORBIDDEN_PURPOSES.map(
    (purpose): Case => ({
      name: `a leaf for ${purpose}`,
      rule: 'E4',
      ask: () => leafFor(EKU.codeSigning, EKU[purpose]),
      expected: refused('integrity'),
    }),
  ),
  {
    name: 'a leaf for any purpose',
    rule: 'E4',
    ask: () => leafFor('2.5.29.37.0'),
    expected: stricter('integrity', 'any purpose is also TLS and mail, which the specification excludes'),
  },
  { name: 'a leaf for code signing', rule: 'E4', ask: () => leafFor(EKU.codeSigning), expected: accepted() },
  { name: 'a leaf without extKeyUsage', rule: 'E4', ask: () => leafWithUsage(digitalSignature), expected: accepted() },
  {
    name: 'a leaf for a purpose of its own',
    rule: 'E4',
    ask: () => leafFor('1.3.6.1.4.1.99999.2'),
    expected: accepted(),
  },
  {
    name: 'a leaf with nonRepudiation beside digitalSignature',
    rule: 'E4',
    ask: () => leafWithUsage(digitalSignature | x509.KeyUsageFlags.nonRepudiation),
    expected: accepted(),
  },
  {
    name: 'a key of RSA 1024',
    rule: 'E5',
    ask: () => leafKey(generateKeyPairSync('rsa', { modulusLength: 1024 }), 'PS256'),
    expected: refused('integrity', 'integrity', /certificate .*RSA 2048, 3072 or 4096/),
  },
  {
    name: 'a key of RSA 2047',
    rule: 'B5',
    ask: () => leafKey(generateKeyPairSync('rsa', { modulusLength: 2047 }), 'PS256'),
    expected: stricter('integrity', 'the sizes of the specification are exact; one bit less is another key'),
  },
  {
    name: 'a key on P-224',
    rule: 'E5',
    ask: () => leafKey(generateKeyPairSync('ec', { namedCurve: 'secp224r1' }), 'ES256'),
    expected: refused('integrity', 'integrity', /certificate .*RSA 2048, 3072 or 4096/),
  },
  {
    name: 'a key on secp256k1',
    rule: 'E5',
    ask: () => leafKey(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), 'ES256'),
    expected: refused('integrity', 'integrity', /certificate .*RSA 2048, 3072 or 4096/),
  },
  {
    name: 'a key on P-256 with explicit parameters',
    rule: 'B5',
    ask: () => leafKey(generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }), 'ES256'),
    expected: refused('integrity'),
  },
  {
    name: 'a PSS salt of 20 bytes',
    rule: 'B5',
    ask: () => forgedBy({ key: 'RSA-2048', caKey: 'P-256' }, { alg: 'PS256', saltLength: 20 }),
    expected: stricter('integrity', 'RFC 7518 §3.5: the salt is as long as the hash', /does not verify/),
  },
  {
    name: 'PS256 with a key of RSA 3072',
    rule: 'B5',
    ask: () => forgedBy({ key: 'RSA-3072', caKey: 'P-256' }, { alg: 'PS256' }),
    expected: refused('integrity'),
  },
  {
    name: 'an expired leaf',
    rule: 'D',
    ask: () => forgedBy({ notAfter: new Date(NOW.getTime() - DAY_MS) }),
    expected: refused('authenticTimestamp'),
  },
  {
    name: 'a leaf that is not valid yet',
    rule: 'D',
    ask: () => forgedBy({ notBefore: new Date(NOW.getTime() + DAY_MS) }),
    expected: refused('authenticTimestamp'),
  },
  {
    name: 'expired CAs',
    rule: 'D',
    ask: () => forgedBy({ caNotAfter: new Date(NOW.getTime() - DAY_MS) }),
    expected: refused('authenticTimestamp'),
  },
  {
    name: 'an expired leaf where the timestamp is logged',
    rule: 'F7',
    ask: async () => ({
      ...(await forgedBy({ notAfter: new Date(NOW.getTime() - DAY_MS) })),
      ...policyWith({ signatureVerification: { level: 'permissive' } }),
    }),
    expected: accepted('authenticTimestamp'),
  },
  {
    name: 'an RSA key signing under a chain of P-256',
    rule: 'B5',
    ask: () => forgedBy({ key: 'RSA-2048', caKey: 'P-256' }, { alg: 'PS256' }),
    expected: accepted(),
  },
  {
    name: 'a signature by a key of nobody',
    rule: 'B7',
    ask: forged({ key: STRANGER.key }),
    expected: unverified,
  },
  {
    name: 'the chain of the trusted signer over the signature of a stranger',
    rule: 'B7',
    ask: () => Promise.resolve(trustedRootOf({ ...CHAIN, key: STRANGER.key }, CHAIN.certificates)),
    expected: unverified,
  },
];
