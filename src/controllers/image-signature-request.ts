import { CONDITIONS } from '../api/conditions.ts';
import { ANNOTATIONS, CLEANUP_FINALIZER, IMAGE_SIGNATURE_REQUESTS } from '../api/group.ts';
import type {
  ImageSignatureRequest,
  ImageSignatureRequestStatus,
  ImageStatus,
  OwnSignature,
} from '../api/image-signature-request.ts';
import { keyOf, type ObjectKey } from '../api/object.ts';
import { hasStatus } from '../kubernetes/index.ts';
import { OciError, type RegistryClient } from '../oci/index.ts';
import type { SigningGrants } from '../signing/grants.ts';
import type { Signer } from '../signing/signer.ts';
import {
  type ImageEvaluation,
  type ImageKey,
  type ImageVerifier,
  imageKey,
  imageVerdict,
  isRegistryCause,
  type RevocationSweep,
  shortDigest,
  type VerdictStore,
} from '../verification/index.ts';
import type { ControllerContext, ReconcileResult } from './context.ts';
import { FAULT_RETRY_MS, retryAfterMs } from './fault-retry.ts';
import { jobsOf } from './image.ts';
import { imageStatus, unreadImageStatus, verdictOf } from './image-status.ts';
import { type RegistryClients, registryAccess } from './registry-access.ts';
import { cleanUp } from './request-cleanup.ts';
import { readyEvent } from './request-event.ts';
import { planRequest, type RequestedImage, type RequestPlan } from './request-plan.ts';
import type { ImageResult, Problem } from './request-result.ts';
import { type RequestSignerOptions, signerOf } from './request-signer.ts';
import { type SigningOutcome, signImage } from './request-signing.ts';
import { requestStatus } from './request-status.ts';

/** A problem that only a change mends is looked at again this often all the same: Secrets and grants are not watched. */
const STALLED_RETRY_MS = 60_000;
const MAX_OWN_SIGNATURES = 256;

export interface ImageSignatureRequestControllerOptions extends RequestSignerOptions {
  readonly context: ControllerContext;
  readonly requests: ReadonlyMap<ObjectKey, ImageSignatureRequest>;
  /** Undefined: the namespace is not known. */
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>> | undefined;
  readonly verifier: ImageVerifier;
  readonly verdicts: VerdictStore;
  readonly sweep: RevocationSweep;
  readonly registries: RegistryClients;
  readonly grants: () => SigningGrants;
  /** What pods asked for an image by. */
  readonly runningReferences: (key: ImageKey) => Iterable<string>;
  /** An image that this request no longer names may have no user left. */
  readonly onReleased: (key: ImageKey) => void;
}

/** Signs and verifies the images of ImageSignatureRequests (design.md, "ImageSignatureRequest"). */
export class ImageSignatureRequestController {
  readonly #options: ImageSignatureRequestControllerOptions;
  readonly #imagesOf = new Map<ObjectKey, ReadonlySet<ImageKey>>();

  constructor(options: ImageSignatureRequestControllerOptions) {
    this.#options = options;
  }

  /** Requests that name an image, as last resolved. */
  requestsOf(key: ImageKey): readonly ObjectKey[] {
    return [...this.#imagesOf].filter(([, images]) => images.has(key)).map(([request]) => request);
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const request = this.#options.requests.get(key);
    if (request === undefined) {
      this.#release(key, new Set());
      this.#options.sweep.setUses(sweepUser(key), []);
      return {};
    }
    if (request.metadata.deletionTimestamp !== undefined) return this.#delete(request, signal);

    const planned = planRequest(request);
    if (planned.kind === 'refused') {
      return this.#stop(request, { reason: planned.reason, message: planned.message, terminal: true }, {});
    }
    const { plan } = planned;
    // Adding or removing the finalizer brings the object back through the watch.
    if (await this.#syncFinalizer(request, plan.needsCleanup, signal)) return { requeueAfterMs: FAULT_RETRY_MS };
    if (request.spec.suspend === true) {
      const message = 'spec.suspend is true: nothing is signed or verified until it is false';
      return this.#stop(request, { reason: 'Suspended', message, terminal: false }, {});
    }
    const problem = this.#grantProblem(request, plan) ?? this.#plainHttpProblem(request, plan);
    if (problem !== undefined) return this.#stop(request, problem, { requeueAfterMs: STALLED_RETRY_MS });
    return this.#process(request, plan, signal);
  }

  async #process(request: ImageSignatureRequest, plan: RequestPlan, signal: AbortSignal): Promise<ReconcileResult> {
    const { context, registries } = this.#options;
    const mayUseOperators = plan.sign?.by.kind !== 'key';
    const access = await registryAccess(request, mayUseOperators, registries, context.client, signal);
    if (access.kind === 'refused') {
      return this.#stop(request, { ...access, terminal: true }, { requeueAfterMs: FAULT_RETRY_MS });
    }
    const signer = plan.sign === undefined ? undefined : await signerOf(request, plan.sign, this.#options, signal);
    if (signer !== undefined && 'reason' in signer) {
      return this.#stop(request, signer, { requeueAfterMs: FAULT_RETRY_MS });
    }
    const work: RequestWork = {
      request,
      plan,
      client: access.client,
      ...(signer === undefined ? {} : { signer }),
      own: [...(request.status?.ownSignatures ?? [])],
      forced: isForced(request),
    };
    const results: ImageResult[] = [];
    const evaluations: ImageEvaluation[] = [];
    const keys = new Set<ImageKey>();
    for (const image of plan.images) {
      const { result, evaluation } = await this.#processImage(work, image, signal);
      results.push(result);
      if (evaluation !== undefined) evaluations.push(evaluation);
      if (result.status.digest !== undefined) keys.add(imageKey(image.repository, result.status.digest));
    }
    this.#options.sweep.setUses(sweepUser(keyOf(request)), evaluations.flatMap(jobsOf));
    this.#release(keyOf(request), keys);
    await this.#finish(work, results);
    return { requeueAfterMs: this.#requeueAfterMs(work, results) };
  }

  async #processImage(
    work: RequestWork,
    image: RequestedImage,
    signal: AbortSignal,
  ): Promise<{ readonly result: ImageResult; readonly evaluation?: ImageEvaluation }> {
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
    const digest = due ? await this.#resolve(work, image, before, signal) : before.digest;
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

  /**
   * The digest that a reference names now. While the registry throttles it is the one that it named before: that is no
   * news of the image, and the verifier says for how long what it knows stands in (faults.md 22).
   */
  async #resolve(
    work: RequestWork,
    image: RequestedImage,
    before: ImageStatus | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    try {
      return (await work.client.resolve(image.reference, signal)).digest;
    } catch (error) {
      if (before?.digest !== undefined && error instanceof OciError && error.code === 'RateLimited')
        return before.digest;
      throw error;
    }
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

  /** No AWS call is made for a request outside every grant (design.md, "Signing grants"). */
  #grantProblem(request: ImageSignatureRequest, plan: RequestPlan): Problem | undefined {
    const by = plan.sign?.by;
    if (by?.kind !== 'awsSigner') return undefined;
    const namespace = request.metadata.namespace ?? '';
    for (const image of plan.images) {
      const answer = this.#options.grants().check({
        namespace,
        namespaceLabels: this.#options.namespaceLabels(namespace),
        profileArn: by.profile.arn,
        ...(by.assumeRoleArn === undefined ? {} : { roleArn: by.assumeRoleArn }),
        repository: image.repository,
      });
      if (!answer.granted) return { reason: 'NotGranted', message: answer.message, terminal: true };
    }
    return undefined;
  }

  #plainHttpProblem(request: ImageSignatureRequest, plan: RequestPlan): Problem | undefined {
    if (request.spec.registry?.plainHTTP !== true) return undefined;
    const host = plan.images
      .map((image) => image.reference.registry)
      .find((name) => !this.#options.registries.allowsPlainHTTP(name));
    if (host === undefined) return undefined;
    const message = `spec.registry.plainHTTP: the operator speaks plain HTTP only to hosts of its setting --plain-http-hosts, and ${host} is not among them`;
    return { reason: 'NotGranted', message, terminal: true };
  }

  async #stop(request: ImageSignatureRequest, problem: Problem, result: ReconcileResult): Promise<ReconcileResult> {
    const status = requestStatus({
      request,
      images: [],
      own: request.status?.ownSignatures ?? [],
      signs: request.spec.sign !== undefined,
      problem,
      ...handled(request, false),
      now: this.#options.context.clock(),
    });
    await this.#writeAndTell(request, status);
    return result;
  }

  async #finish(work: RequestWork, images: readonly ImageResult[]): Promise<void> {
    const allSigned = images.every((image) => image.signed !== false);
    const status = requestStatus({
      request: work.request,
      images,
      own: work.own,
      signs: work.signer !== undefined,
      ...handled(work.request, allSigned),
      now: this.#options.context.clock(),
    });
    await this.#writeAndTell(work.request, status);
  }

  async #writeAndTell(request: ImageSignatureRequest, status: ImageSignatureRequestStatus): Promise<void> {
    const { context } = this.#options;
    const written = await context.status.write(IMAGE_SIGNATURE_REQUESTS, request, status);
    const event = readyEvent(request.status?.conditions ?? [], status.conditions ?? []);
    if (written && event !== undefined) context.events.record({ regarding: regardingOf(request), ...event });
  }

  #requeueAfterMs({ plan, request }: RequestWork, results: readonly ImageResult[]): number {
    const now = this.#options.context.clock().getTime();
    const reconciling = request.status?.conditions?.find(({ type }) => type === CONDITIONS.reconciling);
    const faultRetryMs = retryAfterMs(reconciling?.lastTransitionTime, now);
    const moments = results.flatMap((result) => [
      ...(result.dueAt === undefined ? [] : [result.dueAt.getTime()]),
      ...(result.status.nextVerificationTime === undefined ? [] : [Date.parse(result.status.nextVerificationTime)]),
      ...(result.problem === undefined ? [] : [now + (result.problem.terminal ? STALLED_RETRY_MS : faultRetryMs)]),
      ...(result.status.verdict === 'Unknown' ? [now + retryAfterMs(result.status.cause?.since, now)] : []),
    ]);
    const signAnewAt = plan.sign?.signAnewAt?.getTime();
    if (signAnewAt !== undefined && signAnewAt > now) moments.push(signAnewAt);
    return Math.max(0, Math.min(now + plan.intervalMs, ...moments) - now);
  }

  async #syncFinalizer(request: ImageSignatureRequest, wanted: boolean, signal: AbortSignal): Promise<boolean> {
    const finalizers = request.metadata.finalizers ?? [];
    if (finalizers.includes(CLEANUP_FINALIZER) === wanted) return false;
    const next = wanted ? [...finalizers, CLEANUP_FINALIZER] : finalizers.filter((name) => name !== CLEANUP_FINALIZER);
    await this.#setFinalizers(request, next, signal);
    return true;
  }

  async #setFinalizers(
    request: ImageSignatureRequest,
    finalizers: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { uid, resourceVersion } = request.metadata;
    try {
      await this.#options.context.client.patch(
        IMAGE_SIGNATURE_REQUESTS,
        keyOf(request),
        { contentType: 'application/merge-patch+json', body: { metadata: { uid, resourceVersion, finalizers } } },
        { signal },
      );
    } catch (error) {
      // The object is older than the one in the cluster, or gone: the watch brings what there is now.
      if (!hasStatus(error, 409) && !hasStatus(error, 404)) throw error;
    }
  }

  async #delete(request: ImageSignatureRequest, signal: AbortSignal): Promise<ReconcileResult> {
    const finalizers = request.metadata.finalizers ?? [];
    if (!finalizers.includes(CLEANUP_FINALIZER)) return {};
    const done = await cleanUp(request, this.#options, signal);
    if (done.kind === 'failed') {
      return this.#stop(request, done.problem, { requeueAfterMs: FAULT_RETRY_MS });
    }
    await this.#setFinalizers(
      request,
      finalizers.filter((name) => name !== CLEANUP_FINALIZER),
      signal,
    );
    return {};
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

  #release(key: ObjectKey, now: ReadonlySet<ImageKey>): void {
    const before = this.#imagesOf.get(key) ?? new Set();
    if (now.size === 0) this.#imagesOf.delete(key);
    else this.#imagesOf.set(key, now);
    for (const image of before) if (!now.has(image)) this.#options.onReleased(image);
  }
}

interface RequestWork {
  readonly request: ImageSignatureRequest;
  readonly plan: RequestPlan;
  readonly client: RegistryClient;
  readonly signer?: Signer;
  own: OwnSignature[];
  /** The spec changed or a person asked: look at everything now. */
  readonly forced: boolean;
}

/** The sweep's name for a request; no image reference begins with `#`. */
export function sweepUser(key: ObjectKey): string {
  return `#request/${key}`;
}

/** The request that a user of the sweep stands for; undefined for an image. */
export function requestOfSweepUser(user: string): ObjectKey | undefined {
  return user.startsWith('#request/') ? user.slice('#request/'.length) : undefined;
}

/** The object that an event about a request names. */
export function regardingOf(request: ImageSignatureRequest): {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
} {
  return {
    apiVersion: `${IMAGE_SIGNATURE_REQUESTS.group}/${IMAGE_SIGNATURE_REQUESTS.version}`,
    kind: IMAGE_SIGNATURE_REQUESTS.kind,
    namespace: request.metadata.namespace ?? '',
    name: request.metadata.name,
    uid: request.metadata.uid,
  };
}

function isForced(request: ImageSignatureRequest): boolean {
  const asked = request.metadata.annotations ?? {};
  const { status } = request;
  return (
    status?.observedGeneration !== request.metadata.generation ||
    asked[ANNOTATIONS.reconcileRequestedAt] !== status?.lastHandledReconcileAt ||
    asked[ANNOTATIONS.signAnewRequestedAt] !== status?.lastHandledSignAnewAt
  );
}

function handled(
  request: ImageSignatureRequest,
  allSigned: boolean,
): { readonly lastHandledReconcileAt?: string; readonly lastHandledSignAnewAt?: string } {
  const asked = request.metadata.annotations ?? {};
  const reconcile = asked[ANNOTATIONS.reconcileRequestedAt];
  const anew = allSigned ? asked[ANNOTATIONS.signAnewRequestedAt] : request.status?.lastHandledSignAnewAt;
  return {
    ...(reconcile === undefined ? {} : { lastHandledReconcileAt: reconcile }),
    ...(anew === undefined ? {} : { lastHandledSignAnewAt: anew }),
  };
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

function isPast(time: string | undefined, now: Date): boolean {
  return time === undefined || Date.parse(time) <= now.getTime();
}

function earliest(...dates: readonly (Date | undefined)[]): Date | undefined {
  const known = dates.flatMap((date) => (date === undefined ? [] : [date.getTime()]));
  return known.length === 0 ? undefined : new Date(Math.min(...known));
}
