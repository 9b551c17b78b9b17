import 'reflect-metadata';
import { constants, createHash, sign, type X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { algorithm, der, integer, NULL, octets, oid, sequence, setOf } from './der.ts';
import { type Chain, type ChainOptions, createChain } from './pki.ts';

export type Hash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

export const HASH_OIDS: Readonly<Record<Hash, string>> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};

export const OIDS = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  tstInfo: '1.2.840.113549.1.9.16.1.4',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  rsa: '1.2.840.113549.1.1.1',
  rsassaPss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',
} as const;

const ECDSA: Readonly<Record<Hash, string>> = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
};

/** A policy of nobody, so that no accuracy is implied. */
export const POLICY = '1.3.6.1.4.1.99999.1';

/** Attribute type and its values. */
export type Attribute = readonly [type: string, ...values: Buffer[]];

export interface TimestampOptions {
  /** Who signs: its first certificate names the key. */
  readonly tsa: Pick<Chain, 'certificates' | 'key'>;
  /** Hash of the imprint, and its digest. */
  readonly imprint: { readonly hash: Hash; readonly digest: Uint8Array };
  /** As GeneralizedTime writes it, or a time in milliseconds. */
  readonly genTime: Date | string;
  readonly policy?: string;
  readonly serialNumber?: number;
  readonly accuracy?: { readonly seconds?: number; readonly millis?: number; readonly micros?: number };
  readonly nonce?: Uint8Array;
  /** Digest algorithm of the signer; default sha256. */
  readonly digest?: Hash;
  readonly pss?: boolean;
  /** Default: all but the root. */
  readonly certificates?: readonly X509Certificate[];
  // Each changes the parts of one structure before it is put together, so that what is outside of it still fits:
  readonly info?: (fields: Buffer[]) => Buffer[];
  readonly content?: (tstInfo: Buffer) => Buffer;
  readonly attributes?: (attributes: Attribute[]) => Attribute[];
  /** The attributes together, a SET; what is signed. */
  readonly attributeSet?: (set: Buffer) => Buffer;
  readonly signature?: (signature: Buffer) => Buffer;
  readonly signer?: (fields: Buffer[]) => Buffer[];
  readonly signers?: (signerInfo: Buffer) => Buffer[];
  readonly encapsulated?: (fields: Buffer[]) => Buffer[];
  readonly signedData?: (fields: Buffer[]) => Buffer[];
  readonly contentInfo?: (fields: Buffer[]) => Buffer[];
  readonly token?: (token: Buffer) => Buffer;
}

/** Extensions of a time stamping leaf as notary.md E7 wants them. */
export function tsaExtensions(): x509.Extension[] {
  return [
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.timeStamping], true),
  ];
}

/** The chain of a time stamping authority. */
export function createTsaChain(options: ChainOptions = {}): Promise<Chain> {
  return createChain({
    subject: 'C=US,ST=WA,O=Clock,CN=Time Stamping Unit',
    caName: 'Clock',
    leafExtensions: tsaExtensions(),
    ...options,
  });
}

/**
 * Makes an RFC 3161 token byte by byte, with a valid signature over whatever it is told to hold: what a bad authority
 * could make. Shares no code with src/notary, nor a library.
 */
export function forgeTimestamp(options: TimestampOptions): Buffer {
  const { tsa, digest = 'sha256' } = options;
  const [leaf] = tsa.certificates;
  if (leaf === undefined) throw new Error('the authority has no certificate');
  const hash = (bytes: Uint8Array, name: Hash = digest): Buffer => createHash(name).update(bytes).digest();

  const info = tstInfoFields(options);
  const tstInfo = sequence(...(options.info?.(info) ?? info));
  const content = options.content?.(tstInfo) ?? tstInfo;

  const plain: Attribute[] = [
    [OIDS.contentType, oid(OIDS.tstInfo)],
    [OIDS.messageDigest, octets(hash(content))],
    [OIDS.signingCertificateV2, sequence(sequence(essCertId(leaf)))],
  ];
  const attributes = (options.attributes?.(plain) ?? plain).map(([type, ...values]) =>
    sequence(oid(type), der(0x31, ...values)),
  );
  const sorted = setOf(...attributes);
  const set = options.attributeSet?.(sorted) ?? sorted;

  const signature = signWith(tsa, digest, options.pss === true, set);
  const { issuer, serialNumber } = issuerAndSerial(leaf);
  const signer = [
    integer(1),
    sequence(issuer, serialNumber),
    algorithm(HASH_OIDS[digest], NULL),
    Buffer.concat([Buffer.from([0xa0]), set.subarray(1)]),
    signatureAlgorithm(tsa, digest, options.pss === true),
    octets(options.signature?.(signature) ?? signature),
  ];
  const signerInfo = sequence(...(options.signer?.(signer) ?? signer));
  const encapsulated = [oid(OIDS.tstInfo), der(0xa0, octets(content))];
  const certificates = options.certificates ?? tsa.certificates.slice(0, Math.max(1, tsa.certificates.length - 1));
  const signedData = [
    integer(3),
    setOf(algorithm(HASH_OIDS[digest], NULL)),
    sequence(...(options.encapsulated?.(encapsulated) ?? encapsulated)),
    der(0xa0, ...certificates.map((certificate) => certificate.raw)),
    setOf(...(options.signers?.(signerInfo) ?? [signerInfo])),
  ];
  const contentInfo = [oid(OIDS.signedData), der(0xa0, sequence(...(options.signedData?.(signedData) ?? signedData)))];
  const token = sequence(...(options.contentInfo?.(contentInfo) ?? contentInfo));
  return options.token?.(token) ?? token;
}

/** ESSCertIDv2 with SHA-256, which is its default, and the issuer and serial number. */
export function essCertId(certificate: X509Certificate): Buffer {
  const { issuer, serialNumber } = issuerAndSerial(certificate);
  const certHash = createHash('sha256').update(certificate.raw).digest();
  return sequence(octets(certHash), sequence(sequence(der(0xa4, issuer)), serialNumber));
}

/** The issuer's name and the serial number of a certificate, DER. */
export function issuerAndSerial(certificate: X509Certificate): { issuer: Buffer; serialNumber: Buffer } {
  const parsed = new x509.X509Certificate(certificate.raw);
  const serial = Buffer.from(parsed.serialNumber, 'hex');
  return { issuer: Buffer.from(parsed.issuerName.toArrayBuffer()), serialNumber: integer(serial) };
}

/** `20260615120000.5Z`: fractions without trailing zeros. */
export function generalizedTime(time: Date): string {
  const [whole = '', millis = ''] = time
    .toISOString()
    .replace(/[-:TZ]/g, '')
    .split('.');
  const fraction = millis.replace(/0+$/, '');
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`;
}

function tstInfoFields({ imprint, genTime, policy, serialNumber, accuracy, nonce }: TimestampOptions): Buffer[] {
  const time = typeof genTime === 'string' ? genTime : generalizedTime(genTime);
  const { seconds, millis, micros } = accuracy ?? {};
  const parts = [
    ...(seconds === undefined ? [] : [integer(seconds)]),
    ...(millis === undefined ? [] : [integer(millis, 0x80)]),
    ...(micros === undefined ? [] : [integer(micros, 0x81)]),
  ];
  return [
    integer(1),
    oid(policy ?? POLICY),
    sequence(algorithm(HASH_OIDS[imprint.hash], NULL), octets(imprint.digest)),
    integer(serialNumber ?? 42),
    der(0x18, Buffer.from(time)),
    ...(accuracy === undefined ? [] : [sequence(...parts)]),
    ...(nonce === undefined ? [] : [integer(nonce)]),
  ];
}

function signWith({ key }: TimestampOptions['tsa'], digest: Hash, pss: boolean, bytes: Uint8Array): Buffer {
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return sign(digest, bytes, { key, ...(pss ? padding : {}) });
}

function signatureAlgorithm({ key }: TimestampOptions['tsa'], digest: Hash, pss: boolean): Buffer {
  if (key.asymmetricKeyType !== 'rsa') return algorithm(ECDSA[digest]);
  return pss ? pssAlgorithm(digest, digest, Number(digest.slice(3)) / 8) : algorithm(OIDS.rsa, NULL);
}

/** RSASSA-PSS-params, all three said. */
export function pssAlgorithm(hash: Hash, maskHash: Hash, saltLength: number): Buffer {
  const hashes = [hash, maskHash].map((name) => algorithm(HASH_OIDS[name], NULL));
  const [own = NULL, mask = NULL] = hashes;
  return algorithm(
    OIDS.rsassaPss,
    sequence(der(0xa0, own), der(0xa1, algorithm(OIDS.mgf1, mask)), der(0xa2, integer(saltLength))),
  );
}
