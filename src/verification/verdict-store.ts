import type { ImageVerdict } from '../api/image-verdict.ts';
import type { Cause } from '../api/verdict.ts';
import type { ImageEvaluation } from './evaluation.ts';
import type { ImageKey } from './image.ts';

/** Told when the verdict on an image changed in what a person would see. */
export type VerdictListener = (key: ImageKey, now: ImageVerdict, before: ImageVerdict | undefined) => void;

/** One verdict per image, shared by every container that runs it and every request that names it. */
export class VerdictStore {
  readonly #verdicts = new Map<ImageKey, ImageVerdict>();
  /** When the verification behind each verdict was begun. */
  readonly #startedAt = new Map<ImageKey, number>();
  readonly #listeners: VerdictListener[] = [];
  readonly #keepers: ((key: ImageKey, verdict: ImageVerdict) => void)[] = [];

  onChange(listener: VerdictListener): void {
    this.#listeners.push(listener);
  }

  /** Told of every verdict that is taken in, also of one that says nothing new. */
  onUpdate(keeper: (key: ImageKey, verdict: ImageVerdict) => void): void {
    this.#keepers.push(keeper);
  }

  get(key: ImageKey): ImageVerdict | undefined {
    return this.#verdicts.get(key);
  }

  entries(): IterableIterator<[ImageKey, ImageVerdict]> {
    return this.#verdicts.entries();
  }

  delete(key: ImageKey): void {
    this.#verdicts.delete(key);
    this.#startedAt.delete(key);
  }

  /**
   * Takes an evaluation in. An Unknown keeps the last known verdict and its age beside it (design.md, "Words"). One that
   * was begun before the one that gave the verdict there is comes too late: a slow one must take no revocation back.
   */
  update(key: ImageKey, evaluation: ImageEvaluation): ImageVerdict {
    const before = this.#verdicts.get(key);
    const { startedAt = Number.POSITIVE_INFINITY } = evaluation;
    if (before !== undefined && startedAt < (this.#startedAt.get(key) ?? 0)) return before;
    if (evaluation.startedAt !== undefined) this.#startedAt.set(key, evaluation.startedAt);
    const now = imageVerdict(evaluation, before ?? evaluation.toldBefore);
    this.#verdicts.set(key, now);
    for (const keeper of this.#keepers) keeper(key, now);
    if (before === undefined || !looksSame(before, now))
      for (const listener of this.#listeners) listener(key, now, before);
    return now;
  }
}

/** The verdict that an evaluation gives, with what is carried over from the one before. */
export function imageVerdict(evaluation: ImageEvaluation, before: ImageVerdict | undefined): ImageVerdict {
  const lastKnown = evaluation.verdict === 'Unknown' ? lastKnownOf(before) : undefined;
  const cause =
    evaluation.cause === undefined ? undefined : withSince(evaluation.cause, evaluation.evaluatedAt, before);
  return {
    verdict: evaluation.verdict,
    ...(cause === undefined ? {} : { cause }),
    ...(evaluation.statement === undefined ? {} : { statement: evaluation.statement.name }),
    ...(lastKnown === undefined ? {} : { lastKnown }),
    verifiedAt: evaluation.evaluatedAt,
    ...(evaluation.coveredBy === undefined ? {} : { coveredBy: evaluation.coveredBy }),
    ...(evaluation.expiresAt === undefined ? {} : { expiresAt: evaluation.expiresAt }),
  };
}

function lastKnownOf(before: ImageVerdict | undefined): ImageVerdict['lastKnown'] {
  if (before === undefined) return undefined;
  if (before.verdict === 'Unknown') return before.lastKnown;
  return { verdict: before.verdict, verifiedAt: before.verifiedAt };
}

/** A cause that lasts keeps the moment it was first seen. */
function withSince(cause: Cause, now: Date, before: ImageVerdict | undefined): Cause {
  if (cause.since !== undefined) return cause;
  const lasting = before?.cause?.reason === cause.reason ? before.cause.since : undefined;
  return { ...cause, since: lasting ?? now.toISOString() };
}

function looksSame(a: ImageVerdict, b: ImageVerdict): boolean {
  return (
    a.verdict === b.verdict &&
    a.statement === b.statement &&
    a.cause?.reason === b.cause?.reason &&
    (a.cause?.revoked ?? []).join() === (b.cause?.revoked ?? []).join() &&
    a.lastKnown?.verdict === b.lastKnown?.verdict &&
    a.coveredBy?.digest === b.coveredBy?.digest &&
    a.expiresAt?.getTime() === b.expiresAt?.getTime()
  );
}
