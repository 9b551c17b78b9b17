import { setTimeout as delay } from 'node:timers/promises';
import { OciError } from './error.ts';
import { entriesOf } from './index-entries.ts';
import { MEDIA_TYPE_OCI_INDEX } from './media-types.ts';
import { type Reference, repositoryName } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';

const MAX_WRITES = 8;
/** A writer that read before our write may still write after it: longer than reading and writing take. */
const SETTLE_MS = 300;

/** The index that lists referrers where the registry does not (notary.md A5). */
export interface FallbackIndex {
  readonly digest: string;
  /** As they are, other tools' fields included. */
  readonly entries: readonly unknown[];
}

/** What is to become of the index. */
export type IndexChange = { readonly add: object & { readonly digest: string } } | { readonly remove: string };

/** The last writer of each index in this process. */
const writers = new Map<string, Promise<void>>();

/** The tag under which a registry without the Referrers API lists the referrers of a subject. */
export function fallbackTag(digest: string): string {
  return digest.replace(':', '-');
}

/**
 * Reads the fallback index of a subject.
 * @returns undefined when the registry says that there is none. A 404 that is not a registry's own counts only while
 * the subject itself can be read: else a host that lost its backend would look like an image without signatures
 * @throws OciError
 */
export async function readFallbackIndex(
  client: RegistryClient,
  reference: Reference,
  subjectDigest: string,
  signal: AbortSignal,
): Promise<FallbackIndex | undefined> {
  const { registry, repository } = reference;
  const what = `referrers tag of ${registry}/${repository}@${subjectDigest}`;
  try {
    const tagged = { registry, repository, tag: fallbackTag(subjectDigest) };
    const { descriptor, bytes } = await client.getManifest(tagged, signal);
    if (descriptor.mediaType !== MEDIA_TYPE_OCI_INDEX)
      throw new OciError('InvalidAnswer', `${what}: expected an OCI index, found ${descriptor.mediaType}`);
    return { digest: descriptor.digest, entries: entriesOf(bytes, what) };
  } catch (error) {
    if (!(error instanceof OciError) || error.status !== 404 || error.registryCode === 'NAME_UNKNOWN') throw error;
    if (error.registryCode === undefined)
      await client.getManifest({ registry, repository, digest: subjectDigest }, signal);
    return undefined;
  }
}

/** Whether an entry names a manifest of this digest. */
export function namesDigest(entry: unknown, digest: string): boolean {
  return typeof entry === 'object' && entry !== null && 'digest' in entry && entry.digest === digest;
}

/**
 * Changes the fallback index: read, change, write the tag, read back, then delete the old index (a failed delete is no
 * error). In this process one writes at a time. Of other processes' writes none can be excluded (a registry has no
 * compare-and-swap), so the index is read back once more after a while, and changed again where a writer that did not
 * see our change has undone it.
 * @throws OciError; ServerError when other writers undo the change for ever
 */
export async function changeFallbackIndex(
  client: RegistryClient,
  reference: Reference,
  subjectDigest: string,
  change: IndexChange,
  signal: AbortSignal,
): Promise<void> {
  const name = `${repositoryName(reference)}:${fallbackTag(subjectDigest)}`;
  const before = writers.get(name) ?? Promise.resolve();
  const own = before.then(() => write(client, reference, subjectDigest, change, signal));
  // Whoever waits behind this one does not fail with it: the failure is told below.
  const settled = own.then(
    () => undefined,
    () => undefined,
  );
  writers.set(name, settled);
  try {
    await own;
  } finally {
    if (writers.get(name) === settled) writers.delete(name);
  }
}

async function write(
  client: RegistryClient,
  reference: Reference,
  subjectDigest: string,
  change: IndexChange,
  signal: AbortSignal,
): Promise<void> {
  const replaced = new Set<string>();
  let confirmed = 0;
  for (let writes = 0; ; ) {
    const index = await readFallbackIndex(client, reference, subjectDigest, signal);
    if (isDone(index, change)) {
      // Nothing of ours to be undone, or seen twice.
      if (writes === 0 || confirmed === 1) return removeReplaced(client, reference, replaced, index, signal);
      confirmed = 1;
      await settle(signal);
      continue;
    }
    if (writes >= MAX_WRITES) {
      throw new OciError(
        'ServerError',
        `referrers tag ${repositoryName(reference)}:${fallbackTag(subjectDigest)}: other writers replaced it ${writes} times; it is tried again later`,
      );
    }
    writes += 1;
    confirmed = 0;
    const manifests = changed(index?.entries ?? [], change);
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests }), 'utf8');
    const tag = fallbackTag(subjectDigest);
    const { descriptor } = await client.pushManifest(reference, bytes, MEDIA_TYPE_OCI_INDEX, tag, signal);
    if (index !== undefined) replaced.add(index.digest);
    replaced.delete(descriptor.digest);
  }
}

async function settle(signal: AbortSignal): Promise<void> {
  try {
    await delay(SETTLE_MS * (1 + Math.random()), undefined, { signal });
  } catch (error) {
    throw new OciError('Timeout', 'referrers tag: no time was left to read it back', { cause: error });
  }
}

/** Old indexes go last, never the one that the tag names now: some registries delete the tag with it. */
async function removeReplaced(
  client: RegistryClient,
  reference: Reference,
  replaced: ReadonlySet<string>,
  current: FallbackIndex | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (const digest of replaced) {
    if (digest === current?.digest) continue;
    try {
      await client.deleteManifest(reference, digest, signal);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
    }
  }
}

function isDone(index: FallbackIndex | undefined, change: IndexChange): boolean {
  const digest = 'add' in change ? change.add.digest : change.remove;
  const isListed = index?.entries.some((entry) => namesDigest(entry, digest)) ?? false;
  return isListed === 'add' in change;
}

/** The entries with the change made. Equal entries are dropped; whatever else others wrote stays as it is. */
function changed(entries: readonly unknown[], change: IndexChange): readonly unknown[] {
  const digest = 'add' in change ? change.add.digest : change.remove;
  const kept = new Map(
    entries.filter((entry) => !namesDigest(entry, digest)).map((entry) => [JSON.stringify(entry), entry]),
  );
  return [...kept.values(), ...('add' in change ? [change.add] : [])];
}
