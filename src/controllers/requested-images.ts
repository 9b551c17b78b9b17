import type { ConditionReason } from '../api/conditions.ts';
import type { ImageSignatureRequest, ImageStatus } from '../api/image-signature-request.ts';
import { isPlatformManifest, OciError } from '../oci/index.ts';
import {
  type ImageEvaluation,
  type ImageKey,
  imageKey,
  imageVerdict,
  isRegistryCause,
  shortDigest,
} from '../verification/index.ts';
import { imageStatus, sumUp, unreadImageStatus, verdictOf } from './image-status.ts';
import { type DigestResult, type DigestTarget, signAndVerify } from './request-digest.ts';
import { regardingOf } from './request-names.ts';
import type { RequestedImage } from './request-plan.ts';
import { keepPlatforms, type PlatformsResult, RequestedPlatforms } from './request-platforms.ts';
import type { ImageResult } from './request-result.ts';
import { earliest, isPast } from './request-schedule.ts';
import type { RequestedImagesOptions, RequestWork } from './request-work.ts';

/** A new signature in an index that others write too is looked for again this soon (notary.md A5). */
const NEW_SIGNATURE_LOOK_MS = 60_000;

/** What became of one image. */
export interface ProcessedImage {
  readonly result: ImageResult;
  /** Of the image and of its platforms; none where the registry did not give the image. */
  readonly evaluations: readonly ImageEvaluation[];
  /** What the request keeps in use: the image, and its platforms. */
  readonly keys: readonly ImageKey[];
}

/** Signs and verifies the images of requests, one at a time. */
export class RequestedImages {
  readonly #options: RequestedImagesOptions;
  readonly #platforms: RequestedPlatforms;

  constructor(options: RequestedImagesOptions) {
    this.#options = options;
    this.#platforms = new RequestedPlatforms(options);
  }

  /** Signs an image where it is to be and is not yet, and verifies it. A fault of the registry is in the result. */
  async process(work: RequestWork, image: RequestedImage, signal: AbortSignal): Promise<ProcessedImage> {
    const before = work.request.status?.images?.find((status) => status.reference === image.text);
    try {
      return await this.#signAndVerify(work, image, before, signal);
    } catch (error) {
      if (error instanceof OciError) return this.#unknownImage(work, image, before, error);
      throw error;
    }
  }

  async #signAndVerify(
    work: RequestWork,
    image: RequestedImage,
    before: ImageStatus | undefined,
    signal: AbortSignal,
  ): Promise<ProcessedImage> {
    const now = this.#options.context.clock();
    const due =
      work.forced ||
      before?.digest === undefined ||
      isPast(before.nextVerificationTime, now) ||
      isUnknownByRegistry(sumUp(before));
    const digest = due ? await digestNow(work, image, before, signal) : before.digest;
    if (before?.digest !== undefined && before.digest !== digest)
      this.#tellMoved(work.request, image, before.digest, digest);
    const at = { digest, list: due ? 'registry' : 'kept', now } as const;
    const done = await signAndVerify(work, { image, ...at }, this.#options, signal);
    const { evaluation, signing } = done;
    const platforms = await this.#processPlatforms(work, image, at, before, done, signal);

    const verdict = imageVerdict(evaluation, before === undefined ? undefined : verdictOf(before));
    const hasMade = signing.made !== undefined || platforms.hasMade;
    const isLookedAtSoon = signing.byTagSchema === true || platforms.byTagSchema;
    const intervalMs = Math.min(work.plan.intervalMs, isLookedAtSoon ? NEW_SIGNATURE_LOOK_MS : Infinity);
    const nextVerification =
      due || isLookedAtSoon || before?.nextVerificationTime === undefined
        ? new Date(now.getTime() + intervalMs)
        : new Date(before.nextVerificationTime);
    const dueAt = earliest(evaluation.changesAt, signing.renewAt, platforms.dueAt);
    const problem = signing.problem ?? platforms.problem;
    const status = {
      ...imageStatus(image.text, evaluation, verdict, nextVerification, digest),
      ...(platforms.statuses === undefined ? {} : { platforms: platforms.statuses }),
    };
    // Looked at again and nothing new: no reason to write. An Unknown that lasts is looked at every few seconds.
    const unchanged = before?.verdict === status.verdict && (status.verdict === 'Unknown' || (!due && !hasMade));
    return {
      evaluations: [evaluation, ...platforms.evaluations],
      keys: [imageKey(image.repository, digest), ...platforms.keys],
      result: {
        status: unchanged ? withTimesOf(before, status, now) : status,
        ...(work.signer === undefined ? {} : { signed: signing.signed === true && platforms.signed }),
        ...(problem === undefined ? {} : { problem }),
        ...(dueAt === undefined ? {} : { dueAt }),
      },
    };
  }

  async #processPlatforms(
    work: RequestWork,
    image: RequestedImage,
    at: Pick<DigestTarget, 'digest' | 'list' | 'now'>,
    before: ImageStatus | undefined,
    { evaluation, signing }: DigestResult,
    signal: AbortSignal,
  ): Promise<PlatformsResult> {
    if (work.plan.sign?.withPlatforms !== true) return NO_PLATFORMS;
    if (evaluation.subject !== undefined && isPlatformManifest(evaluation.subject)) return NO_PLATFORMS;
    const known = before?.digest === at.digest ? before.platforms : undefined;
    // What could not sign the index cannot sign its manifests: one refusal is enough.
    const isRefused = signing.problem !== undefined && !OF_THIS_DIGEST.has(signing.problem.reason);
    if (evaluation.subject === undefined || isRefused) return keepPlatforms(image, known);
    return this.#platforms.process(work, image, at, known, signal);
  }

  #unknownImage(
    work: RequestWork,
    image: RequestedImage,
    before: ImageStatus | undefined,
    error: OciError,
  ): ProcessedImage {
    const status = unreadImageStatus(image.text, image.repository, before, error, this.#options.context.clock());
    const digests = [status.digest, ...(status.platforms ?? []).map(({ digest }) => digest)];
    return {
      evaluations: [],
      keys: digests.flatMap((digest) => (digest === undefined ? [] : [imageKey(image.repository, digest)])),
      result: {
        status,
        ...(work.signer === undefined ? {} : { signed: false }),
        problem: { reason: 'RetryingAfterFault', message: error.message, terminal: false },
      },
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

const NO_PLATFORMS: PlatformsResult = { evaluations: [], keys: [], signed: true, hasMade: false, byTagSchema: false };

/** Reasons why an image is not signed that say nothing of other images. */
const OF_THIS_DIGEST: ReadonlySet<ConditionReason> = new Set(['SignatureRevoked', 'Undetermined']);

function isUnknownByRegistry({ verdict, cause }: ImageStatus): boolean {
  return verdict === 'Unknown' && isRegistryCause(cause);
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

/**
 * The digest that a reference names now. While the registry throttles it is the one that it named before: that is no
 * news of the image, and the verifier says for how long what it knows stands in (faults.md 22).
 */
async function digestNow(
  work: RequestWork,
  image: RequestedImage,
  before: ImageStatus | undefined,
  signal: AbortSignal,
): Promise<string> {
  try {
    return (await work.client.resolve(image.reference, signal)).digest;
  } catch (error) {
    if (before?.digest !== undefined && error instanceof OciError && error.code === 'RateLimited') return before.digest;
    throw error;
  }
}
