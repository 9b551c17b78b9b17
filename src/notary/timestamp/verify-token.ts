import type { X509Certificate } from 'node:crypto';
import { distinguishedNameOf } from '../certificates/distinguished-name.ts';
import type { IsSignedBy } from '../certificates/issuance.ts';
import { parseCertificate } from '../certificates/parsed-certificate.ts';
import { checkKnownExtensions, checkLeafUsage } from '../certificates/usage.ts';
import { MAX_AHEAD_MS } from '../clock-skew.ts';
import { formatRfc3339 } from '../encoding.ts';
import { NotaryError } from '../error.ts';
import { quote } from '../quote.ts';
import type { ChainRevocationChecker, RevocationContext } from '../revocation/revocation.ts';
import { findTsaChain } from './chain.ts';
import { invalidTimestamp } from './error.ts';
import { digestOf, hashOf, sameBytes } from './hash.ts';
import { checkTokenSignature } from './signature.ts';
import type { TimestampResult, TimestampVerifier } from './timestamp.ts';
import { parseTimestampToken, type TimestampToken, TST_INFO_TYPE } from './token.ts';

export interface VerifyTokenInput extends RevocationContext {
  /** DER. */
  readonly token: Uint8Array;
  /** The raw bytes of the signature that is stamped; ECDSA as r||s. */
  readonly signature: Uint8Array;
  readonly tsaRoots: readonly X509Certificate[];
  readonly checkChainRevocation: ChainRevocationChecker;
  readonly signedBy?: IsSignedBy;
}

/**
 * The verifier of an envelope's timestamp, by the revocation checker given (notary.md I).
 * @param parts.signedBy where a cache knows some of the signatures of certificates already
 */
export function createTimestampVerifier(parts: {
  readonly checkChainRevocation: ChainRevocationChecker;
  readonly signedBy?: IsSignedBy;
}): TimestampVerifier {
  return async ({ timestampToken, signature }, tsaRoots, context) =>
    timestampToken === undefined
      ? { status: 'invalid', reason: 'the signature has no timestamp (notary.md I)' }
      : verifyTimestampToken({ token: timestampToken, signature, tsaRoots, ...parts, ...context });
}

/**
 * Verifies an RFC 3161 token over a signature (notary.md I): what it says, who signed it, that this authority was
 * trusted at that time, and that it is not revoked. Its addresses are fetched last, once all else holds (H7).
 * Bad input never throws: it is `invalid`, with the reason.
 */
export async function verifyTimestampToken(input: VerifyTokenInput): Promise<TimestampResult> {
  try {
    const token = parseTimestampToken(input.token);
    checkImprint(token, input.signature);
    const leaf = findSigner(token);
    checkAttributes(token);
    checkKnownExtensions(leaf);
    checkLeafUsage(leaf, 'timeStamping');
    checkTokenSignature(token.signer, leaf);
    return checkTime(token, input) ?? (await checkAuthority(token, leaf, input));
  } catch (error) {
    if (error instanceof NotaryError) return { status: 'invalid', reason: error.message };
    throw error;
  }
}

function checkImprint({ info: { imprint } }: TimestampToken, signature: Uint8Array): void {
  if (sameBytes(digestOf(imprint.hash, signature), imprint.digest)) return;
  throw invalidTimestamp(
    `the timestamp is of something else: its imprint is not the ${imprint.hash} of this signature`,
  );
}

/** The certificate that the SignerInfo names, and the signed attribute signingCertificateV2 too (RFC 5816). */
function findSigner({ certificates, signer }: TimestampToken): X509Certificate {
  const leaf = certificates.find((one) => {
    const { issuerDer, serialNumber } = parseCertificate(one);
    return sameBytes(issuerDer, signer.issuerDer) && sameBytes(serialNumber, signer.serialNumber);
  });
  if (leaf === undefined) throw invalidTimestamp('the certificate of the signer is not in the timestamp token');
  const what = 'signingCertificateV2';
  const { hashAlgorithm, hash, issuerSerial } = signer.attributes.signingCertificate;
  const name = distinguishedNameOf(leaf);
  if (!sameBytes(digestOf(hashOf(hashAlgorithm, what), leaf.raw), hash)) {
    throw invalidTimestamp(`${what} is of another certificate: its hash is not that of ${name}`);
  }
  if (
    issuerSerial !== undefined &&
    !(sameBytes(issuerSerial.issuerDer, signer.issuerDer) && sameBytes(issuerSerial.serialNumber, signer.serialNumber))
  ) {
    throw invalidTimestamp(`${what} is of another certificate: its issuer and serial number are not those of ${name}`);
  }
  return leaf;
}

function checkAttributes({ content, signer: { attributes, digest } }: TimestampToken): void {
  if (attributes.contentType !== TST_INFO_TYPE) {
    throw invalidTimestamp(`the contentType attribute: expected a TSTInfo, found ${quote(attributes.contentType)}`);
  }
  if (!sameBytes(digestOf(digest, content), attributes.messageDigest)) {
    throw invalidTimestamp('the messageDigest attribute is not the hash of the TSTInfo');
  }
}

function checkTime({ info }: TimestampToken, { now }: VerifyTokenInput): TimestampResult | undefined {
  const { notAfter: genTime } = info.genTime;
  const from = genTime.getTime() - MAX_AHEAD_MS;
  if (from <= now.getTime()) return undefined;
  return {
    status: 'invalid',
    reason: `the time of the timestamp, ${genTime.toISOString()}, lies more than 5 minutes ahead of the clock (notary.md I)`,
    validUntil: new Date(from),
  };
}

async function checkAuthority(
  { info, certificates, signer }: TimestampToken,
  leaf: X509Certificate,
  { tsaRoots, checkChainRevocation, signedBy, now, signal }: VerifyTokenInput,
): Promise<TimestampResult> {
  let chain: readonly X509Certificate[];
  try {
    chain = findTsaChain({ leaf, certificates, roots: tsaRoots, genTime: info.genTime, signedBy });
  } catch (error) {
    if (!(error instanceof NotaryError)) throw error;
    return { status: 'invalid', reason: error.message, dependsOnRoots: true };
  }
  checkSigningTime(signer.attributes.signingTime, chain);
  const revocation = await checkChainRevocation({ certificates: chain }, { now, signal });
  const until = revocation.status === 'unknown' ? undefined : revocation.validUntil;
  const validUntil = until === undefined ? {} : { validUntil: until };
  switch (revocation.status) {
    case 'good':
      return { status: 'valid', ...info.range, ...validUntil };
    case 'revoked': {
      const reason = `the time stamping authority is revoked: ${revocation.reason} (notary.md I)`;
      return { status: 'invalid', reason, ...validUntil };
    }
    case 'unknown': {
      const reason = `whether the time stamping authority is revoked could not be determined: ${revocation.reason} (notary.md I)`;
      return { status: 'unknown', reason, range: info.range };
    }
  }
}

/** A signingTime attribute, where there is one, must not contradict the chain. */
function checkSigningTime(time: Date | undefined, chain: readonly X509Certificate[]): void {
  if (time === undefined) return;
  const outside = chain.find(({ validFromDate, validToDate }) => time < validFromDate || validToDate < time);
  if (outside === undefined) return;
  throw invalidTimestamp(
    `the signingTime attribute ${formatRfc3339(time)} lies outside the validity of ${distinguishedNameOf(outside)}`,
  );
}
