import { constants, type KeyObject, sign, type X509Certificate } from 'node:crypto';

/** Image manifest that the forged envelopes sign, unless told otherwise. */
export const SUBJECT = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'73c803930ea3ba1e54bc25c2bdc53edd0284c62ed651fe7b00369da519a3c333'}`,
  size: 16724,
} as const;

type Header = Record<string, unknown>;

export interface ForgeOptions {
  readonly key: KeyObject;
  readonly certificates: readonly X509Certificate[];
  readonly alg: string;
  /** Default: the scheme notary.x509, signed a minute before `now`. */
  readonly now: Date;
  /** Changes the protected header, or replaces its JSON text. */
  readonly protected?: (header: Header) => Header | string;
  /** Replaces the payload's JSON text. */
  readonly payload?: string;
  /** Changes the unprotected header, or replaces its JSON text. */
  readonly header?: (header: Header) => Header | string;
  /** Changes the signature after it is made. */
  readonly signature?: (signature: Buffer) => Buffer;
  /** Changes the finished envelope's JSON text. */
  readonly text?: (text: string) => string;
  /** Length of the PSS salt; default the hash's. */
  readonly saltLength?: number;
  /** Default raw r||s. */
  readonly dsaEncoding?: 'der' | 'ieee-p1363';
  /** Signs with this hash whatever alg says. */
  readonly hash?: string;
}

/** The protected header of a plain notary.x509 signature. */
export function plainHeader(alg: string, now: Date): Header {
  return {
    alg,
    cty: 'application/vnd.cncf.notary.payload.v1+json',
    crit: ['io.cncf.notary.signingScheme'],
    'io.cncf.notary.signingScheme': 'notary.x509',
    'io.cncf.notary.signingTime': rfc3339(new Date(now.getTime() - 60_000)),
  };
}

/**
 * Makes a JWS envelope byte by byte, with a valid signature over whatever it is told to hold: what an attacker with a
 * good key, or a careless signer, could make. Shares no code with src/notary.
 */
export function forgeJws(options: ForgeOptions): Buffer {
  const { key, certificates, alg, now } = options;
  const payloadText = options.payload ?? JSON.stringify({ targetArtifact: SUBJECT });
  const protectedHeader = options.protected?.(plainHeader(alg, now)) ?? plainHeader(alg, now);
  const unprotected = { x5c: certificates.map((certificate) => certificate.raw.toString('base64')) };
  const header = options.header?.(unprotected) ?? unprotected;
  const payload = Buffer.from(payloadText).toString('base64url');
  const protectedText = Buffer.from(textOf(protectedHeader)).toString('base64url');
  const hash = options.hash ?? `sha${/\d{3}$/.exec(alg)?.[0] ?? '256'}`;
  const signature = sign(hash, Buffer.from(`${protectedText}.${payload}`), {
    key,
    ...(key.asymmetricKeyType === 'rsa'
      ? {
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: options.saltLength ?? constants.RSA_PSS_SALTLEN_DIGEST,
        }
      : { dsaEncoding: options.dsaEncoding ?? 'ieee-p1363' }),
  });
  const finished = options.signature?.(signature) ?? signature;
  const text = `{"payload":"${payload}","protected":"${protectedText}","header":${textOf(header)},"signature":"${finished.toString('base64url')}"}`;
  return Buffer.from(options.text?.(text) ?? text);
}

/** Whole seconds, UTC. */
export function rfc3339(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

function textOf(value: Header | string): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
