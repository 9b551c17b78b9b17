import { IMAGE_SIGNATURE_REQUESTS } from '../api/group.ts';
import type { ImageSignatureRequest } from '../api/image-signature-request.ts';
import { keyOf, type ObjectKey } from '../api/object.ts';
import type { ImageEvaluation, ImageKey, RevocationSweep } from '../verification/index.ts';
import type { ReconcileResult } from './context.ts';
import { FAULT_RETRY_MS } from './fault-retry.ts';
import { jobsOf } from './image.ts';
import { writeAndTell } from './ready-event.ts';
import { type RegistryClients, registryAccess } from './registry-access.ts';
import { cleanUp } from './request-cleanup.ts';
import { hasFinalizer, syncFinalizer } from './request-finalizer.ts';
import { sweepUser } from './request-names.ts';
import { type PermissionOptions, permissionProblem } from './request-permission.ts';
import { planRequest, type RequestPlan } from './request-plan.ts';
import type { ImageResult, Problem } from './request-result.ts';
import { handled, isForced, requeueAfterMs, STALLED_RETRY_MS } from './request-schedule.ts';
import { type RequestSignerOptions, signerOf } from './request-signer.ts';
import { requestStatus } from './request-status.ts';
import { MAX_OWN_SIGNATURES, type RequestedImagesOptions, type RequestWork } from './request-work.ts';
import { RequestedImages } from './requested-images.ts';

export interface ImageSignatureRequestControllerOptions
  extends RequestSignerOptions,
    RequestedImagesOptions,
    PermissionOptions {
  readonly requests: ReadonlyMap<ObjectKey, ImageSignatureRequest>;
  readonly sweep: RevocationSweep;
  readonly registries: RegistryClients;
  /** An image that this request no longer names may have no user left. */
  readonly onReleased: (key: ImageKey) => void;
}

/** Signs and verifies the images of ImageSignatureRequests (design.md, "ImageSignatureRequest"). */
export class ImageSignatureRequestController {
  readonly #options: ImageSignatureRequestControllerOptions;
  readonly #images: RequestedImages;
  readonly #imagesOf = new Map<ObjectKey, ReadonlySet<ImageKey>>();

  constructor(options: ImageSignatureRequestControllerOptions) {
    this.#options = options;
    this.#images = new RequestedImages(options);
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
    if (await syncFinalizer(request, plan.needsCleanup, this.#options.context.client, signal))
      return { requeueAfterMs: FAULT_RETRY_MS };
    if (request.spec.suspend === true) {
      const message = 'spec.suspend is true: nothing is signed or verified until it is false';
      return this.#stop(request, { reason: 'Suspended', message, terminal: false }, {});
    }
    const problem = permissionProblem(request, plan, this.#options);
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
      platformsLeft: MAX_OWN_SIGNATURES - plan.images.length,
      forced: isForced(request),
    };
    const results: ImageResult[] = [];
    const evaluations: ImageEvaluation[] = [];
    const keys = new Set<ImageKey>();
    for (const image of plan.images) {
      const processed = await this.#images.process(work, image, signal);
      results.push(processed.result);
      evaluations.push(...processed.evaluations);
      for (const used of processed.keys) keys.add(used);
    }
    this.#options.sweep.setUses(sweepUser(keyOf(request)), evaluations.flatMap(jobsOf));
    this.#release(keyOf(request), keys);
    await this.#finish(work, results);
    return { requeueAfterMs: requeueAfterMs(request, plan, results, context.clock()) };
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
    await writeAndTell(this.#options.context, IMAGE_SIGNATURE_REQUESTS, request, status);
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
    await writeAndTell(this.#options.context, IMAGE_SIGNATURE_REQUESTS, work.request, status);
  }

  async #delete(request: ImageSignatureRequest, signal: AbortSignal): Promise<ReconcileResult> {
    if (!hasFinalizer(request)) return {};
    const done = await cleanUp(request, this.#options, signal);
    if (done.kind === 'failed') {
      const requeueAfterMs = done.problem.terminal ? STALLED_RETRY_MS : FAULT_RETRY_MS;
      return this.#stop(request, done.problem, { requeueAfterMs });
    }
    await syncFinalizer(request, false, this.#options.context.client, signal);
    return {};
  }

  #release(key: ObjectKey, now: ReadonlySet<ImageKey>): void {
    const before = this.#imagesOf.get(key) ?? new Set();
    if (now.size === 0) this.#imagesOf.delete(key);
    else this.#imagesOf.set(key, now);
    for (const image of before) if (!now.has(image)) this.#options.onReleased(image);
  }
}
