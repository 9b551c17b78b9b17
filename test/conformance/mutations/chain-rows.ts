import 'reflect-metadata';
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { caExtensions, createChain, leafExtensions } from '../../support/pki.ts';
import { DAY_MS, NOW, VALIDITY } from '../../unit/notary/harness.ts';
import type { ChainChange, Hooks } from './forge.ts';
import { FAILS, type Mutation, mutationsOf, type Options } from './mutation.ts';

type Chain = readonly X509Certificate[];
const { digitalSignature, nonRepudiation, keyCertSign, cRLSign, keyEncipherment, dataEncipherment, keyAgreement } =
  x509.KeyUsageFlags;
const { encipherOnly, decipherOnly } = x509.KeyUsageFlags;

const usage = (flags: number, critical = true) => new x509.KeyUsagesExtension(flags, critical);
const purposes = (...oids: string[]) => new x509.ExtendedKeyUsageExtension(oids);
const ca = (pathLength?: number, critical = true) => new x509.BasicConstraintsExtension(true, pathLength, critical);
const extension = (oid: string, critical: boolean, hex: string) =>
  new x509.Extension(oid, critical, Buffer.from(hex, 'hex'));
const UNKNOWN_CRITICAL = extension('1.2.3.4.5', true, '0500');

const chain = (changes: Partial<ChainChange>): Hooks => ({ chain: (options) => ({ ...options, ...changes }) });
const leafWith = (...extensions: x509.Extension[]): Hooks => chain({ leafExtensions: extensions });
const cas = (extensions: (depth: number) => x509.Extension[]): Hooks => chain({ caExtensions: extensions });
const certificates = (change: (chain: Chain) => Chain): Hooks => ({ certificates: change });
const leafKey = (key: KeyObject): Hooks => chain({ leafKey: key });
const later = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);

/** Same names as the good chains', other keys. */
const stranger = await createChain(VALIDITY);
const single = await createChain({ ...VALIDITY, length: 1, key: 'P-384', hash: 'SHA-384' });
/** Bits of the signature, at the end of a certificate. */
const tampered = (certificate: X509Certificate): X509Certificate => {
  const raw = Buffer.from(certificate.raw);
  raw.writeUInt8(raw.readUInt8(raw.length - 1) ^ 1, raw.length - 1);
  return new X509Certificate(raw);
};
const only = (index: number, change: (certificate: X509Certificate) => X509Certificate): Hooks =>
  certificates((all) => all.map((certificate, i) => (i === index ? change(certificate) : certificate)));
/** Writes bytes over others of a certificate, which OpenSSL still reads. */
const overwritten = (from: string, to: string): Hooks =>
  only(0, (certificate) => {
    const raw = Buffer.from(certificate.raw);
    const at = raw.indexOf(Buffer.from(from, 'hex'));
    if (at === -1) throw new Error(`no ${from} in the certificate`);
    Buffer.from(to, 'hex').copy(raw, at);
    return new X509Certificate(raw);
  });

/** The parameters stay explicit only in a key that was made with them. */
function explicitCurve(): KeyObject {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    paramEncoding: 'explicit',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return createPrivateKey(privateKey);
}

const RSA: Options = { kind: 'RSA' };
const SINGLE: Options = { kind: 'single' };
const EXPIRED: Options = { check: 'authenticTimestamp', code: 'CertificateExpired' };
const NOT_VALID: Options = { check: 'authenticTimestamp', code: 'TimestampFailed' };
const UNTRUSTED: Options = { check: 'authenticity', code: 'NotFromTrustStore' };

/** The certificates: well signed by their leaf, and not what a chain must be. */
export const CHAIN_MUTATIONS: readonly Mutation[] = mutationsOf(
  [
    // E1: one certificate
    ['E1', 'one certificate signed with SHA-1', chain({ hash: 'SHA-1', key: 'P-256' }), /signed with .*sha1/i, SINGLE],
    [
      'E1',
      'one certificate that its own key did not sign',
      only(0, tampered),
      /names itself as its issuer, but its own key did not sign it/i,
      SINGLE,
    ],
    [
      'E1',
      'one certificate that is a CA',
      leafWith(ca(), usage(digitalSignature)),
      /must not be a certificate authority/,
      SINGLE,
    ],
    [
      'E1',
      'one certificate that may sign others',
      leafWith(usage(digitalSignature | keyCertSign)),
      /must not have keyCertSign/,
      SINGLE,
    ],
    [
      'E1',
      'one certificate for TLS servers',
      leafWith(usage(digitalSignature), purposes('1.3.6.1.5.5.7.3.1')),
      /must not have serverAuth/,
      SINGLE,
    ],
    ['E1', 'one certificate without keyUsage', leafWith(), /keyUsage is missing/, SINGLE],
    [
      'E1',
      'the leaf alone of a chain',
      certificates((all) => all.slice(0, 1)),
      /the one certificate, .*, is not self-signed: add its issuer/,
    ],
    [
      'E2',
      'one certificate twice',
      certificates((all) => [...all, ...all]),
      /is self-signed but is not the last/,
      SINGLE,
    ],
    [
      'E2',
      'a root more than the one certificate needs',
      certificates((all) => [...all, ...stranger.certificates.slice(-1)]),
      /is self-signed but is not the last/,
      SINGLE,
    ],
    // E2: the order
    [
      'E2',
      'the root first',
      certificates((all) => all.toReversed()),
      /certificate 1 .* is self-signed but is not the last/,
    ],
    [
      'E2',
      'no root',
      certificates((all) => all.slice(0, -1)),
      /the last certificate, 2 .*, is not a self-signed root: add its issuer/,
    ],
    [
      'E2',
      'no intermediate',
      certificates((all) => all.toSpliced(1, 1)),
      /is issued by .*, but 2 .* follows; that certificate is missing/,
    ],
    [
      'E2',
      'the intermediate before the leaf',
      certificates(([leaf, low, ...rest]) => [low, leaf, ...rest] as Chain),
      /is issued by .*, but 2 .* follows; that certificate is number 3/,
    ],
    ['E2', 'the leaf twice', certificates((all) => [...all.slice(0, 1), ...all]), /is issued by .*, but 2 .* follows/],
    [
      'E2',
      'the intermediate twice',
      certificates((all) => [...all.slice(0, 2), ...all.slice(1)]),
      /is issued by .*, but 3 .* follows/,
    ],
    [
      'E2',
      'the root twice',
      certificates((all) => [...all, ...all.slice(-1)]),
      /3 .* is self-signed but is not the last/,
    ],
    [
      'E2',
      'a root of others after the root',
      certificates((all) => [...all, ...single.certificates]),
      /3 .* is self-signed but is not the last/,
    ],
    [
      'E2',
      'a certificate of others between',
      certificates((all) => [...all.slice(0, 1), ...single.certificates, ...all.slice(1)]),
      /is issued by .*, but 2 .* follows/,
    ],
    [
      'E2',
      'an intermediate of the same name and another key',
      certificates(([leaf, , root]) => [leaf, stranger.certificates[1], root] as Chain),
      /is not signed by the key of 2/,
    ],
    [
      'E2',
      'a root of the same name and another key',
      certificates((all) => [...all.slice(0, -1), ...stranger.certificates.slice(-1)]),
      /2 .* is not signed by the key of 3/,
    ],
    ['E2', 'a bit turned in the signature of the leaf', only(0, tampered), /1 .* is not signed by the key of 2/],
    [
      'E2',
      'a bit turned in the signature of the intermediate',
      only(1, tampered),
      /2 .* is not signed by the key of 3/,
    ],
    [
      'E2',
      'a bit turned in the signature of the root',
      only(2, tampered),
      /the root, 3 .*, names itself as its issuer, but its own key did not sign it/,
    ],
    [
      'E2',
      'an issuer whose name differs in its string type',
      only(0, (leaf) => {
        const raw = Buffer.from(leaf.raw);
        const at = raw.indexOf('Test Intermediate') - 2;
        raw[at] = raw[at] === 0x0c ? 0x13 : 0x0c;
        return new X509Certificate(raw);
      }),
      /is issued by .*, but 2 .* follows/,
    ],
    [
      'E2',
      'a leaf whose subject was changed',
      overwritten(Buffer.from('Test Signer').toString('hex'), Buffer.from('Best Signer').toString('hex')),
      /1 .* is not signed by the key of 2/,
    ],
    [
      'E2',
      'a leaf that holds for ten years more',
      only(0, (leaf) => {
        const raw = Buffer.from(leaf.raw);
        const at = raw.indexOf('260715');
        if (at === -1) throw new Error('no date');
        raw.write('36', at);
        return new X509Certificate(raw);
      }),
      /1 .* is not signed by the key of 2/,
    ],
    ['E2', 'SHA-1 in the whole chain', chain({ hash: 'SHA-1' }), /signed with .*sha1/i],
    ['E2', 'SHA-1 in the root alone', chain({ rootHash: 'SHA-1' }), /signed with .*sha1/i],
    ['E2', 'RSA with SHA-1', chain({ caKey: 'RSA-2048', length: 2, hash: 'SHA-1' }), /signed with .*sha1/i, RSA],
    ['E2', 'PSS with SHA-1', chain({ caKey: 'RSA-2048', length: 2, hash: 'SHA-1', pss: true }), /signed with/i, RSA],
    [
      'E2',
      'an unknown critical extension of the leaf',
      leafWith(...leafExtensions(), UNKNOWN_CRITICAL),
      /CN=Test Signer.* extension 1\.2\.3\.4\.5 is not understood/,
    ],
    [
      'E2',
      'an unknown critical extension of every CA',
      cas((depth) => [...caExtensions(depth), UNKNOWN_CRITICAL]),
      /CA.*: the critical extension 1\.2\.3\.4\.5 is not understood/,
    ],
    [
      'E2',
      'an unknown critical extension of the root alone',
      cas((depth) => [...caExtensions(depth), ...(depth === 1 ? [UNKNOWN_CRITICAL] : [])]),
      /Root CA.*: the critical extension 1\.2\.3\.4\.5/,
    ],
    [
      'E2',
      'constraints on directory names',
      cas((depth) => [
        ...caExtensions(depth),
        extension('2.5.29.30', true, '3015a0133011a40f300d310b3009060355040613025553'),
      ]),
      /nameConstraints on directory names/,
    ],
    [
      'E2',
      'an extension twice',
      leafWith(...leafExtensions(), extension('1.2.3.4.6', false, '0500'), extension('1.2.3.4.6', false, '0500')),
      /1\.2\.3\.4\.6 stands twice/,
    ],
    // E3: CAs
    [
      'E3',
      'CAs without basicConstraints',
      cas(() => [usage(keyCertSign)]),
      /issues another, so basicConstraints must have CA true/,
    ],
    [
      'E3',
      'CAs with CA false',
      cas(() => [new x509.BasicConstraintsExtension(false, undefined, true), usage(keyCertSign)]),
      /basicConstraints must have CA true/,
    ],
    [
      'E3',
      'basicConstraints of CAs not critical',
      cas((depth) => [ca(depth, false), usage(keyCertSign)]),
      /basicConstraints must be critical/,
    ],
    [
      'E3',
      'basicConstraints of the root alone not critical',
      cas((depth) => [ca(depth, depth !== 1), usage(keyCertSign)]),
      /Root CA.*: basicConstraints must be critical/,
    ],
    [
      'E3',
      'a pathLen of the root too short',
      cas(() => [ca(0), usage(keyCertSign)]),
      /Root CA.*pathLen 0 allows fewer than the 1/,
    ],
    ['E3', 'CAs without keyUsage', cas((depth) => [ca(depth)]), /CA.*: keyUsage is missing/],
    [
      'E3',
      'keyUsage of CAs not critical',
      cas((depth) => [ca(depth), usage(keyCertSign, false)]),
      /CA.*: keyUsage must be critical/,
    ],
    [
      'E3',
      'CAs without keyCertSign',
      cas((depth) => [ca(depth), usage(cRLSign)]),
      /CA.*: keyUsage must have keyCertSign/,
    ],
    [
      'E3',
      'the intermediate alone without keyCertSign',
      cas((depth) => [ca(depth), usage(depth === 0 ? digitalSignature : keyCertSign)]),
      /Intermediate 1 CA.*: keyUsage must have keyCertSign/,
    ],
    // E4: the leaf
    [
      'E4',
      'a leaf that is a CA',
      leafWith(ca(), usage(digitalSignature)),
      /the leaf must not be a certificate authority/,
    ],
    [
      'E4',
      'a leaf that is a CA, not critically',
      leafWith(ca(undefined, false), usage(digitalSignature)),
      /the leaf must not be a certificate authority/,
    ],
    ['E4', 'a leaf without keyUsage', leafWith(purposes('1.3.6.1.5.5.7.3.3')), /Signer.*: keyUsage is missing/],
    ['E4', 'a leaf without extensions', leafWith(), /Signer.*: keyUsage is missing/],
    [
      'E4',
      'keyUsage of the leaf not critical',
      leafWith(usage(digitalSignature, false)),
      /Signer.*: keyUsage must be critical/,
    ],
    ['E4', 'a leaf without digitalSignature', leafWith(usage(nonRepudiation)), /keyUsage must have digitalSignature/],
    ['E4', 'a leaf of no usage', leafWith(usage(0)), /keyUsage must have digitalSignature/],
    ...Object.entries({
      keyEncipherment,
      dataEncipherment,
      keyAgreement,
      keyCertSign,
      cRLSign,
      encipherOnly,
      decipherOnly,
    }).map(
      ([name, flag]) =>
        [
          'E4',
          `a leaf with keyUsage ${name}`,
          leafWith(usage(digitalSignature | flag)),
          new RegExp(`keyUsage of the leaf must not have ${name}`),
        ] as const,
    ),
    ...Object.entries({
      serverAuth: '1.3.6.1.5.5.7.3.1',
      clientAuth: '1.3.6.1.5.5.7.3.2',
      emailProtection: '1.3.6.1.5.5.7.3.4',
      timeStamping: '1.3.6.1.5.5.7.3.8',
      OCSPSigning: '1.3.6.1.5.5.7.3.9',
      anyExtendedKeyUsage: '2.5.29.37.0',
    }).map(
      ([name, oid]) =>
        [
          'E4',
          `a leaf with extKeyUsage ${name}`,
          leafWith(usage(digitalSignature), purposes('1.3.6.1.5.5.7.3.3', oid)),
          new RegExp(`extKeyUsage of the leaf must not have ${name}`),
        ] as const,
    ),
    [
      'E4',
      'a leaf for time stamping alone (E7)',
      leafWith(usage(digitalSignature), new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.8'], true)),
      /extKeyUsage of the leaf must not have timeStamping/,
    ],
    [
      'E4',
      'keyUsage that is no bit string',
      leafWith(extension('2.5.29.15', true, '0500')),
      /keyUsage cannot be read|cannot be read: expected tag 0x3/,
    ],
    [
      'E4',
      'keyUsage with stray bits',
      leafWith(extension('2.5.29.15', true, '030207ff')),
      /keyUsage cannot be read: a bad BIT STRING/,
    ],
    [
      'E4',
      'extKeyUsage with bytes after it',
      leafWith(usage(digitalSignature), extension('2.5.29.37', false, '300a06082b0601050507030300')),
      /extKeyUsage cannot be read: bytes follow it/,
    ],
    [
      'E4',
      'basicConstraints whose BOOLEAN is 1',
      leafWith(usage(digitalSignature), extension('2.5.29.19', true, '3003010101')),
      /basicConstraints cannot be read: a bad BOOLEAN/,
    ],
    // E5: keys
    [
      'E5',
      'a leaf key of RSA 1024',
      leafKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
      /found RSA of 1024 bits/,
      RSA,
    ],
    [
      'E5',
      'a leaf key of RSA 2056',
      leafKey(generateKeyPairSync('rsa', { modulusLength: 2056 }).privateKey),
      /found RSA of 2056 bits/,
      RSA,
    ],
    [
      'E5',
      'a leaf key of RSA for PSS only',
      leafKey(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey),
      /found a key of the type 1\.2\.840\.113549\.1\.1\.10/,
      RSA,
    ],
    [
      'E5',
      'a leaf key on secp256k1',
      leafKey(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
      /found an EC key on the curve 1\.3\.132\.0\.10/,
    ],
    [
      'E5',
      'a leaf key on P-224',
      leafKey(generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).privateKey),
      /found an EC key on the curve 1\.3\.132\.0\.33/,
    ],
    [
      'E5',
      'a leaf key on brainpoolP256r1',
      leafKey(generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey),
      /found an EC key on the curve 1\.3\.36\.3\.3\.2\.8\.1\.1\.7/,
    ],
    [
      'E5',
      'a leaf key on P-256 by explicit parameters',
      leafKey(explicitCurve()),
      /found an EC key whose curve is not given by its OID/,
    ],
    [
      'E5',
      'a leaf key of Ed25519',
      { ...leafKey(generateKeyPairSync('ed25519').privateKey), signing: () => ({ key: stranger.key }) },
      /found a key of the type 1\.3\.101\.112/,
    ],
    // E6, D: what the chain is trusted for
    [
      'E6',
      'the chain and key of a stranger of the same names',
      { certificates: () => stranger.certificates, signing: () => ({ key: stranger.key }) },
      /no certificate of its chain .* is in ca:acme/,
      UNTRUSTED,
    ],
    [
      'E6',
      'a self-signed certificate of the same subject',
      { certificates: () => single.certificates, signing: () => ({ key: single.key, hash: 'sha384' }) },
      /no certificate of its chain .* is in ca:acme/,
      { ...UNTRUSTED, kind: 'single' },
    ],
    [
      'E6',
      'the chain of a stranger, of a signing authority',
      { certificates: () => stranger.certificates, signing: () => ({ key: stranger.key }) },
      /no certificate of its chain .* is in signingAuthority:acme/,
      { ...UNTRUSTED, kind: 'authority' },
    ],
    ['D', 'a leaf that has expired', chain({ notAfter: later(-1) }), /has expired, and no timestamp/, EXPIRED],
    ['D', 'a root that has expired', chain({ caNotAfter: later(-1) }), /CA.* has expired, and no timestamp/, EXPIRED],
    ['D', 'a leaf that is not valid yet', chain({ notBefore: later(1) }), /is not valid yet/, NOT_VALID],
    [
      'D',
      'a leaf that was not valid at the authentic signing time',
      chain({ notBefore: NOW }),
      /was not valid at 2026-06-15T11:00:00Z/,
      { ...NOT_VALID, kind: 'authority' },
    ],
    [
      'I',
      'a leaf that was not valid when timestamped',
      chain({ notBefore: NOW }),
      /was not valid when the signature was timestamped/,
      { ...NOT_VALID, kind: 'full' },
    ],
  ],
  FAILS,
);
