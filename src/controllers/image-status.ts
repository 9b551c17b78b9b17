import type { ImageStatus, SignatureStatus } from '../api/image-signature-request.ts';
import type { ImageVerdict } from '../api/image-verdict.ts';
import { VERDICTS_WORST_FIRST } from '../api/verdict.ts';
import { cutMessage } from '../kubernetes/index.ts';
import type { OciError } from '../oci/index.ts';
import {
  type EvaluatedSignature,
  type ImageEvaluation,
  imageVerdict,
  passes,
  registryCause,
  summarizeSignature,
} from '../verification/index.ts';
import { cut, rfc3339 } from './wording.ts';

/** design.md, "Status stays small". */
const MAX_SIGNATURES_PER_IMAGE = 10;

/** The image as status shows it, from its evaluation. */
export function imageStatus(
  reference: string,
  evaluation: ImageEvaluation,
  verdict: ImageVerdict,
  nextVerification: Date,
  digest: string,
): ImageStatus {
  const shown = shownSignatures(evaluation.signatures).map(signatureStatus);
  const omitted = evaluation.signatures.length - shown.length;
  return {
    reference,
    digest,
    ...(evaluation.subject === undefined ? {} : { mediaType: evaluation.subject.mediaType }),
    ...verdictStatus(verdict),
    ...(verdict.statement === undefined ? {} : { statement: verdict.statement }),
    signatures: shown,
    ...(omitted > 0 ? { omittedSignatures: omitted } : {}),
    lastVerifiedTime: rfc3339(verdict.verifiedAt),
    nextVerificationTime: rfc3339(nextVerification),
  };
}

/** The first few, and always the one that passes. */
function shownSignatures(signatures: readonly EvaluatedSignature[]): readonly EvaluatedSignature[] {
  const first = signatures.slice(0, MAX_SIGNATURES_PER_IMAGE);
  const passing = signatures.find(passes);
  return passing === undefined || first.includes(passing) ? first : [...first.slice(0, -1), passing];
}

/**
 * The status of an image that the registry did not give: Unknown, with what was known before. The same fault again
 * gives the same status, so that an outage is written once.
 */
export function unreadImageStatus(
  reference: string,
  repository: string,
  before: ImageStatus | undefined,
  error: OciError,
  now: Date,
): ImageStatus {
  const evaluation: ImageEvaluation = {
    repository,
    verdict: 'Unknown',
    cause: registryCause(error),
    signatures: [],
    truncated: false,
    evaluatedAt: now,
  };
  const verdict = imageVerdict(evaluation, before === undefined ? undefined : verdictOf(before));
  return {
    reference,
    ...(before?.digest === undefined ? {} : { digest: before.digest }),
    ...(before?.mediaType === undefined ? {} : { mediaType: before.mediaType }),
    ...(before?.platforms === undefined ? {} : { platforms: before.platforms }),
    ...verdictStatus(verdict),
    ...(before?.lastVerifiedTime === undefined ? {} : { lastVerifiedTime: before.lastVerifiedTime }),
  };
}

/** An image and its platforms as one: the worst verdict counts, and the reference says whose it is. */
export function sumUp(image: ImageStatus): ImageStatus {
  const rank = ({ verdict }: Pick<ImageStatus, 'verdict'>): number => VERDICTS_WORST_FIRST.indexOf(verdict);
  const worst = (image.platforms ?? []).toSorted((a, b) => rank(a) - rank(b))[0];
  if (worst === undefined || rank(worst) >= rank(image)) return image;
  const { lastKnown, cause, coveredBy, ...rest } = image;
  return {
    ...rest,
    reference: `${image.reference} (${worst.platform === '' ? worst.digest : worst.platform})`,
    verdict: worst.verdict,
    ...(worst.cause === undefined ? {} : { cause: worst.cause }),
  };
}

/** What a status says of an image, as the verdict it was made from. */
export function verdictOf(status: ImageStatus): ImageVerdict {
  return {
    verdict: status.verdict,
    ...(status.cause === undefined ? {} : { cause: status.cause }),
    ...(status.coveredBy === undefined ? {} : { coveredBy: status.coveredBy }),
    ...(status.lastKnown === undefined
      ? {}
      : { lastKnown: { verdict: status.lastKnown.verdict, verifiedAt: new Date(status.lastKnown.verifiedAt) } }),
    verifiedAt: new Date(status.lastVerifiedTime ?? 0),
  };
}

function verdictStatus({
  verdict,
  cause,
  coveredBy,
  lastKnown,
}: ImageVerdict): Pick<ImageStatus, 'verdict' | 'cause' | 'coveredBy' | 'lastKnown'> {
  return {
    verdict,
    ...(coveredBy === undefined ? {} : { coveredBy }),
    ...(cause === undefined ? {} : { cause: { ...cause, message: cutMessage(cause.message) } }),
    ...(lastKnown === undefined
      ? {}
      : { lastKnown: { verdict: lastKnown.verdict, verifiedAt: rfc3339(lastKnown.verifiedAt) } }),
  };
}

function signatureStatus(signature: EvaluatedSignature): SignatureStatus {
  const { signedAt, expiresAt, signer, checks, ...summary } = summarizeSignature(signature);
  return {
    ...summary,
    ...(signedAt === undefined ? {} : { signedAt: rfc3339(signedAt) }),
    ...(expiresAt === undefined ? {} : { expiresAt: rfc3339(expiresAt) }),
    ...(signer === undefined ? {} : { signer: cut(signer) }),
    checks: checks.map((check) => ({ ...check, reason: cut(check.reason) })),
  };
}
