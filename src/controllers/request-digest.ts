import { IMAGE_SIGNATURE_REQUESTS } from '../api/group.ts';
import type { ImageSignatureRequest, OwnSignature } from '../api/image-signature-request.ts';
import { type ImageEvaluation, imageKey, shortDigest } from '../verification/index.ts';
import { regardingOf } from './request-names.ts';
import type { RequestedImage } from './request-plan.ts';
import { relistOwn, type SigningOutcome, signImage } from './request-signing.ts';
import { MAX_OWN_SIGNATURES, type RequestedImagesOptions, type RequestWork } from './request-work.ts';

/** One manifest that a request is about: an image, or a platform's manifest of one. */
export interface DigestTarget {
  /** Its text names it in messages. */
  readonly image: RequestedImage;
  readonly digest: string;
  /** Whether the registry is asked again which signatures there are. */
  readonly list: 'registry' | 'kept';
  /** An index that lists it, by digest. */
  readonly index?: string;
  readonly now: Date;
}

/** What became of one manifest. */
export interface DigestResult {
  readonly evaluation: ImageEvaluation;
  /** Empty where the request does not sign. */
  readonly signing: SigningOutcome;
}

/**
 * Signs a manifest where it is to be and is not yet, and verifies it. What this request signed before and the registry
 * lists no more is listed again first. Faults of registry and signer are in the result.
 */
export async function signAndVerify(
  work: RequestWork,
  target: DigestTarget,
  options: RequestedImagesOptions,
  signal: AbortSignal,
): Promise<DigestResult> {
  const { image, digest, now } = target;
  const reference = { ...image.reference, digest };
  const verify = (list: 'registry' | 'kept'): Promise<ImageEvaluation> =>
    options.verifier.verify(
      {
        reference,
        client: work.client,
        list,
        exhaustive: work.signer !== undefined,
        namedAs: () => namesOf(work.request, target, options),
        ...(work.plan.requiredMetadata === undefined ? {} : { requiredMetadata: work.plan.requiredMetadata }),
      },
      signal,
    );

  const conclude = (result: DigestResult): DigestResult => {
    const { verdict, subject } = result.evaluation;
    // With metadata of its own asked for, the verdict is this request's alone; and so is a registry that refuses the
    // request's own credentials: it says nothing of pods that run the image.
    const isOwn = work.plan.requiredMetadata !== undefined || (verdict === 'Unknown' && subject === undefined);
    if (!isOwn) options.verdicts.update(imageKey(image.repository, digest), result.evaluation);
    return result;
  };

  let evaluation = await verify(target.list);
  let signing: SigningOutcome = {};
  const { signer, plan } = work;
  if (signer !== undefined && plan.sign !== undefined) {
    const base = { ...work, signer, plan: plan.sign, image, reference, now };
    const relisted = await relistOwn({ ...base, evaluation }, signal);
    if ('reason' in relisted) return conclude({ evaluation, signing: { problem: relisted } });
    if (relisted.length > 0) {
      tellRelisted(work.request, image, relisted, options);
      evaluation = await verify('registry');
    }
    signing = await signImage({ ...base, evaluation, relisted }, signal);
    if (signing.made !== undefined) {
      await recordMade(work, image, signer.name, signing.made, options);
      evaluation = await verify('registry');
    }
  }
  return conclude({ evaluation, signing });
}

/** What an image was asked for by; the index that covered it before also after a restart, wherever its tag moved. */
function namesOf(
  request: ImageSignatureRequest,
  { image, digest, index }: DigestTarget,
  { runningReferences }: RequestedImagesOptions,
): readonly string[] {
  const covered = request.status?.images?.find((status) => status.digest === digest)?.coveredBy;
  const indexes = [index, covered?.digest].filter((name) => name !== undefined);
  return [
    ...indexes.map((name) => `${image.repository}@${name}`),
    ...runningReferences(imageKey(image.repository, digest)),
    ...request.spec.images,
  ];
}

/** At once after each push, so that a crash does not lose what cleanup must know. */
async function recordMade(
  work: RequestWork,
  image: RequestedImage,
  signer: string,
  made: OwnSignature,
  { context }: RequestedImagesOptions,
): Promise<void> {
  const { request } = work;
  work.own = prune([...work.own, made], context.clock());
  await context.status.write(IMAGE_SIGNATURE_REQUESTS, request, {
    ...(request.status ?? {}),
    ownSignatures: work.own,
  });
  context.events.record({
    regarding: regardingOf(request),
    type: 'Normal',
    reason: 'ImageSigned',
    action: 'Sign',
    note: `signed ${image.text} (${shortDigest(made.subjectDigest)}) with ${signer}: signature ${shortDigest(made.digest)}`,
  });
}

function tellRelisted(
  request: ImageSignatureRequest,
  image: RequestedImage,
  digests: readonly string[],
  { context }: RequestedImagesOptions,
): void {
  const names = digests.map(shortDigest).join(', ');
  context.events.record({
    regarding: regardingOf(request),
    type: 'Normal',
    reason: 'SignatureRelisted',
    action: 'Sign',
    note: `${image.text}: the registry had signature ${names} and listed it no more, for another writer's older index had taken it out; it is listed again`,
  });
}

/** Keeps the list bounded: what has expired needs no cleanup, then the oldest go. */
function prune(own: readonly OwnSignature[], now: Date): OwnSignature[] {
  if (own.length <= MAX_OWN_SIGNATURES) return [...own];
  const living = own.filter(
    (signature) => signature.expiresAt === undefined || Date.parse(signature.expiresAt) > now.getTime(),
  );
  return living.slice(-MAX_OWN_SIGNATURES);
}
