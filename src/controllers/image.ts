import type { ImageVerdict } from '../api/image-verdict.ts';
import { signerAttributes } from '../aws/index.ts';
import type { RegistryClient } from '../oci/index.ts';
import {
  type Clock,
  type ImageEvaluation,
  type ImageKey,
  type ImageVerifier,
  isRegistryCause,
  type RevocationSweep,
  referenceOf,
  type VerdictStore,
} from '../verification/index.ts';
import type { ReconcileResult } from './context.ts';
import { ListSchedule } from './list-schedule.ts';

/** An Unknown verdict is tried again this soon, and then ever more seldom up to the maximum. */
const UNKNOWN_RETRY_MS = { first: 5_000, max: 5 * 60_000 };
/** A new image that its registry is too busy to show is "not verified yet" this long, and only then Unknown. */
const THROTTLED_WAIT_MS = 5 * 60_000;

export interface ImageControllerOptions {
  readonly verifier: ImageVerifier;
  readonly verdicts: VerdictStore;
  readonly sweep: RevocationSweep;
  /**
   * The client for an image that runs: with the operator's own credentials, and then with the pull secrets of its pods
   * where that is allowed (design.md, "Security boundaries"). Kept as long as the image runs.
   */
  readonly clientOf: (key: ImageKey) => RegistryClient;
  /** What would help where a registry refuses an image: a sentence. */
  readonly refusalHint?: (key: ImageKey) => string | undefined;
  readonly clock: Clock;
  /** How often the registry is asked again which signatures an image has, milliseconds. */
  readonly verifyIntervalMs: number;
  /** Whether any pod runs the image. */
  readonly isRunning: (key: ImageKey) => boolean;
  /** What pods asked for the image by. */
  readonly runningReferences: (key: ImageKey) => Iterable<string>;
  /** Whether any request names the image: its own reconcile then keeps the verdict. */
  readonly isRequested: (key: ImageKey) => boolean;
  /** An image that nothing runs or requests any more went, with this verdict. */
  readonly onForgotten?: (key: ImageKey, verdict: ImageVerdict | undefined) => void;
}

/** Keeps the verdict on every running image true: at first sight, at each interval, at expiry, and at a revocation. */
export class ImageController {
  readonly #options: ImageControllerOptions;
  readonly #clients = new Map<ImageKey, RegistryClient>();
  /** Since when images wait that have no verdict because their registry throttles, milliseconds since the epoch. */
  readonly #waiting = new Map<ImageKey, number>();
  readonly #schedule = new ListSchedule();
  readonly #failures = new Map<ImageKey, { readonly count: number; readonly ofRegistry: boolean }>();

  constructor(options: ImageControllerOptions) {
    this.#options = options;
  }

  async reconcile(key: ImageKey, signal: AbortSignal): Promise<ReconcileResult> {
    const { verifier, verdicts, sweep, clock } = this.#options;
    if (!this.#options.isRunning(key)) {
      this.#failures.delete(key);
      this.#clients.delete(key);
      this.#waiting.delete(key);
      this.#schedule.forget(key);
      if (!this.#options.isRequested(key)) {
        const verdict = verdicts.get(key);
        verifier.forget(key);
        verdicts.delete(key);
        sweep.setUses(key, []);
        this.#options.onForgotten?.(key, verdict);
      }
      return {};
    }
    const client = this.#clients.get(key) ?? this.#options.clientOf(key);
    this.#clients.set(key, client);
    const found = await verifier.verify(
      {
        reference: referenceOf(key),
        client,
        list: this.#isListDue(key) ? 'registry' : 'kept',
        namedAs: () => this.#options.runningReferences(key),
      },
      signal,
    );
    const evaluation = this.#withHint(key, found);
    if (this.#mayWait(key, evaluation, clock()))
      return { requeueAfterMs: this.#requeueAfterMs(key, evaluation, clock()) };
    takeIn(key, evaluation, verdicts, sweep);
    return { requeueAfterMs: this.#requeueAfterMs(key, evaluation, clock()) };
  }

  /** Whether there is nothing to tell yet: a rollout on a busy registry takes its time, and that is no fault (faults.md 22). */
  #mayWait(key: ImageKey, { verdict, cause }: ImageEvaluation, now: Date): boolean {
    const isThrottled = verdict === 'Unknown' && cause?.reason === 'RegistryRateLimited';
    if (!isThrottled || this.#options.verdicts.get(key) !== undefined) {
      this.#waiting.delete(key);
      return false;
    }
    const since = this.#waiting.get(key) ?? now.getTime();
    this.#waiting.set(key, since);
    return now.getTime() - since < THROTTLED_WAIT_MS;
  }

  #withHint(key: ImageKey, evaluation: ImageEvaluation): ImageEvaluation {
    const { cause } = evaluation;
    const hint = cause?.reason === 'RegistryDenied' ? this.#options.refusalHint?.(key) : undefined;
    if (cause === undefined || hint === undefined) return evaluation;
    return { ...evaluation, cause: { ...cause, message: `${cause.message}; ${hint}` } };
  }

  #isListDue(key: ImageKey): boolean {
    const listedAt = this.#options.verifier.listedAt(key);
    if (listedAt === undefined || this.#failures.get(key)?.ofRegistry === true) return true;
    const verdict = this.#options.verdicts.get(key)?.verdict;
    const now = this.#options.clock().getTime();
    return this.#schedule.dueAfterMs(key, listedAt.getTime(), this.#listIntervalMs(verdict), now) === 0;
  }

  /** A running image without a good signature is looked at again sooner: somebody is about to sign it. */
  #listIntervalMs(verdict: ImageEvaluation['verdict'] | undefined): number {
    return isSettled(verdict) || verdict === 'Unknown' ? this.#options.verifyIntervalMs : this.#unsettledIntervalMs();
  }

  #unsettledIntervalMs(): number {
    return Math.min(this.#options.verifyIntervalMs, 5 * 60_000);
  }

  #requeueAfterMs(key: ImageKey, evaluation: ImageEvaluation, now: Date): number {
    const spread = 0.9 + Math.random() * 0.1;
    const listedAt = this.#options.verifier.listedAt(key)?.getTime();
    const intervalMs = this.#listIntervalMs(evaluation.verdict);
    let after =
      listedAt === undefined
        ? intervalMs * spread
        : this.#schedule.lookAgainAfterMs(key, listedAt, intervalMs, now.getTime());
    if (evaluation.verdict === 'Unknown') {
      const count = (this.#failures.get(key)?.count ?? 0) + 1;
      this.#failures.set(key, { count, ofRegistry: isRegistryCause(evaluation.cause) });
      after = Math.min(UNKNOWN_RETRY_MS.first * 2 ** (count - 1), UNKNOWN_RETRY_MS.max) * spread;
    } else {
      this.#failures.delete(key);
    }
    if (evaluation.changesAt !== undefined) after = Math.min(after, evaluation.changesAt.getTime() - now.getTime());
    return Math.max(after, 0);
  }
}

/** Takes an evaluation into the shared verdicts, and tells the sweep which signatures it depends on. */
export function takeIn(
  key: ImageKey,
  evaluation: ImageEvaluation,
  verdicts: VerdictStore,
  sweep: RevocationSweep,
): void {
  verdicts.update(key, evaluation);
  sweep.setUses(key, jobsOf(evaluation));
}

/** The signing jobs whose revocation would change a verdict: those of signatures that got as far as that check. */
export function jobsOf(evaluation: ImageEvaluation): string[] {
  return evaluation.signatures.flatMap((signature) => {
    if (signature.kind !== 'evaluated' || signature.outcome.envelope === undefined) return [];
    if (!signature.outcome.checks.some((check) => check.type === 'revocation')) return [];
    const attributes = signerAttributes(signature.outcome.envelope);
    return attributes === undefined ? [] : [attributes.jobArn];
  });
}

function isSettled(verdict: ImageEvaluation['verdict'] | undefined): boolean {
  return verdict === 'Trusted' || verdict === 'Uncovered' || verdict === 'Revoked';
}
