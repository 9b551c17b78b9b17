import { sign } from 'node:crypto';
import type { SigningCertificate } from './certificate-authority.ts';

export interface EnvelopeInput {
  /** Signed as it came. */
  readonly payload: Buffer;
  readonly certificate: SigningCertificate;
  readonly signedAt: Date;
  readonly expiresAt: Date;
  readonly jobArn: string;
  readonly profileVersionArn: string;
  readonly aliasArn?: string;
}

/**
 * A JWS envelope as AWS Signer makes it, built by hand: Sealwatch's verifier is not judged by Sealwatch's signer.
 * @returns the bytes of the flattened JSON serialisation
 */
export function createEnvelope(input: EnvelopeInput): Buffer {
  const critical = {
    'com.amazonaws.signer.signingJob': input.jobArn,
    'com.amazonaws.signer.signingProfileVersion': input.profileVersionArn,
    ...(input.aliasArn === undefined ? {} : { 'com.amazonaws.signer.signingProfileAlias': input.aliasArn }),
    'io.cncf.notary.authenticSigningTime': wholeSeconds(input.signedAt),
    'io.cncf.notary.expiry': wholeSeconds(input.expiresAt),
    'io.cncf.notary.signingScheme': 'notary.x509.signingAuthority',
    'io.cncf.notary.verificationPlugin': 'com.amazonaws.signer.notation.plugin',
  };
  const protectedHeader = encode(
    JSON.stringify({
      alg: 'ES384',
      cty: 'application/vnd.cncf.notary.payload.v1+json',
      crit: Object.keys(critical),
      ...critical,
    }),
  );
  const payload = encode(input.payload);
  const signature = sign('sha384', Buffer.from(`${protectedHeader}.${payload}`, 'ascii'), {
    key: input.certificate.key,
    dsaEncoding: 'ieee-p1363',
  });
  const envelope = {
    payload,
    protected: protectedHeader,
    header: { x5c: input.certificate.chain.map((der) => der.toString('base64')) },
    signature: encode(signature),
  };
  return Buffer.from(JSON.stringify(envelope), 'utf8');
}

function encode(bytes: string | Buffer): string {
  return Buffer.from(bytes).toString('base64url');
}

function wholeSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
