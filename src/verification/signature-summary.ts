import { signerAttributes } from '../aws/index.ts';
import { distinguishedNameOf, type SignatureFormat, type SigningScheme } from '../notary/index.ts';
import type { EvaluatedSignature } from './evaluation.ts';

/** One check of a signature, as people and programs are told of it. */
export interface CheckSummary {
  readonly type: string;
  readonly action: string;
  readonly result: string;
  readonly reason: string;
}

/** What there is to tell of one signature that was tried. */
export interface SignatureSummary {
  readonly digest: string;
  /** Digest of the index that it signs (notary.md A9). */
  readonly index?: string;
  readonly format?: SignatureFormat;
  readonly scheme?: SigningScheme;
  readonly signedAt?: Date;
  readonly expiresAt?: Date;
  /** Subject of the leaf, or ARN of the profile version of AWS Signer. */
  readonly signer?: string;
  readonly jobArn?: string;
  readonly profileVersionArn?: string;
  readonly verdict: 'Trusted' | 'Expired' | 'Revoked' | 'Untrusted' | 'Unknown';
  readonly checks: readonly CheckSummary[];
}

/** Sums up one signature. One that could not be fetched is unknown, one whose content is bad has failed integrity. */
export function summarizeSignature(signature: EvaluatedSignature): SignatureSummary {
  const named = {
    digest: signature.digest,
    ...(signature.index === undefined ? {} : { index: signature.index }),
  };
  switch (signature.kind) {
    case 'malformed':
    case 'unreachable': {
      const [verdict, result, reason] =
        signature.kind === 'malformed'
          ? (['Untrusted', 'failed', signature.message] as const)
          : (['Unknown', 'unknown', signature.error.message] as const);
      return { ...named, verdict, checks: [{ type: 'integrity', action: 'enforce', result, reason }] };
    }
    case 'evaluated': {
      const { envelope, verdict, checks } = signature.outcome;
      const attributes = envelope === undefined ? undefined : signerAttributes(envelope);
      const leaf = envelope?.certificates[0];
      const signedAt = envelope?.authenticSigningTime ?? envelope?.signingTime;
      const signer = attributes?.profileVersionArn ?? (leaf === undefined ? undefined : distinguishedNameOf(leaf));
      return {
        ...named,
        ...(envelope === undefined ? {} : { format: envelope.format, scheme: envelope.scheme }),
        ...(signedAt === undefined ? {} : { signedAt }),
        ...(envelope?.expiry === undefined ? {} : { expiresAt: envelope.expiry }),
        ...(signer === undefined ? {} : { signer }),
        ...(attributes === undefined
          ? {}
          : { jobArn: attributes.jobArn, profileVersionArn: attributes.profileVersionArn }),
        verdict,
        checks: checks.map(({ type, action, result, reason }) => ({ type, action, result, reason })),
      };
    }
  }
}
