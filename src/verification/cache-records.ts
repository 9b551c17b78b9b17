import type { ImageVerdict } from '../api/image-verdict.ts';
import { CAUSE_REASONS, type Cause, type CauseReason, VERDICTS_WORST_FIRST, type VerdictType } from '../api/verdict.ts';
import type { Descriptor } from '../notary/index.ts';
import { isDigest, parseDescriptor } from '../oci/index.ts';

/** More than `--max-signatures` allows, which is 1,000: a list on disk is bounded by itself too. */
const MAX_SIGNATURES = 1_000;
const MAX_INDEXES = 8;
const MAX_TEXT = 512;

/** The signatures of a subject as the registry listed them once. */
export interface StoredList {
  readonly signatures: readonly Descriptor[];
  readonly truncated: boolean;
  /** Milliseconds since the epoch. */
  readonly listedAt: number;
}

/** What was last told of an image, so that a restart tells nothing anew. It decides nothing. */
export interface StoredVerdict {
  readonly verdict: ImageVerdict;
  /** Digests of indexes that listed the image: where to look first. */
  readonly indexes: readonly string[];
}

export function writeList({ signatures, truncated, listedAt }: StoredList): object {
  return {
    signatures: signatures.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    truncated,
    listedAt: new Date(listedAt).toISOString(),
  };
}

/** @returns undefined when it is no list, or of a time to come */
export function readList(value: unknown, now: Date): StoredList | undefined {
  const { signatures, truncated, listedAt } = fields(value);
  const at = time(listedAt, now);
  if (!Array.isArray(signatures) || signatures.length > MAX_SIGNATURES || typeof truncated !== 'boolean')
    return undefined;
  const descriptors = signatures.map(parseDescriptor).filter((descriptor) => descriptor !== undefined);
  if (descriptors.length !== signatures.length || at === undefined) return undefined;
  return { signatures: descriptors, truncated, listedAt: at.getTime() };
}

export function writeVerdict({ verdict, indexes }: StoredVerdict): object {
  const { cause, ...rest } = verdict;
  // The sentence is made anew from what is found: the one of the disk is nobody's word.
  const { reason, since } = cause ?? {};
  return { verdict: { ...rest, ...(cause === undefined ? {} : { cause: { reason, since } }) }, indexes };
}

/** @returns undefined when it is no verdict, or tells of a time to come */
export function readVerdict(value: unknown, now: Date): StoredVerdict | undefined {
  const { verdict: stored, indexes } = fields(value);
  const { verdict, cause, statement, lastKnown, verifiedAt } = fields(stored);
  const [type, at] = [verdictType(verdict), time(verifiedAt, now)];
  if (type === undefined || at === undefined) return undefined;
  if (!Array.isArray(indexes) || indexes.length > MAX_INDEXES || !indexes.every(isDigestText)) return undefined;
  const known = lastKnown === undefined ? undefined : readLastKnown(lastKnown, now);
  const why = cause === undefined ? undefined : readCause(cause, now);
  if ((lastKnown !== undefined && known === undefined) || (cause !== undefined && why === undefined)) return undefined;
  return {
    verdict: {
      verdict: type,
      verifiedAt: at,
      ...(why === undefined ? {} : { cause: why }),
      ...(typeof statement === 'string' ? { statement: statement.slice(0, MAX_TEXT) } : {}),
      ...(known === undefined ? {} : { lastKnown: known }),
    },
    indexes,
  };
}

function readCause(value: unknown, now: Date): Cause | undefined {
  const { reason, since } = fields(value);
  const known = CAUSE_REASONS.find((candidate): candidate is CauseReason => candidate === reason);
  if (known === undefined) return undefined;
  const at = time(since, now);
  return { reason: known, message: '', ...(at === undefined ? {} : { since: at.toISOString() }) };
}

function readLastKnown(value: unknown, now: Date): ImageVerdict['lastKnown'] {
  const { verdict, verifiedAt } = fields(value);
  const [type, at] = [verdictType(verdict), time(verifiedAt, now)];
  return type === undefined || at === undefined ? undefined : { verdict: type, verifiedAt: at };
}

function verdictType(value: unknown): VerdictType | undefined {
  return VERDICTS_WORST_FIRST.find((candidate) => candidate === value);
}

/** A moment that has been. */
function time(value: unknown, now: Date): Date | undefined {
  const at = typeof value === 'string' && value.length <= 30 ? new Date(value) : undefined;
  return at === undefined || Number.isNaN(at.getTime()) || at > now ? undefined : at;
}

function isDigestText(value: unknown): value is string {
  return typeof value === 'string' && isDigest(value);
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
