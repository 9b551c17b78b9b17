import 'reflect-metadata';
import { createPrivateKey, generateKeyPairSync, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

export type KeyType = 'RSA-2048' | 'RSA-3072' | 'RSA-4096' | 'P-256' | 'P-384' | 'P-521';
export const KEY_TYPES: readonly KeyType[] = ['RSA-2048', 'RSA-3072', 'RSA-4096', 'P-256', 'P-384', 'P-521'];

export interface ChainOptions {
  /** Certificates from leaf to root; 1 is a self-signed leaf. Default 3. */
  readonly length?: 1 | 2 | 3 | 4;
  readonly key?: KeyType;
  /** RFC 4514, of the leaf. */
  readonly subject?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Replaces the leaf's default extensions (keyUsage digitalSignature critical, extKeyUsage codeSigning). */
  readonly leafExtensions?: x509.Extension[];
  /** Replaces the extensions of every CA: called with how many CAs stand below it. */
  readonly caExtensions?: (depth: number) => x509.Extension[];
  /** Bounds of the CAs; default ten years around now. */
  readonly caNotBefore?: Date;
  readonly caNotAfter?: Date;
  /** Hash of every certificate's signature. */
  readonly hash?: 'SHA-1' | 'SHA-256' | 'SHA-384';
  /** Hash of the root's own signature, where it is another. */
  readonly rootHash?: 'SHA-1' | 'SHA-256' | 'SHA-384';
  /** Key type of the CAs; default P-256 for an RSA leaf, else as the leaf's. */
  readonly caKey?: KeyType;
  /** Signs the certificates of RSA CAs with RSASSA-PSS. */
  readonly pss?: boolean;
  /** Goes into the leaf in place of its own public key: keys that must be refused. */
  readonly leafPublicKey?: KeyObject;
  /** Goes into the names of the CAs, so that two chains differ. */
  readonly caName?: string;
}

export interface Chain {
  /** Leaf first, root included. */
  readonly certificates: readonly X509Certificate[];
  /** All of them. */
  readonly pem: string;
  readonly rootPem: string;
  readonly key: KeyObject;
  /** PKCS#8. */
  readonly keyPem: string;
  /** Private keys of all certificates, in their order. */
  readonly keys: readonly KeyObject[];
}

/** Somebody who can sign: certificates, CRLs, OCSP answers. */
export interface Authority {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** Where a certificate says that its revocation can be asked for. */
export interface RevocationAddresses {
  readonly ocsp?: readonly string[];
  readonly crl?: readonly string[];
  readonly freshestCrl?: readonly string[];
}

/** authorityInfoAccess, cRLDistributionPoints (one point for each address) and freshestCRL. */
export function revocationExtensions({ ocsp, crl, freshestCrl }: RevocationAddresses): x509.Extension[] {
  const freshest = freshestCrl === undefined ? undefined : new x509.CRLDistributionPointsExtension([...freshestCrl]);
  return [
    ...(ocsp === undefined ? [] : [new x509.AuthorityInfoAccessExtension({ ocsp: [...ocsp] })]),
    ...(crl === undefined ? [] : [new x509.CRLDistributionPointsExtension([...crl])]),
    ...(freshest === undefined ? [] : [new x509.Extension('2.5.29.46', false, freshest.value)]),
  ];
}

export interface IssueOptions {
  readonly subject?: string;
  readonly extensions: x509.Extension[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** Has an authority on P-256 issue one more certificate, on P-256 too: an OCSP responder's, say. */
export async function issueFrom(issuer: Authority, options: IssueOptions): Promise<Authority> {
  const keys = await generate('P-256', 'SHA-256');
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: options.subject ?? 'C=US,ST=WA,O=Acme,CN=Test OCSP Responder',
    issuer: new x509.X509Certificate(issuer.certificate.raw).subject,
    notBefore: options.notBefore ?? new Date(Date.now() - YEAR_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + YEAR_MS),
    publicKey: keys.publicKey,
    signingKey: issuer.key.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
    signingAlgorithm: signingAlgorithm('P-256', 'SHA-256'),
    extensions: options.extensions,
  });
  return {
    certificate: new X509Certificate(Buffer.from(certificate.rawData)),
    key: await privateKeyObject(keys.privateKey),
  };
}

async function privateKeyObject(key: webcrypto.CryptoKey): Promise<KeyObject> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
}

/** A chain shaped like AWS Signer's: four certificates, ES384, a leaf of three days around `at` (aws.md). */
export function createSignerShapedChain(at: Date): Promise<Chain> {
  return createChain({
    length: 4,
    key: 'P-384',
    hash: 'SHA-384',
    subject: 'C=US,ST=WA,L=Seattle,O=AWS,OU=AWS Cryptography,CN=AWS Signer',
    caName: 'AWS Signer Code Signing',
    notBefore: new Date(at.getTime() - DAY_MS),
    notAfter: new Date(at.getTime() + 2 * DAY_MS),
    leafExtensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning], true),
    ],
  });
}

const DAY_MS = 24 * 60 * 60_000;
const YEAR_MS = 365 * 24 * 60 * 60_000;

/** Extensions of a CA as notary.md E3 wants them. */
export function caExtensions(depth: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, depth, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
}

/** Extensions of a code-signing leaf as notary.md E4 wants them. */
export function leafExtensions(): x509.Extension[] {
  return [
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
  ];
}

interface KeyPair {
  readonly publicKey: webcrypto.CryptoKey;
  readonly privateKey: webcrypto.CryptoKey;
}

function algorithmOf(
  type: KeyType,
  hash: string,
  pss: boolean,
): webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams {
  if (!type.startsWith('RSA')) return { name: 'ECDSA', namedCurve: type };
  return {
    name: pss ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5',
    hash,
    modulusLength: Number(type.slice(4)),
    publicExponent: new Uint8Array([1, 0, 1]),
  };
}

async function generate(type: KeyType, hash: string, pss = false): Promise<KeyPair> {
  return (await webcrypto.subtle.generateKey(algorithmOf(type, hash, pss), true, ['sign', 'verify'])) as KeyPair;
}

function signingAlgorithm(type: KeyType, hash: string, pss = false): { name: string; hash: string } {
  if (!type.startsWith('RSA')) return { name: 'ECDSA', hash };
  return pss
    ? ({ name: 'RSA-PSS', hash, saltLength: Number(hash.slice(4)) / 8 } as { name: string; hash: string })
    : { name: 'RSASSA-PKCS1-v1_5', hash };
}

/** Makes a certificate chain and the leaf's key, by a library of its own: not by the code that is tested with it. */
export async function createChain(options: ChainOptions = {}): Promise<Chain> {
  const { length = 3, key = 'P-256', hash = 'SHA-256', caName = 'Test', pss = false } = options;
  const subject = options.subject ?? 'C=US,ST=WA,L=Seattle,O=Acme,CN=Test Signer';
  const now = Date.now();
  const leafKeys = await generate(key, hash);
  const der: ArrayBuffer[] = [];
  const privateKeys = [leafKeys.privateKey];
  const caKeyType: KeyType = options.caKey ?? (key.startsWith('RSA') ? 'P-256' : key);
  const caWindow = {
    notBefore: options.caNotBefore ?? new Date(now - 5 * YEAR_MS),
    notAfter: options.caNotAfter ?? new Date(now + 5 * YEAR_MS),
  };
  let issuer = { name: '', keys: leafKeys, type: key };
  const cas = length - 1;
  for (let i = 0; i < cas; i += 1) {
    const certificateHash = i === 0 ? (options.rootHash ?? hash) : hash;
    const keys = await generate(caKeyType, certificateHash, pss);
    const name = `C=US,ST=WA,O=Acme,CN=${caName} ${i === 0 ? 'Root' : `Intermediate ${i}`} CA`;
    const depth = cas - 1 - i;
    const signer = i === 0 ? { name, keys, type: caKeyType } : issuer;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: name,
      issuer: signer.name,
      ...caWindow,
      publicKey: keys.publicKey,
      signingKey: signer.keys.privateKey,
      signingAlgorithm: signingAlgorithm(signer.type, certificateHash, pss),
      extensions: options.caExtensions?.(depth) ?? caExtensions(depth),
    });
    der.unshift(certificate.rawData);
    privateKeys.splice(1, 0, keys.privateKey);
    issuer = { name, keys, type: caKeyType };
  }
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject,
    issuer: cas === 0 ? subject : issuer.name,
    notBefore: options.notBefore ?? new Date(now - YEAR_MS),
    notAfter: options.notAfter ?? new Date(now + YEAR_MS),
    publicKey: options.leafPublicKey?.export({ type: 'spki', format: 'der' }) ?? leafKeys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: signingAlgorithm(issuer.type, hash, cas > 0 && pss),
    extensions: options.leafExtensions ?? leafExtensions(),
  });
  der.unshift(leaf.rawData);
  const certificates = der.map((bytes) => new X509Certificate(Buffer.from(bytes)));
  const keyObject = await privateKeyObject(leafKeys.privateKey);
  return {
    certificates,
    pem: certificates.map((certificate) => certificate.toString()).join(''),
    rootPem: certificates.at(-1)?.toString() ?? '',
    key: keyObject,
    keyPem: keyObject.export({ format: 'pem', type: 'pkcs8' }).toString(),
    keys: await Promise.all(privateKeys.map(privateKeyObject)),
  };
}

/** A private key that belongs to no chain. */
export function unrelatedKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** Positive, and with no zero before it: encoders differ in what they make of one. */
function serial(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(8)));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
