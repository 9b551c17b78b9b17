import type { X509Certificate } from 'node:crypto';
import { distinguishedNameOf, formatRfc3339, NotaryError, parseTimestampToken } from '../notary/index.ts';

/** What a timestamp says, unverified. */
export interface TimestampWords {
  /** genTime, RFC 3339, with milliseconds where it has them. */
  readonly time?: string;
  /** Subject of the certificate that it says signed it, where that is in the token. */
  readonly authority?: string;
  /** Why it cannot be read. */
  readonly problem?: string;
}

/** Reads an RFC 3161 token as far as a person wants to know it. It is not verified. */
export function timestampOf(token: Uint8Array): TimestampWords {
  try {
    const { info, certificates, signer } = parseTimestampToken(token);
    const certificate = certificates.find((one) => hasSerialNumber(one, signer.serialNumber));
    const authority = certificate === undefined ? undefined : distinguishedNameOf(certificate);
    return { time: timeOf(info.genTime.notBefore), ...(authority === undefined ? {} : { authority }) };
  } catch (error) {
    if (error instanceof NotaryError) return { problem: error.message };
    throw error;
  }
}

function timeOf(time: Date): string {
  return time.getTime() % 1_000 === 0 ? formatRfc3339(time) : time.toISOString();
}

function hasSerialNumber({ serialNumber }: X509Certificate, octets: Uint8Array): boolean {
  const bare = (hex: string): string => hex.toLowerCase().replace(/^0+/, '');
  return bare(serialNumber) === bare(Buffer.from(octets).toString('hex'));
}
