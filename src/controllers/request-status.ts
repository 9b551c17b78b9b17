import type { Condition, ConditionReason } from '../api/conditions.ts';
import { CONDITIONS } from '../api/conditions.ts';
import type {
  ImageSignatureRequest,
  ImageSignatureRequestStatus,
  ImageStatus,
  OwnSignature,
  SignatureStatus,
} from '../api/image-signature-request.ts';
import type { ImageVerdict } from '../api/image-verdict.ts';
import type { VerdictType } from '../api/verdict.ts';
import { signerAttributes } from '../aws/index.ts';
import { removeCondition, setCondition } from '../kubernetes/index.ts';
import { distinguishedNameOf } from '../notary/index.ts';
import type { EvaluatedSignature, ImageEvaluation } from '../verification/index.ts';
import { count } from './wording.ts';

/** design.md, "Status stays small". */
const MAX_SIGNATURES_PER_IMAGE = 10;
const MAX_STATUS_BYTES = 256 * 1024;
const MAX_REASON_LENGTH = 300;

/** A fault or refusal that concerns the whole request or one image. */
export interface Problem {
  readonly reason: ConditionReason;
  readonly message: string;
  /** No retry mends it: the spec or the environment must change. */
  readonly terminal: boolean;
}

/** What one reconcile found of one image. */
export interface ImageResult {
  readonly status: ImageStatus;
  /** Absent: the request does not sign. */
  readonly signed?: boolean;
  readonly problem?: Problem;
  /** When the image must be looked at again for a reason of its own (expiry, renewal). */
  readonly dueAt?: Date;
}

/** The image as status shows it, from its evaluation. */
export function imageStatus(
  reference: string,
  evaluation: ImageEvaluation,
  verdict: ImageVerdict,
  nextVerification: Date,
  digest: string,
): ImageStatus {
  const shown = evaluation.signatures.slice(0, MAX_SIGNATURES_PER_IMAGE).map(signatureStatus);
  const omitted = evaluation.signatures.length - shown.length;
  return {
    reference,
    digest,
    ...(evaluation.subject === undefined ? {} : { mediaType: evaluation.subject.mediaType }),
    verdict: verdict.verdict,
    ...(verdict.cause === undefined ? {} : { cause: verdict.cause }),
    ...(verdict.lastKnown === undefined
      ? {}
      : { lastKnown: { verdict: verdict.lastKnown.verdict, verifiedAt: rfc3339(verdict.lastKnown.verifiedAt) } }),
    ...(verdict.statement === undefined ? {} : { statement: verdict.statement }),
    signatures: shown,
    ...(omitted > 0 ? { omittedSignatures: omitted } : {}),
    lastVerifiedTime: rfc3339(verdict.verifiedAt),
    nextVerificationTime: rfc3339(nextVerification),
  };
}

function signatureStatus(signature: EvaluatedSignature): SignatureStatus {
  switch (signature.kind) {
    case 'malformed':
    case 'unreachable': {
      const message = signature.kind === 'malformed' ? signature.message : signature.error.message;
      return {
        digest: signature.digest,
        verdict: signature.kind === 'malformed' ? 'Untrusted' : 'Unknown',
        checks: [
          {
            type: 'integrity',
            action: 'enforce',
            result: signature.kind === 'malformed' ? 'failed' : 'unknown',
            reason: cut(message),
          },
        ],
      };
    }
    case 'evaluated': {
      const { envelope, verdict, checks } = signature.outcome;
      const attributes = envelope === undefined ? undefined : signerAttributes(envelope);
      const leaf = envelope?.certificates[0];
      const signedAt = envelope?.authenticSigningTime ?? envelope?.signingTime;
      const signer = attributes?.profileVersionArn ?? (leaf === undefined ? undefined : distinguishedNameOf(leaf));
      return {
        digest: signature.digest,
        ...(envelope === undefined ? {} : { format: envelope.format, scheme: envelope.scheme }),
        ...(signedAt === undefined ? {} : { signedAt: rfc3339(signedAt) }),
        ...(envelope?.expiry === undefined ? {} : { expiresAt: rfc3339(envelope.expiry) }),
        ...(signer === undefined ? {} : { signer: cut(signer) }),
        ...(attributes === undefined
          ? {}
          : { jobArn: attributes.jobArn, profileVersionArn: attributes.profileVersionArn }),
        verdict,
        checks: checks.map(({ type, action, result, reason }) => ({ type, action, result, reason: cut(reason) })),
      };
    }
  }
}

export interface RequestStatusInput {
  readonly request: ImageSignatureRequest;
  readonly images: readonly ImageResult[];
  readonly own: readonly OwnSignature[];
  readonly signs: boolean;
  /** A problem of the whole request: no image was looked at. */
  readonly problem?: Problem;
  readonly lastHandledReconcileAt?: string;
  readonly lastHandledSignAnewAt?: string;
  readonly now: Date;
}

/** The whole status of a request (design.md, "ImageSignatureRequest"): data, summary columns, conditions by kstatus. */
export function requestStatus(input: RequestStatusInput): ImageSignatureRequestStatus {
  const before = input.request.status;
  const images = input.problem === undefined ? input.images.map((image) => image.status) : (before?.images ?? []);
  return bounded({
    observedGeneration: input.request.metadata.generation ?? 0,
    ...optional('lastHandledReconcileAt', input.lastHandledReconcileAt),
    ...optional('lastHandledSignAnewAt', input.lastHandledSignAnewAt),
    images,
    ownSignatures: input.own,
    summary: summaryOf(input, images),
    conditions: conditionsOf(input, images),
  });
}

function summaryOf(
  input: RequestStatusInput,
  images: readonly ImageStatus[],
): NonNullable<ImageSignatureRequestStatus['summary']> {
  const total = input.request.spec.images.length;
  const count = (verdict: VerdictType): number => images.filter((image) => image.verdict === verdict).length;
  const signed = input.images.filter((image) => image.signed === true).length;
  const expiries = images.flatMap((image) => {
    const inForce = image.signatures?.find((signature) => signature.verdict === 'Trusted') ?? image.signatures?.[0];
    return inForce?.expiresAt === undefined ? [] : [inForce.expiresAt];
  });
  const checks = images.flatMap((image) => (image.lastVerifiedTime === undefined ? [] : [image.lastVerifiedTime]));
  return {
    images: total,
    signed: input.signs ? `${input.problem === undefined ? signed : countBefore(input.request)}/${total}` : '-',
    verified: `${count('Trusted')}/${total}`,
    revoked: count('Revoked'),
    ...optional('expires', expiries.sort()[0]),
    ...optional('lastCheck', checks.sort().at(-1)),
  };
}

function countBefore(request: ImageSignatureRequest): number {
  return Number.parseInt(request.status?.summary?.signed ?? '0', 10) || 0;
}

type ConditionState = Pick<Condition, 'status' | 'message'> & { readonly reason: ConditionReason };

function conditionsOf(input: RequestStatusInput, images: readonly ImageStatus[]): readonly Condition[] {
  const observedGeneration = input.request.metadata.generation ?? 0;
  let conditions: readonly Condition[] = input.request.status?.conditions ?? [];
  const put = (type: string, state: ConditionState | undefined): void => {
    conditions =
      state === undefined
        ? removeCondition(conditions, type)
        : setCondition(conditions, { type, ...state, observedGeneration }, input.now);
  };
  if (input.problem !== undefined) {
    put(CONDITIONS.ready, { status: 'False', reason: input.problem.reason, message: input.problem.message });
    put(CONDITIONS.stalled, input.problem.terminal ? { status: 'True', ...pick(input.problem) } : undefined);
    // Nothing moves while a request is suspended, and nothing is wrong with it.
    const isMoving = !input.problem.terminal && input.problem.reason !== 'Suspended';
    put(CONDITIONS.reconciling, isMoving ? { status: 'True', ...pick(input.problem) } : undefined);
    return conditions;
  }
  put(CONDITIONS.signed, input.signs ? signedState(input.images) : undefined);
  put(CONDITIONS.verified, verifiedState(images));
  put(CONDITIONS.revoked, badState(images, 'Revoked', 'SomeRevoked', 'NoneRevoked'));
  put(CONDITIONS.expired, badState(images, 'Expired', 'SomeExpired', 'NoneExpired'));
  const problems = input.images.flatMap((image) => (image.problem === undefined ? [] : [image.problem]));
  const terminal = problems.find((problem) => problem.terminal);
  const transient = problems.find((problem) => !problem.terminal);
  put(CONDITIONS.stalled, terminal === undefined ? undefined : { status: 'True', ...pick(terminal) });
  put(
    CONDITIONS.reconciling,
    transient === undefined || terminal !== undefined
      ? undefined
      : { status: 'True', reason: 'RetryingAfterFault', message: transient.message },
  );
  put(CONDITIONS.ready, readyState(input, images, terminal ?? transient));
  return conditions;
}

function pick(problem: Problem): { reason: ConditionReason; message: string } {
  return { reason: problem.reason, message: problem.message };
}

function readyState(
  input: RequestStatusInput,
  images: readonly ImageStatus[],
  problem: Problem | undefined,
): ConditionState {
  if (problem !== undefined) return { status: 'False', ...pick(problem) };
  const verified = verifiedState(images);
  if (verified.status === 'True') {
    const done = input.signs ? 'signed and verified' : 'verified';
    return { status: 'True', reason: 'Succeeded', message: `${count(images.length, 'image')} ${done}` };
  }
  // Who only signs needs no policy: nothing bad is known, and nobody asked for a verdict.
  if (input.signs && verified.reason === 'SomeUncovered') {
    return {
      status: 'True',
      reason: 'Succeeded',
      message: `${count(images.length, 'image')} signed; ${verified.message}`,
    };
  }
  return { status: 'False', reason: verified.reason, message: verified.message };
}

function signedState(images: readonly ImageResult[]): ConditionState {
  const missing = images.filter((image) => image.signed !== true);
  if (missing.length === 0) {
    return {
      status: 'True',
      reason: 'AllSigned',
      message: `${count(images.length, 'image')} signed by the wanted signer`,
    };
  }
  const first = missing[0];
  const why = first?.problem?.message ?? first?.status.cause?.message ?? 'it was not signed yet';
  const undetermined = missing.every((image) => image.problem !== undefined && !image.problem.terminal);
  return {
    status: undetermined ? 'Unknown' : 'False',
    reason: 'NotSigned',
    message: `${missing.length} of ${count(images.length, 'image')} not signed; ${first?.status.reference}: ${why}`,
  };
}

const VERIFIED_REASONS: Readonly<Record<Exclude<VerdictType, 'Trusted'>, ConditionReason>> = {
  Revoked: 'SomeRevoked',
  Untrusted: 'SomeUntrusted',
  Unsigned: 'SomeUnsigned',
  Expired: 'SomeExpired',
  Unknown: 'SomeUnknown',
  Uncovered: 'SomeUncovered',
};

function verifiedState(images: readonly ImageStatus[]): ConditionState {
  for (const verdict of ['Revoked', 'Untrusted', 'Unsigned', 'Expired', 'Unknown', 'Uncovered'] as const) {
    const bad = images.filter((image) => image.verdict === verdict);
    const first = bad[0];
    if (first === undefined) continue;
    const undetermined = verdict === 'Unknown' || verdict === 'Uncovered';
    return {
      status: undetermined ? 'Unknown' : 'False',
      reason: VERIFIED_REASONS[verdict],
      message: `${bad.length} of ${count(images.length, 'image')} ${verdict.toLowerCase()}: ${imageSentence(first)}`,
    };
  }
  return { status: 'True', reason: 'AllVerified', message: `${count(images.length, 'image')} trusted` };
}

/** Revoked and Expired: True is bad, and Unknown when it could not be determined. */
function badState(
  images: readonly ImageStatus[],
  verdict: 'Revoked' | 'Expired',
  bad: ConditionReason,
  good: ConditionReason,
): ConditionState {
  const affected = images.filter((image) => image.verdict === verdict);
  const first = affected[0];
  if (first !== undefined) {
    return {
      status: 'True',
      reason: bad,
      message: `${affected.length} of ${count(images.length, 'image')}: ${imageSentence(first)}`,
    };
  }
  const unknown = images.find((image) => image.verdict === 'Unknown');
  if (unknown !== undefined) return { status: 'Unknown', reason: 'Undetermined', message: imageSentence(unknown) };
  return { status: 'False', reason: good, message: `no image is ${verdict.toLowerCase()}` };
}

function imageSentence(image: ImageStatus): string {
  const known =
    image.lastKnown === undefined ? '' : ` (last known: ${image.lastKnown.verdict} at ${image.lastKnown.verifiedAt})`;
  return `${image.reference}: ${image.cause?.message ?? image.verdict}${known}`;
}

/** Drops the details of signatures, from the last image on, until the whole is small enough. */
function bounded(status: ImageSignatureRequestStatus): ImageSignatureRequestStatus {
  const images = [...(status.images ?? [])];
  let result: ImageSignatureRequestStatus = { ...status, images };
  for (let i = images.length - 1; i >= 0 && JSON.stringify(result).length > MAX_STATUS_BYTES; i -= 1) {
    const image = images[i];
    if (image === undefined) continue;
    const omitted = (image.omittedSignatures ?? 0) + (image.signatures?.length ?? 0);
    images[i] = { ...image, signatures: [], omittedSignatures: omitted };
    result = { ...status, images: [...images] };
  }
  return result;
}

function optional<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: string };
}

function cut(text: string): string {
  return text.length <= MAX_REASON_LENGTH ? text : `${text.slice(0, MAX_REASON_LENGTH - 1)}…`;
}

/** Whole seconds, as the API's times are. */
export function rfc3339(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
