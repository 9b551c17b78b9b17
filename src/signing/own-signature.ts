import type { OwnSignature } from '../api/image-signature-request.ts';
import type { Descriptor, Envelope } from '../notary/index.ts';
import type { EvaluatedSignature, ImageEvaluation } from '../verification/index.ts';
import type { Signer } from './signer.ts';

/** Whether an image must be signed, and why. */
export type SigningDecision =
  | { readonly kind: 'signed'; readonly digest: string; readonly renewAt?: Date }
  | { readonly kind: 'sign'; readonly why: string }
  /** Somebody revoked it. Signing again by itself would undo what they meant: a person must ask for it. */
  | { readonly kind: 'revoked'; readonly digest: string; readonly message: string }
  /** Not all signatures could be read: signing now might sign twice. */
  | { readonly kind: 'undetermined'; readonly message: string };

export interface SigningDecisionInput {
  /** Of every signature (`exhaustive`). */
  readonly evaluation: ImageEvaluation;
  readonly subject: Descriptor;
  readonly signer: Signer;
  readonly userMetadata?: Readonly<Record<string, string>>;
  readonly renewBeforeMs: number;
  /** What this request signed before, from its status. */
  readonly own: readonly OwnSignature[];
  readonly now: Date;
}

/**
 * Signing is idempotent: an image that already has a signature in force from the wanted signer is not signed again,
 * whoever made it (ECR managed signing signs on push). Trust is not asked for here: signing once more would not
 * mend a policy that does not trust the signer.
 */
export function decideSigning(input: SigningDecisionInput): SigningDecision {
  // What an index that lists the image has of signatures is not the image's own.
  const signatures = input.evaluation.signatures.filter(({ index }) => index === undefined);
  const wanted = signatures.filter((signature) => isWanted(signature, input));
  const inForce = wanted.find((signature) => isInForce(signature, input));
  if (inForce !== undefined) {
    const renewAt = renewalTime(inForce.outcome.envelope, input.renewBeforeMs);
    return { kind: 'signed', digest: inForce.digest, ...(renewAt === undefined ? {} : { renewAt }) };
  }
  const unknown = whyUndetermined(signatures, input.evaluation.truncated);
  if (unknown !== undefined) return { kind: 'undetermined', message: unknown };

  // The last one made counts: older ones that expired do not undo the revocation of the one that renewed them.
  const last = wanted.toSorted((a, b) => signedAt(b) - signedAt(a) || Number(isRevoked(b)) - Number(isRevoked(a)))[0];
  if (last === undefined) return { kind: 'sign', why: `no signature of ${input.signer.name} yet` };
  if (isRevoked(last)) {
    return {
      kind: 'revoked',
      digest: last.digest,
      message: last.outcome.decisive?.reason ?? 'its signature was revoked',
    };
  }
  return { kind: 'sign', why: `the signature ${last.digest} has expired or expires within renewBefore` };
}

/** Why a wanted signature might be there unseen; signing then could go on for ever. */
function whyUndetermined(signatures: readonly EvaluatedSignature[], truncated: boolean): string | undefined {
  for (const signature of signatures) {
    // What is listed but gone is nobody's signature in force.
    if (signature.kind === 'unreachable' && signature.error.code !== 'NotFound') return signature.error.message;
  }
  if (!truncated) return undefined;
  return `the image has more signatures than the ${signatures.length} that were read: remove signatures or raise --max-signatures (notary.md A7)`;
}

function signedAt({ outcome: { envelope } }: WantedSignature): number {
  return (envelope.authenticSigningTime ?? envelope.signingTime)?.getTime() ?? 0;
}

function isRevoked({ outcome }: WantedSignature): boolean {
  return outcome.verdict === 'Revoked';
}

interface WantedSignature {
  readonly digest: string;
  readonly outcome: { readonly envelope: Envelope } & Extract<EvaluatedSignature, { kind: 'evaluated' }>['outcome'];
}

/** From the wanted signer, over this image, with the wanted metadata; proven, or recorded as this request's own. */
function isWanted(
  signature: EvaluatedSignature,
  input: SigningDecisionInput,
): signature is EvaluatedSignature & WantedSignature {
  if (signature.kind !== 'evaluated') return false;
  const { envelope, checks } = signature.outcome;
  const passed = (type: string): boolean => checks.some((check) => check.type === type && check.result === 'passed');
  if (envelope === undefined || !passed('integrity') || !input.signer.claims(envelope)) return false;
  const recorded = input.own.some((own) => own.digest === signature.digest);
  if (!recorded && input.signer.claimProvenBy === 'authenticity' && !passed('authenticity')) return false;
  const { subject } = input;
  const sameSubject =
    envelope.subject.digest === subject.digest &&
    envelope.subject.size === subject.size &&
    envelope.subject.mediaType === subject.mediaType;
  const metadata = envelope.subject.annotations ?? {};
  return sameSubject && Object.entries(input.userMetadata ?? {}).every(([key, value]) => metadata[key] === value);
}

function isInForce({ outcome }: WantedSignature, { renewBeforeMs, now }: SigningDecisionInput): boolean {
  if (outcome.verdict === 'Revoked' || outcome.verdict === 'Expired') return false;
  const renewAt = renewalTime(outcome.envelope, renewBeforeMs);
  return renewAt === undefined || renewAt > now;
}

/**
 * When a signature must be made anew; undefined for one without expiry. Never in the first half of its life: where
 * renewBefore is longer than the signatures hold, each would else be due the moment it was made.
 */
export function renewalTime(envelope: Envelope, renewBeforeMs: number): Date | undefined {
  const signedAt = envelope.authenticSigningTime ?? envelope.signingTime;
  if (envelope.expiry === undefined) return undefined;
  const lifeMs = signedAt === undefined ? 0 : envelope.expiry.getTime() - signedAt.getTime();
  return new Date(envelope.expiry.getTime() - Math.min(renewBeforeMs, lifeMs / 2));
}
