import type { PlatformStatus } from '../api/image-signature-request.ts';
import { cutMessage } from '../kubernetes/index.ts';
import { OciError, type PlatformManifest, platformManifests, type RegistryClient } from '../oci/index.ts';
import { type ImageEvaluation, type ImageKey, imageKey } from '../verification/index.ts';
import { type DigestResult, signAndVerify } from './request-digest.ts';
import type { RequestedImage } from './request-plan.ts';
import type { Problem } from './request-result.ts';
import { earliest } from './request-schedule.ts';
import { MAX_OWN_SIGNATURES, type RequestedImagesOptions, type RequestWork } from './request-work.ts';
import { count } from './wording.ts';

/** More platforms than any image has; each of them costs requests, and a signature. */
const MAX_PLATFORMS = 32;
/** Indexes whose lists are kept; what a digest names never changes. */
const MAX_KEPT_LISTS = 1_000;

/** What became of the manifests that an index lists. */
export interface PlatformsResult {
  /** Undefined: the image is no index. */
  readonly statuses?: readonly PlatformStatus[];
  readonly evaluations: readonly ImageEvaluation[];
  readonly keys: readonly ImageKey[];
  /** Every one has a signature in force of the wanted signer. */
  readonly signed: boolean;
  readonly hasMade: boolean;
  /** See SigningOutcome. */
  readonly byTagSchema: boolean;
  readonly problem?: Problem;
  readonly dueAt?: Date;
}

const NONE = { evaluations: [], keys: [], hasMade: false, byTagSchema: false } as const;

/** Signs and verifies the platform manifests of indexes (`sign.platforms: IndexAndManifests`). */
export class RequestedPlatforms {
  readonly #options: RequestedImagesOptions;
  readonly #lists = new Map<ImageKey, readonly PlatformManifest[] | undefined>();

  constructor(options: RequestedImagesOptions) {
    this.#options = options;
  }

  /**
   * Every manifest is signed for itself: one that fails holds no other up, and the problem says which platform it is.
   * @param digest of the image, an index or not
   */
  async process(
    work: RequestWork,
    image: RequestedImage,
    { digest, list, now }: { readonly digest: string; readonly list: 'registry' | 'kept'; readonly now: Date },
    before: readonly PlatformStatus[] | undefined,
    signal: AbortSignal,
  ): Promise<PlatformsResult> {
    let manifests: readonly PlatformManifest[] | undefined;
    try {
      manifests = await this.#manifestsOf(work.client, image, digest, signal);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      const message = `${image.text}: which platforms it is for: ${error.message}`;
      return keepPlatforms(image, before, { reason: 'RetryingAfterFault', message, terminal: false });
    }
    if (manifests === undefined) return { ...NONE, signed: true };
    if (manifests.length > Math.min(MAX_PLATFORMS, work.platformsLeft)) {
      const message =
        manifests.length > MAX_PLATFORMS
          ? `${image.text}: it has ${manifests.length} platforms, and at most ${MAX_PLATFORMS} are signed: set spec.sign.platforms to Index`
          : `${image.text}: with its ${count(manifests.length, 'platform')} this request would sign more than ${MAX_OWN_SIGNATURES} manifests: move images to another request`;
      return keepPlatforms(image, before, { reason: 'TooManyPlatforms', message, terminal: true });
    }
    work.platformsLeft -= manifests.length;
    const results: PlatformResult[] = [];
    for (const manifest of manifests) {
      const name = manifest.platform === '' ? manifest.descriptor.digest : manifest.platform;
      const target = {
        image: { ...image, text: `${image.text} (${name})` },
        digest: manifest.descriptor.digest,
        list,
        index: digest,
        now,
      };
      results.push(await this.#processOne(work, target, manifest, signal));
    }
    return summarise(image, results);
  }

  async #processOne(
    work: RequestWork,
    target: Parameters<typeof signAndVerify>[1],
    manifest: PlatformManifest,
    signal: AbortSignal,
  ): Promise<PlatformResult> {
    return { manifest, ...(await signAndVerify(work, target, this.#options, signal)) };
  }

  async #manifestsOf(
    client: RegistryClient,
    image: RequestedImage,
    digest: string,
    signal: AbortSignal,
  ): Promise<readonly PlatformManifest[] | undefined> {
    const key = imageKey(image.repository, digest);
    if (this.#lists.has(key)) return this.#lists.get(key);
    const { registry, repository } = image.reference;
    const manifests = platformManifests(await client.getManifest({ registry, repository, digest }, signal), key);
    this.#lists.set(key, manifests);
    for (const [oldest] of this.#lists) {
      if (this.#lists.size <= MAX_KEPT_LISTS) break;
      this.#lists.delete(oldest);
    }
    return manifests;
  }
}

/** Without a look at the platforms: what was known of them before stays in the status, and in use. */
export function keepPlatforms(
  image: RequestedImage,
  before: readonly PlatformStatus[] | undefined,
  problem?: Problem,
): PlatformsResult {
  return {
    ...NONE,
    keys: (before ?? []).map(({ digest }) => imageKey(image.repository, digest)),
    ...(before === undefined ? {} : { statuses: before }),
    signed: false,
    ...(problem === undefined ? {} : { problem }),
  };
}

type PlatformResult = DigestResult & { readonly manifest: PlatformManifest };

function summarise(image: RequestedImage, results: readonly PlatformResult[]): PlatformsResult {
  const unsigned = results.filter(({ signing }) => signing.signed !== true);
  const problems = unsigned.flatMap(({ signing }) => (signing.problem === undefined ? [] : [signing.problem]));
  const first = problems.find(({ terminal }) => terminal) ?? problems[0];
  const more = problems.length < 2 ? '' : `; and ${count(problems.length - 1, 'more platform')} of it`;
  const dueAt = earliest(...results.flatMap(({ evaluation, signing }) => [evaluation.changesAt, signing.renewAt]));
  return {
    statuses: results.map(platformStatus),
    evaluations: results.map(({ evaluation }) => evaluation),
    keys: results.map(({ manifest }) => imageKey(image.repository, manifest.descriptor.digest)),
    signed: unsigned.length === 0,
    hasMade: results.some(({ signing }) => signing.made !== undefined),
    byTagSchema: results.some(({ signing }) => signing.byTagSchema === true),
    ...(first === undefined ? {} : { problem: { ...first, message: `${first.message}${more}` } }),
    ...(dueAt === undefined ? {} : { dueAt }),
  };
}

function platformStatus({ manifest: { descriptor, platform }, evaluation }: PlatformResult): PlatformStatus {
  const { verdict, cause, signatures } = evaluation;
  return {
    platform,
    digest: descriptor.digest,
    verdict,
    ...(cause === undefined ? {} : { cause: { ...cause, message: cutMessage(cause.message) } }),
    signatures: signatures.filter(({ index }) => index === undefined).length,
  };
}
