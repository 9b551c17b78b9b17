import type { ImageVerdict } from '../api/image-verdict.ts';
import type { Cause, CauseReason, VerdictType } from '../api/verdict.ts';
import type { CheckResult, CheckType, Descriptor, SignatureOutcome, SignatureVerdict } from '../notary/index.ts';
import type { OciError } from '../oci/index.ts';
import type { PolicyStatement } from './policy-set.ts';

/** What became of one signature of an image. */
export type EvaluatedSignature = {
  /** Of the signature's manifest. */
  readonly digest: string;
  /** Digest of the index that it signs and that lists the image; absent: it signs the image itself (notary.md A9). */
  readonly index?: string;
} & (
  | { readonly kind: 'evaluated'; readonly outcome: SignatureOutcome }
  /** Its content in the registry is bad: one failed attempt (notary.md A8). */
  | { readonly kind: 'malformed'; readonly message: string }
  /** It could not be fetched: nothing is known of it. */
  | { readonly kind: 'unreachable'; readonly error: OciError }
);

/** The verdict on one image, with the outcome of every signature tried. */
export interface ImageEvaluation {
  /** `registry/repository`. */
  readonly repository: string;
  /** Absent when the statement made a registry call needless (skip, no statement) and none was made. */
  readonly subject?: Descriptor;
  /** What applies to the image. */
  readonly statement?: Pick<PolicyStatement, 'policy' | 'name'>;
  readonly verdict: VerdictType;
  readonly cause?: Cause;
  /** The index whose signature decided: it lists the image, which has no passing signature of its own (notary.md A9). */
  readonly coveredBy?: { readonly digest: string };
  /** Of the image itself, then of the indexes that list it. */
  readonly signatures: readonly EvaluatedSignature[];
  /** The image itself has more signatures than the limit of A7. */
  readonly truncated: boolean;
  readonly evaluatedAt: Date;
  /** When it was begun, by performance.now(): of two on one image, what began earlier may have seen older policies. */
  readonly startedAt?: number;
  /** When time alone changes this verdict, or the registry is to be asked again. */
  readonly changesAt?: Date;
  /** Why the registry could not be asked: the signatures are those that it listed before the restart. */
  readonly standsInFor?: OciError;
  /** What was told of the image before the restart: it decides nothing. */
  readonly toldBefore?: ImageVerdict;
  /** Expiry of the signature that passed. */
  readonly expiresAt?: Date;
}

/**
 * The first of these that a signature has decides. Unknown: it might pass once the fault is over. Unread: a listed
 * signature that is not there; anyone who may push can add one, so it hides neither Revoked nor Expired.
 */
const RANKS = ['Trusted', 'Unknown', 'Revoked', 'Expired', 'Unread'] as const;

/** Verdict and cause of all signatures together: any that passes wins; what might have passed is Unknown. */
export function combine(
  signatures: readonly EvaluatedSignature[],
  limit: { readonly truncated: boolean; readonly max: number },
): { readonly verdict: VerdictType; readonly cause?: Cause; readonly decidedBy?: EvaluatedSignature } {
  if (signatures.length === 0 && !limit.truncated) {
    return {
      verdict: 'Unsigned',
      cause: { reason: 'NoSignature', message: 'the image has no Notary Project signature' },
    };
  }
  for (const rank of RANKS) {
    const decidedBy = signatures.find((signature) => rankOf(signature) === rank);
    if (decidedBy === undefined) continue;
    if (rank === 'Trusted') return { verdict: rank, decidedBy };
    return { verdict: rank === 'Unread' ? 'Unknown' : rank, cause: causeOf(decidedBy), decidedBy };
  }
  if (limit.truncated) {
    return {
      verdict: 'Untrusted',
      cause: {
        reason: 'TooManySignatures',
        message: `none of the first ${limit.max} signatures passes and there are more: remove signatures or raise --max-signatures (notary.md A7)`,
      },
    };
  }
  return { verdict: 'Untrusted', ...untrustedCause(signatures) };
}

/** The moment at which time alone changes the verdict: of the passing signature, else the earliest of all. */
export function changesAt(signatures: readonly EvaluatedSignature[]): Date | undefined {
  const moments: number[] = [];
  for (const signature of signatures) {
    if (signature.kind === 'evaluated' && signature.outcome.changesAt !== undefined) {
      moments.push(signature.outcome.changesAt.getTime());
    }
  }
  return moments.length === 0 ? undefined : new Date(Math.min(...moments));
}

function rankOf(signature: EvaluatedSignature): SignatureVerdict | 'Unread' {
  switch (signature.kind) {
    case 'evaluated':
      return signature.outcome.verdict;
    case 'malformed':
      return 'Untrusted';
    case 'unreachable':
      return signature.error.code === 'NotFound' ? 'Unread' : 'Unknown';
  }
}

function untrustedCause(signatures: readonly EvaluatedSignature[]): { cause: Cause; decidedBy?: EvaluatedSignature } {
  // The signature that came furthest says most: one that a person can mend.
  const decidedBy = signatures.reduce((best, next) => (isNearer(next, best) ? next : best));
  const cause = causeOf(decidedBy);
  if (signatures.length === 1) return { cause, decidedBy };
  return {
    cause: { ...cause, message: `none of ${signatures.length} signatures passes; the nearest: ${cause.message}` },
    decidedBy,
  };
}

/** Whether a signature came further than another. Who lists them in which order must not count: anyone may push one. */
function isNearer(one: EvaluatedSignature, other: EvaluatedSignature): boolean {
  const [ours, theirs] = [nearnessOf(one), nearnessOf(other)];
  const i = ours.findIndex((value, at) => value !== theirs[at]);
  if (i >= 0) return (ours[i] ?? 0) > (theirs[i] ?? 0);
  return one.digest > other.digest;
}

/** What counts first stands first. The time is the signer's word, and breaks ties only. */
function nearnessOf(signature: EvaluatedSignature): readonly number[] {
  if (signature.kind !== 'evaluated') return [-1, 0, 0];
  const { checks, decisive, envelope } = signature.outcome;
  const signedAt = envelope?.authenticSigningTime ?? envelope?.signingTime;
  return [
    checks.filter((check) => check.result === 'passed').length,
    // Of one failed authenticity or another: who has a certificate of a trust store is no stranger (E6 before F5).
    decisive?.code === 'NotFromTrustStore' ? 0 : 1,
    signedAt?.getTime() ?? 0,
  ];
}

/** The cause that one signature gives. */
export function causeOf(signature: EvaluatedSignature): Cause {
  switch (signature.kind) {
    case 'evaluated': {
      const check = signature.outcome.decisive;
      return check === undefined
        ? { reason: 'IntegrityFailed', message: `${nameOf(signature)} did not pass` }
        : checkCause(signature, check);
    }
    case 'malformed':
      return { reason: 'SignatureMalformed', message: `${nameOf(signature)}: ${signature.message}` };
    case 'unreachable':
      return registryCause(signature.error);
  }
}

function nameOf({ digest, index }: EvaluatedSignature): string {
  return `signature ${shortDigest(digest)}${index === undefined ? '' : ` of its index ${shortDigest(index)}`}`;
}

/** The clause of a policy that a check stands for, for a person. */
const CHECK_WORDS: Readonly<Record<CheckType, string>> = {
  integrity: 'integrity',
  authenticity: 'authenticity',
  expiry: 'expiry',
  authenticTimestamp: 'time of signing',
  revocation: 'revocation',
  descriptor: 'signed image',
  userMetadata: 'user metadata',
};

function checkCause(signature: EvaluatedSignature, check: CheckResult): Cause {
  return {
    reason: check.code ?? 'IntegrityFailed',
    message: `${nameOf(signature)} (${CHECK_WORDS[check.type]}): ${check.reason}`,
    ...(check.revoked === undefined ? {} : { revoked: check.revoked }),
    ...(check.since === undefined ? {} : { since: check.since.toISOString() }),
  };
}

/** The cause that a fault of the registry gives: never Untrusted or Unsigned. */
export function registryCause(error: OciError): Cause {
  switch (error.code) {
    case 'Unauthorized':
    case 'Denied':
      return { reason: 'RegistryDenied', message: error.message };
    case 'RateLimited':
      return { reason: 'RegistryRateLimited', message: error.message };
    case 'NotFound':
      return { reason: 'ImageNotFound', message: error.message };
    case 'AddressRefused':
    case 'PlainHTTPRefused':
      return { reason: 'AddressRefused', message: error.message };
    case 'InvalidReference':
    case 'InvalidAnswer':
    case 'DigestMismatch':
    case 'TooLarge':
      return { reason: 'RegistryAnswerInvalid', message: error.message };
    case 'Unreachable':
    case 'Timeout':
    case 'ServerError':
      return { reason: 'RegistryUnreachable', message: error.message };
  }
}

const REGISTRY_REASONS: ReadonlySet<CauseReason> = new Set([
  'RegistryUnreachable',
  'RegistryDenied',
  'RegistryRateLimited',
  'RegistryAnswerInvalid',
  'ImageNotFound',
  'AddressRefused',
]);

/** Whether a registry is at fault: then it must be asked again; for every other cause what is kept will do. */
export function isRegistryCause(cause: Cause | undefined): boolean {
  return cause !== undefined && REGISTRY_REASONS.has(cause.reason);
}

/** `sha256:0123456789ab`: enough for a person to find it. */
export function shortDigest(digest: string): string {
  const colon = digest.indexOf(':');
  return digest.slice(0, colon + 13);
}
