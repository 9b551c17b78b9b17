import type { Descriptor } from '../notary/index.ts';
import { withDeadline } from '../transport/index.ts';
import type { Referrer } from './artifact-store.ts';
import { OciError } from './error.ts';
import { readFallbackIndex } from './fallback-index.ts';
import { entriesOf, parseDescriptor } from './index-entries.ts';
import { formatReference, type Reference } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';

const MAX_PAGES = 100;

/** A list of referrers as a registry gave it. */
export interface ReferrerList {
  readonly referrers: readonly Referrer[];
  /** Entries that are no descriptors. They are passed over, since one must not hide the others (notary.md A8). */
  readonly malformed: number;
}

/**
 * What refers to a subject, of one artifact type (notary.md A4, A5): the Referrers API, else the tag schema. Pages are
 * read until there are `limit` of them, so that junk without end costs neither memory nor time without end.
 * @returns at most `limit` descriptors, without annotations: those of a list are unverified and unbounded
 * @throws OciError for everything that is not a clear answer: it never means "none"
 */
export async function listReferrers(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  filter: { readonly artifactType: string; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly Referrer[]> {
  return withDeadline(client.timeoutMs, signal, async (deadline) => {
    const found = new Found(filter.artifactType);
    if (!(await fromApi(client, reference, subject, filter, found, deadline.signal))) {
      const index = await readFallbackIndex(client, reference, subject.digest, deadline.signal);
      if (index !== undefined) found.add(parseReferrers(index.entries), false);
    }
    if (found.unique.size === 0 && found.malformed > 0) {
      throw new OciError(
        'InvalidAnswer',
        `referrers of ${formatReference(reference)}: expected descriptors, found ${found.malformed} entries without mediaType, digest or size, and nothing else`,
      );
    }
    return [...found.unique.values()].slice(0, filter.limit);
  });
}

/** What the pages gave so far. Equal entries count once; of one digest, a wrong size does not displace the right one. */
class Found {
  readonly unique = new Map<string, Referrer>();
  malformed = 0;
  readonly #artifactType: string;

  constructor(artifactType: string) {
    this.#artifactType = artifactType;
  }

  add(list: ReferrerList, isFiltered: boolean): void {
    this.malformed += list.malformed;
    for (const referrer of list.referrers) {
      if (!isFiltered && referrer.artifactType !== this.#artifactType) continue;
      this.unique.set(`${referrer.digest} ${referrer.size} ${referrer.mediaType}`, referrer);
    }
  }
}

/** Adds what the Referrers API lists; false where the registry does not have that API. */
async function fromApi(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  { artifactType, limit }: { readonly artifactType: string; readonly limit: number },
  found: Found,
  signal: AbortSignal,
): Promise<boolean> {
  const what = `referrers of ${formatReference(reference)}`;
  const visited = new Set<string>();
  let target: string | undefined = client.referrersTarget(reference, subject.digest, artifactType);
  while (target !== undefined && found.unique.size < limit) {
    if (visited.has(target)) throw new OciError('InvalidAnswer', `${what}: the pages lead in a circle`);
    if (visited.size >= MAX_PAGES) throw new OciError('InvalidAnswer', `${what}: more than ${MAX_PAGES} pages`);
    visited.add(target);
    const page: Awaited<ReturnType<RegistryClient['referrersPage']>> = await client.referrersPage(
      reference,
      target,
      signal,
    );
    if (page === undefined) {
      if (visited.size === 1) return false;
      throw new OciError('InvalidAnswer', `${what}: a later page is no OCI index`);
    }
    found.add(parseReferrers(entriesOf(page.body, what)), page.filtered);
    target = page.next;
  }
  return true;
}

function parseReferrers(entries: readonly unknown[]): ReferrerList {
  const referrers = entries.map(parseReferrer).filter((referrer) => referrer !== undefined);
  return { referrers, malformed: entries.length - referrers.length };
}

function parseReferrer(entry: unknown): Referrer | undefined {
  const descriptor = parseDescriptor(entry);
  if (descriptor === undefined) return undefined;
  const artifactType =
    typeof entry === 'object' && entry !== null && 'artifactType' in entry ? entry.artifactType : undefined;
  return typeof artifactType === 'string' ? { ...descriptor, artifactType } : descriptor;
}
