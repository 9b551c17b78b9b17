import type { Condition, ConditionReason } from '../api/conditions.ts';
import { CONDITIONS } from '../api/conditions.ts';
import type { ImageStatus } from '../api/image-signature-request.ts';
import type { VerdictType } from '../api/verdict.ts';
import { removeCondition, setCondition } from '../kubernetes/index.ts';
import type { ImageResult, Problem, RequestResult } from './request-result.ts';
import { count } from './wording.ts';

type ConditionState = Pick<Condition, 'status' | 'message'> & { readonly reason: ConditionReason };

/**
 * The conditions of a request by kstatus: `Ready` sums up, `Reconciling` and `Stalled` are there only while they hold.
 * @param images as the status is to show them
 */
export function conditionsOf(input: RequestResult, images: readonly ImageStatus[]): readonly Condition[] {
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
  input: RequestResult,
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
    message: `${missing.length} of ${count(images.length, 'image')} not signed; ${about(first?.status.reference ?? '', '', why)}`,
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
  const covered = images.filter((image) => image.coveredBy !== undefined).length;
  const how = covered === 0 ? '' : `, ${covered} of them by the signature of an index that lists it`;
  return { status: 'True', reason: 'AllVerified', message: `${count(images.length, 'image')} trusted${how}` };
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
  const policy = image.statement === undefined ? '' : ` (policy ${image.statement})`;
  return `${about(image.reference, policy, image.cause?.message ?? image.verdict)}${known}`;
}

/** `repository:tag (policy p): what`, the reference once only: a registry's fault begins with it. */
function about(reference: string, note: string, what: string): string {
  return `${reference}${note}: ${what.startsWith(`${reference}: `) ? what.slice(reference.length + 2) : what}`;
}
