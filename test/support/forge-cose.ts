import { constants, type KeyObject, sign, type X509Certificate } from 'node:crypto';
import { type CborItem, encodeCbor, tagged } from './cbor.ts';
import { SUBJECT } from './forge-jws.ts';

export type CoseHeader = ReadonlyMap<CborItem, CborItem>;

/** Numbers of RFC 9053 and RFC 8230. */
export const COSE_ALGORITHMS: Readonly<Record<string, number>> = {
  ES256: -7,
  ES384: -35,
  ES512: -36,
  PS256: -37,
  PS384: -38,
  PS512: -39,
};

export interface ForgeCoseOptions {
  readonly key: KeyObject;
  readonly certificates: readonly X509Certificate[];
  /** JWA name. */
  readonly alg: string;
  /** Default: the scheme notary.x509, signed a minute before `now`. */
  readonly now: Date;
  /** Changes the protected header, or replaces its bytes. */
  readonly protected?: (header: CoseHeader) => CoseHeader | Buffer;
  /** Replaces the payload's JSON text. */
  readonly payload?: string;
  /** Changes the unprotected header, or replaces its bytes. */
  readonly unprotected?: (header: CoseHeader) => CoseHeader | Buffer;
  /** Changes the signature after it is made. */
  readonly signature?: (signature: Buffer) => Buffer;
  /** Changes what is signed. */
  readonly toBeSigned?: (bytes: Buffer) => Buffer;
  /** Changes the four encoded members after signing. */
  readonly members?: (members: readonly Buffer[]) => readonly Buffer[];
  /** Changes the finished envelope. */
  readonly bytes?: (bytes: Buffer) => Buffer;
  /** Length of the PSS salt; default the hash's. */
  readonly saltLength?: number;
  /** Default raw r||s. */
  readonly dsaEncoding?: 'der' | 'ieee-p1363';
  /** Signs with this hash whatever alg says. */
  readonly hash?: string;
}

/** The protected header of a plain notary.x509 signature. */
export function plainCoseHeader(alg: string, now: Date): CoseHeader {
  return new Map<CborItem, CborItem>([
    [1, COSE_ALGORITHMS[alg] ?? 0],
    [2, ['io.cncf.notary.signingScheme']],
    [3, 'application/vnd.cncf.notary.payload.v1+json'],
    ['io.cncf.notary.signingTime', epoch(new Date(now.getTime() - 60_000))],
    ['io.cncf.notary.signingScheme', 'notary.x509'],
  ]);
}

/** A time as COSE writes it: whole seconds under tag 1. */
export function epoch(time: Date): CborItem {
  return tagged(1, Math.floor(time.getTime() / 1000));
}

/**
 * Makes a COSE envelope byte by byte, with a valid signature over whatever it is told to hold: what an attacker with a
 * good key, or a careless signer, could make. Shares no code with src/notary.
 */
export function forgeCose(options: ForgeCoseOptions): Buffer {
  const { key, certificates, alg, now } = options;
  const payload = Buffer.from(options.payload ?? JSON.stringify({ targetArtifact: SUBJECT }));
  const plain = plainCoseHeader(alg, now);
  const protectedBytes = bytesOf(options.protected?.(plain) ?? plain);
  const chain: CoseHeader = new Map([[33, certificates.map((certificate) => certificate.raw)]]);
  const unprotected = bytesOf(options.unprotected?.(chain) ?? chain);
  const toBeSigned = encodeCbor(['Signature1', protectedBytes, Buffer.alloc(0), payload]);
  const hash = options.hash ?? `sha${/\d{3}$/.exec(alg)?.[0] ?? '256'}`;
  const signature = sign(hash, options.toBeSigned?.(toBeSigned) ?? toBeSigned, {
    key,
    ...(key.asymmetricKeyType === 'rsa'
      ? {
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: options.saltLength ?? constants.RSA_PSS_SALTLEN_DIGEST,
        }
      : { dsaEncoding: options.dsaEncoding ?? 'ieee-p1363' }),
  });
  const finished = options.signature?.(signature) ?? signature;
  const members = [encodeCbor(protectedBytes), unprotected, encodeCbor(payload), encodeCbor(finished)];
  const bytes = Buffer.concat([Buffer.from('d284', 'hex'), ...(options.members?.(members) ?? members)]);
  return options.bytes?.(bytes) ?? bytes;
}

function bytesOf(header: CoseHeader | Buffer): Buffer {
  return header instanceof Buffer ? header : encodeCbor(header);
}
