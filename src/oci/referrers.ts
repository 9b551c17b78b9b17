import type { Descriptor } from '../notary/index.ts';
import { withDeadline } from '../transport/index.ts';
import type { Referrer, ReferrerFilter, ReferrerList } from './artifact-store.ts';
import { OciError } from './error.ts';
import { readFallbackIndex } from './fallback-index.ts';
import { entriesOf, parseDescriptor } from './index-entries.ts';
import { formatReference, type Reference } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';

const MAX_PAGES = 100;

/** Entries of one page or index. */
interface Entries {
  readonly referrers: readonly Referrer[];
  /** Entries that are no descriptors. They are passed over, since one must not hide the others (notary.md A8). */
  readonly malformed: number;
}

/**
 * What refers to a subject, of one artifact type (notary.md A4, A5): the Referrers API, else the tag schema. Pages are
 * read until there are `limit` of them, so that junk without end costs neither memory nor time without end.
 *
 * A registry that lacked the API a while ago is asked by the tag first where that may do: one request, not two. "None"
 * is never said without both, and a registry that has the API by now is found out where a tag lists nothing.
 * @returns at most `limit` descriptors, without annotations: those of a list are unverified and unbounded
 * @throws OciError for everything that is not a clear answer: it never means "none"
 */
export async function listReferrers(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  filter: ReferrerFilter,
  signal: AbortSignal,
): Promise<ReferrerList> {
  return withDeadline(client.timeoutMs, signal, async (deadline) => {
    let byTag: Found | undefined;
    if (filter.mayBeByTagAlone === true && client.lacksReferrersApi(reference)) {
      byTag = await fromTag(client, reference, subject, filter, deadline.signal);
      if (byTag.unique.size > 0) return { referrers: byTag.upTo(filter.limit), byTagAlone: true };
    }
    const byApi = new Found(filter.artifactType);
    const hasApi = await fromApi(client, reference, subject, filter, byApi, deadline.signal);
    if (!hasApi && client.hadReferrersApi(reference)) {
      throw new OciError(
        'InvalidAnswer',
        `referrers of ${formatReference(reference)}: the registry answers as if it had no Referrers API, and had it a while ago`,
      );
    }
    const found = hasApi ? byApi : (byTag ?? (await fromTag(client, reference, subject, filter, deadline.signal)));
    // Not before the tag schema was answered too: a host without its backend says 404 to everything.
    client.noteReferrersApi(reference, hasApi);
    if (found.unique.size === 0 && found.malformed > 0) {
      throw new OciError(
        'InvalidAnswer',
        `referrers of ${formatReference(reference)}: expected descriptors, found ${found.malformed} entries without mediaType, digest or size, and nothing else`,
      );
    }
    return { referrers: found.upTo(filter.limit) };
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

  upTo(limit: number): readonly Referrer[] {
    return [...this.unique.values()].slice(0, limit);
  }

  add(list: Entries, isFiltered: boolean): void {
    this.malformed += list.malformed;
    for (const referrer of list.referrers) {
      if (!isFiltered && referrer.artifactType !== this.#artifactType) continue;
      this.unique.set(`${referrer.digest} ${referrer.size} ${referrer.mediaType}`, referrer);
    }
  }
}

/** What the index of the tag schema lists. */
async function fromTag(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  { artifactType }: ReferrerFilter,
  signal: AbortSignal,
): Promise<Found> {
  const found = new Found(artifactType);
  const index = await readFallbackIndex(client, reference, subject.digest, signal);
  if (index !== undefined) found.add(parseReferrers(index.entries), false);
  return found;
}

/** Adds what the Referrers API lists; false where the registry does not have that API. */
async function fromApi(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  { artifactType, limit }: ReferrerFilter,
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

function parseReferrers(entries: readonly unknown[]): Entries {
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
