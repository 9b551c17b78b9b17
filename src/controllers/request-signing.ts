import { ANNOTATIONS } from '../api/group.ts';
import type { ImageSignatureRequest, OwnSignature } from '../api/image-signature-request.ts';
import { AwsError } from '../aws/index.ts';
import { NotaryError } from '../notary/index.ts';
import { OciError, pushSignature, type Reference, type RegistryClient, relistSignature } from '../oci/index.ts';
import { decideSigning, renewalTime, type SigningDecision } from '../signing/own-signature.ts';
import type { SignedEnvelope, Signer } from '../signing/signer.ts';
import { type ImageEvaluation, shortDigest } from '../verification/index.ts';
import type { RequestedImage, SigningPlan } from './request-plan.ts';
import type { Problem } from './request-result.ts';
import { rfc3339 } from './wording.ts';

/** Of one image, the last made; older ones are not needed while one of these is in force. */
const MAX_RELISTED = 3;

export interface ImageSigning {
  readonly request: ImageSignatureRequest;
  readonly plan: SigningPlan;
  readonly client: RegistryClient;
  readonly signer: Signer;
  /** What this request signed before. */
  readonly own: readonly OwnSignature[];
  readonly image: RequestedImage;
  readonly reference: Reference & { readonly digest: string };
  /** Of every signature that the image has. */
  readonly evaluation: ImageEvaluation;
  /** What was listed again just now. */
  readonly relisted?: readonly string[];
  readonly now: Date;
}

/** What came of signing one image. */
export interface SigningOutcome {
  /** It has a signature in force of the wanted signer. */
  readonly signed?: boolean;
  /** The signature that was made now. */
  readonly made?: OwnSignature;
  /** Only the index of the tag schema lists what was made: it is worth another look (notary.md A5). */
  readonly byTagSchema?: boolean;
  readonly renewAt?: Date;
  readonly problem?: Problem;
}

/**
 * Lists own signatures again that the registry has and lists no more, before anything is signed anew: another writer's
 * older index took them out (notary.md A5).
 * @returns their digests, or why it could not be done
 */
export async function relistOwn(input: ImageSigning, signal: AbortSignal): Promise<readonly string[] | Problem> {
  const { client, evaluation, image, own, plan, reference, now } = input;
  const { subject } = evaluation;
  if (subject === undefined) return [];
  if (needsSignAnew(plan.signAnewAt, own, image.repository, subject.digest, now)) return [];
  if (decide(input, subject).kind !== 'sign') return [];
  const listed = new Set(evaluation.signatures.map(({ digest }) => digest));
  const unlisted = own.filter(
    ({ repository, subjectDigest, digest, expiresAt }) =>
      repository === image.repository &&
      subjectDigest === subject.digest &&
      !listed.has(digest) &&
      (expiresAt === undefined || Date.parse(expiresAt) > now.getTime()),
  );
  const relisted: string[] = [];
  try {
    for (const { digest } of unlisted.slice(-MAX_RELISTED))
      if (await relistSignature(client, reference, subject, digest, signal)) relisted.push(digest);
  } catch (error) {
    const problem = signingProblem(error, image.text, keyOwner(input.request, plan));
    if (problem === undefined) throw error;
    return problem;
  }
  return relisted;
}

/** Signs an image and pushes the signature, unless it has one already or must not be signed. */
export async function signImage(input: ImageSigning, signal: AbortSignal): Promise<SigningOutcome> {
  const { evaluation, image, plan, own, now, relisted = [] } = input;
  const { subject } = evaluation;
  if (subject === undefined) {
    const message = evaluation.cause?.message ?? 'the image could not be read';
    return { problem: { reason: 'Undetermined', message, terminal: false } };
  }
  const isAnew = needsSignAnew(plan.signAnewAt, own, image.repository, subject.digest, now);
  if (evaluation.standsInFor !== undefined && (isAnew || decide(input, subject).kind !== 'signed')) {
    // What it has now is not known: a second signature might be made.
    return { problem: { reason: 'Undetermined', message: evaluation.standsInFor.message, terminal: false } };
  }
  if (!isAnew) {
    const decision = decide(input, subject);
    switch (decision.kind) {
      case 'signed':
        return { signed: true, ...(decision.renewAt === undefined ? {} : { renewAt: decision.renewAt }) };
      case 'undetermined':
        return { problem: { reason: 'Undetermined', message: decision.message, terminal: false } };
      case 'revoked': {
        const message = `${image.text}: ${decision.message}; it is not signed again by itself: to sign it anew, annotate the request with ${ANNOTATIONS.signAnewRequestedAt}=<time now, RFC 3339>`;
        return { problem: { reason: 'SignatureRevoked', message, terminal: true } };
      }
      case 'sign': {
        const missing = relisted.find((wanted) => !evaluation.signatures.some(({ digest }) => digest === wanted));
        if (missing === undefined) break;
        const message = `${image.text}: the registry has signature ${shortDigest(missing)} and does not list it, although it was pushed again; nothing is signed anew meanwhile`;
        return { problem: { reason: 'SigningFailed', message, terminal: false } };
      }
    }
  }
  try {
    return await make(input, subject, signal);
  } catch (error) {
    const problem = signingProblem(error, image.text, keyOwner(input.request, plan));
    if (problem === undefined) throw error;
    return { problem };
  }
}

function decide(
  { evaluation, plan, signer, own, now }: ImageSigning,
  subject: NonNullable<ImageEvaluation['subject']>,
): SigningDecision {
  const { userMetadata, renewBeforeMs } = plan;
  return decideSigning({
    evaluation,
    subject,
    signer,
    ...(userMetadata === undefined ? {} : { userMetadata }),
    renewBeforeMs,
    own,
    now,
  });
}

async function make(
  input: ImageSigning,
  subject: NonNullable<ImageEvaluation['subject']>,
  signal: AbortSignal,
): Promise<SigningOutcome> {
  const { client, reference, plan, signer, image, now } = input;
  const { userMetadata, expiryMs } = plan;
  const signed = await signer.sign(
    {
      subject,
      ...(userMetadata === undefined ? {} : { userMetadata }),
      ...(expiryMs === undefined ? {} : { expiryMs }),
      now,
    },
    signal,
  );
  const artifact = { envelope: signed.bytes, mediaType: signed.mediaType, annotations: signed.annotations };
  const { digest, byTagSchema = false } = await pushSignature(client, reference, subject, artifact, signal);
  const renewAt = renewalTime(signed.envelope, plan.renewBeforeMs);
  return {
    signed: true,
    made: { repository: image.repository, subjectDigest: subject.digest, digest, ...recordOf(signed, now) },
    byTagSchema,
    ...(renewAt === undefined ? {} : { renewAt }),
  };
}

function recordOf({ envelope, jobArn, profileVersionArn }: SignedEnvelope, now: Date): Pick<OwnSignature, 'signedAt'> {
  return {
    signedAt: rfc3339(envelope.authenticSigningTime ?? envelope.signingTime ?? now),
    ...(envelope.expiry === undefined ? {} : { expiresAt: rfc3339(envelope.expiry) }),
    ...(jobArn === undefined ? {} : { jobArn }),
    ...(profileVersionArn === undefined ? {} : { profileVersionArn }),
  };
}

function needsSignAnew(
  at: Date | undefined,
  own: readonly OwnSignature[],
  repository: string,
  subjectDigest: string,
  now: Date,
): boolean {
  if (at === undefined || at.getTime() > now.getTime()) return false;
  return !own.some(
    (signature) =>
      signature.repository === repository &&
      signature.subjectDigest === subjectDigest &&
      Date.parse(signature.signedAt) >= at.getTime(),
  );
}

/** The Secret that a key is of, for messages. */
function keyOwner(request: ImageSignatureRequest, { by }: SigningPlan): string {
  return by.kind === 'key' ? `Secret ${request.metadata.namespace}/${by.secretName}` : by.profile.arn;
}

function signingProblem(error: unknown, image: string, signer: string): Problem | undefined {
  if (error instanceof AwsError) {
    const reasons = {
      AccessDenied: 'AccessDenied',
      ProfileNotFound: 'ProfileNotFound',
      ProfileInactive: 'ProfileInactive',
      ProfileCanceled: 'ProfileCanceled',
      ProfileRevoked: 'ProfileRevoked',
      ProfileVersionMismatch: 'ProfileVersionMismatch',
      RequestRejected: 'RequestRejected',
      InvalidArn: 'InvalidSpec',
    } as const;
    const reason = error.code in reasons ? reasons[error.code as keyof typeof reasons] : 'SigningFailed';
    return { reason, message: `${image}: ${error.message}`, terminal: error.terminal };
  }
  if (error instanceof OciError) {
    const refused = error.code === 'Denied' || error.code === 'Unauthorized';
    return {
      reason: refused ? 'AccessDenied' : 'SigningFailed',
      message: `${image}: ${error.message}`,
      terminal: false,
    };
  }
  // The authority may be back in a moment; a signature without the timestamp that was asked for is not made.
  if (error instanceof NotaryError && error.code === 'TimestampFailed')
    return { reason: 'TimestampFailed', message: `${image}: not signed: ${error.message}`, terminal: false };
  if (error instanceof NotaryError)
    return { reason: 'KeyInvalid', message: `${signer}, signing ${image}: ${error.message}`, terminal: true };
  return undefined;
}
