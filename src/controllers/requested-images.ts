import { IMAGE_SIGNATURE_REQUESTS } from '../api/group.ts';
import type { ImageSignatureRequest, ImageStatus, OwnSignature } from '../api/image-signature-request.ts';
import { OciError, type RegistryClient } from '../oci/index.ts';
import type { Signer } from '../signing/signer.ts';
import {
  type ImageEvaluation,
  type ImageKey,
  type ImageVerifier,
  imageKey,
  imageVerdict,
  isRegistryCause,
  shortDigest,
  type VerdictStore,
} from '../verification/index.ts';
import type { ControllerContext } from './context.ts';
import { imageStatus, unreadImageStatus, verdictOf } from './image-status.ts';
import { regardingOf } from './request-names.ts';
import type { RequestedImage, RequestPlan } from './request-plan.ts';
import type { ImageResult } from './request-result.ts';
import { earliest, isPast } from './request-schedule.ts';
import { type SigningOutcome, signImage } from './request-signing.ts';

const MAX_OWN_SIGNATURES = 256;

export interface RequestedImagesOptions {
  readonly context: ControllerContext;
  readonly verifier: ImageVerifier;
  readonly verdicts: VerdictStore;
  /** What pods asked for an image by. */
  readonly runningReferences: (key: ImageKey) => Iterable<string>;
}

/** One reconcile of one request. */
export interface RequestWork {
  readonly request: ImageSignatureRequest;
  readonly plan: RequestPlan;
  readonly client: RegistryClient;
  readonly signer?: Signer;
  own: OwnSignature[];
  /** The spec changed or a person asked: look at everything now. */
  readonly forced: boolean;
}

/** What became of one image. */
export interface ProcessedImage {
  readonly result: ImageResult;
  /** Absent: the registry did not give the image. */
  readonly evaluation?: ImageEvaluation;
}

/** Signs and verifies the images of requests, one at a time. */
export class RequestedImages {
  readonly #options: RequestedImagesOptions;

  constructor(options: RequestedImagesOptions) {
    this.#options = options;
  }

  /** Signs an image where it is to be and is not yet, and verifies it. A fault of the registry is in the result. */
  async process(work: RequestWork, image: RequestedImage, signal: AbortSignal): Promise<ProcessedImage> {
    const before = work.request.status?.images?.find((status) => status.reference === image.text);
    try {
      return await this.#signAndVerify(work, image, before, signal);
    } catch (error) {
      if (error instanceof OciError) return { result: this.#unknownImage(work, image, before, error) };
      throw error;
    }
  }

  async #signAndVerify(
    work: RequestWork,
    image: RequestedImage,
    before: ImageStatus | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly result: ImageResult; readonly evaluation: ImageEvaluation }> {
    const now = this.#options.context.clock();
    const due =
      work.forced ||
      before?.digest === undefined ||
      isPast(before.nextVerificationTime, now) ||
      (before.verdict === 'Unknown' && isRegistryCause(before.cause));
    const digest = due ? (await work.client.resolve(image.reference, signal)).digest : before.digest;
    if (before?.digest !== undefined && before.digest !== digest)
      this.#tellMoved(work.request, image, before.digest, digest);
    const reference = { ...image.reference, digest };
    const verify = (list: 'registry' | 'kept'): Promise<ImageEvaluation> =>
      this.#options.verifier.verify(
        {
          reference,
          client: work.client,
          list,
          exhaustive: work.signer !== undefined,
          namedAs: () => this.#namesOf(work.request, image, digest),
          ...(work.plan.requiredMetadata === undefined ? {} : { requiredMetadata: work.plan.requiredMetadata }),
        },
        signal,
      );

    let evaluation = await verify(due ? 'registry' : 'kept');
    let signing: SigningOutcome = {};
    if (work.signer !== undefined && work.plan.sign !== undefined) {
      signing = await signImage(
        { ...work, signer: work.signer, plan: work.plan.sign, image, reference, evaluation, now },
        signal,
      );
      if (signing.made !== undefined) {
        await this.#recordMade(work, image, work.signer, signing.made);
        evaluation = await verify('registry');
      }
    }
    // With metadata of its own asked for, the verdict is this request's alone; and so is a registry that refuses the
    // request's own credentials: it says nothing of pods that run the image.
    const isOwn = work.plan.requiredMetadata !== undefined || (evaluation.verdict === 'Unknown' && !evaluation.subject);
    if (!isOwn) this.#options.verdicts.update(imageKey(image.repository, digest), evaluation);
    const verdict = imageVerdict(evaluation, before === undefined ? undefined : verdictOf(before));
    const nextVerification =
      due || before?.nextVerificationTime === undefined
        ? new Date(now.getTime() + work.plan.intervalMs)
        : new Date(before.nextVerificationTime);
    const dueAt = earliest(evaluation.changesAt, signing.renewAt);
    const status = imageStatus(image.text, evaluation, verdict, nextVerification, digest);
    // Looked at again and nothing new: no reason to write. An Unknown that lasts is looked at every few seconds.
    const unchanged =
      before?.verdict === status.verdict && (status.verdict === 'Unknown' || (!due && signing.made === undefined));
    return {
      evaluation,
      result: {
        status: unchanged ? withTimesOf(before, status, now) : status,
        ...(work.signer === undefined ? {} : { signed: signing.signed === true }),
        ...(signing.problem === undefined ? {} : { problem: signing.problem }),
        ...(dueAt === undefined ? {} : { dueAt }),
      },
    };
  }

  /** What an image was asked for by; the index that covered it before also after a restart, wherever its tag moved. */
  #namesOf(request: ImageSignatureRequest, image: RequestedImage, digest: string): readonly string[] {
    const covered = request.status?.images?.find((status) => status.digest === digest)?.coveredBy;
    return [
      ...(covered === undefined ? [] : [`${image.repository}@${covered.digest}`]),
      ...this.#options.runningReferences(imageKey(image.repository, digest)),
      ...request.spec.images,
    ];
  }

  /** At once after each push, so that a crash does not lose what cleanup must know. */
  async #recordMade(work: RequestWork, image: RequestedImage, signer: Signer, made: OwnSignature): Promise<void> {
    const { request } = work;
    work.own = prune([...work.own, made], this.#options.context.clock());
    await this.#options.context.status.write(IMAGE_SIGNATURE_REQUESTS, request, {
      ...(request.status ?? {}),
      ownSignatures: work.own,
    });
    this.#options.context.events.record({
      regarding: regardingOf(request),
      type: 'Normal',
      reason: 'ImageSigned',
      action: 'Sign',
      note: `signed ${image.text} (${shortDigest(made.subjectDigest)}) with ${signer.name}: signature ${shortDigest(made.digest)}`,
    });
  }

  #unknownImage(
    work: RequestWork,
    image: RequestedImage,
    before: ImageStatus | undefined,
    error: OciError,
  ): ImageResult {
    return {
      status: unreadImageStatus(image.text, image.repository, before, error, this.#options.context.clock()),
      ...(work.signer === undefined ? {} : { signed: false }),
      problem: { reason: 'RetryingAfterFault', message: error.message, terminal: false },
    };
  }

  #tellMoved(request: ImageSignatureRequest, image: RequestedImage, from: string, to: string): void {
    this.#options.context.events.record({
      regarding: regardingOf(request),
      type: 'Normal',
      reason: 'TagMoved',
      action: 'Resolve',
      note: `${image.text} moved from ${shortDigest(from)} to ${shortDigest(to)}`,
    });
  }
}

/** Keeps the list bounded: what has expired needs no cleanup, then the oldest go. */
function prune(own: readonly OwnSignature[], now: Date): OwnSignature[] {
  if (own.length <= MAX_OWN_SIGNATURES) return [...own];
  const living = own.filter(
    (signature) => signature.expiresAt === undefined || Date.parse(signature.expiresAt) > now.getTime(),
  );
  return living.slice(-MAX_OWN_SIGNATURES);
}

/** A status that says nothing new keeps the times of the one before, but for a time to look again that is over. */
function withTimesOf(before: ImageStatus, status: ImageStatus, now: Date): ImageStatus {
  const { lastVerifiedTime = status.lastVerifiedTime, nextVerificationTime: next } = before;
  return {
    ...status,
    ...(lastVerifiedTime === undefined ? {} : { lastVerifiedTime }),
    ...(next === undefined || isPast(next, now) ? {} : { nextVerificationTime: next }),
  };
}
