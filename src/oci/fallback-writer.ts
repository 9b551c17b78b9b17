import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Descriptor } from '../notary/index.ts';
import { isGone, OciError } from './error.ts';
import { ANNOTATION_WRITE, type FallbackIndex, fallbackTag, namesDigest, readFallbackIndex } from './fallback-index.ts';
import { parseDescriptor } from './index-entries.ts';
import { MEDIA_TYPE_OCI_INDEX } from './media-types.ts';
import { type Reference, repositoryName } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';

const MAX_WRITES = 8;
/** Writes that failed, and are tried again with what the tag names by then. */
const MAX_FAULTS = 2;
/** A writer that read before our write may still write after it: longer than reading and writing take. */
const SETTLE_MS = 300;
/** A registry that asks for a longer wait is left alone: the caller knows when to come back. */
const MAX_WAIT_MS = 10_000;
/** Entries whose manifests are asked for one by one, because they vanished or may lead nowhere: at most so many. */
const MAX_CHECKED = 200;

/** What is to become of the index. */
export type IndexChange = { readonly add: object & { readonly digest: string } } | { readonly remove: string };

/** The last writer of each index in this process. */
const writers = new Map<string, Promise<void>>();

/**
 * Changes the index that lists referrers by the tag schema (notary.md A5), beside other writers.
 *
 * A tag is a register that is read and written, not compared and swapped: of two writers that read the same index, the
 * second to write takes back what the first wrote. So:
 *
 * 1. In this process one writes an index at a time, whatever names lead to it.
 * 2. A write carries If-Match with the ETag that was read, or If-None-Match. Registries that heed it refuse the second
 *    writer (412), who reads again: with them nothing is ever lost. Most take no notice.
 * 3. A write is sent once. After a fault the tag is read again, so that no attempt writes what is old by then.
 * 4. After a write the tag is read back, and once more when other writers have had time to finish; the change is made
 *    again where it was undone. Whatever else this writer has seen listed and is not any more is put back too, if its
 *    manifest still exists: it was lost, not removed, for what is to be removed is deleted first and taken out of the
 *    index then. So tools that never read back lose nothing either to a writer that read before them.
 * 5. Some registries refuse an index that lists what they do not have. An entry that leads nowhere is left out then,
 *    else nobody could sign the image any more; and so no writer lists anew what another has deleted.
 * 6. Every write has a content of its own (a random annotation): a digest that the tag has left, it never names again.
 *    Only so an old index can be deleted for certain without deleting what the tag names: many registries delete the
 *    tag with it. Old indexes of other tools go only while the tag names what was written last here. All go last; a
 *    failed delete is no error. An index that lists nothing any more goes as well, by its digest.
 *
 * With any two such writers, nothing is lost as long as neither's write reaches the registry after the other has read
 * back for the second time. That schedule remains: a writer reads, is held up for longer than the other's reading,
 * writing and waiting take together (more than 300 ms), and writes then. Of a tag schema without comparison no protocol
 * excludes it. What it costs is an entry, never a manifest: `relistSignature` puts it back without signing anew.
 *
 * @throws OciError; ServerError when other writers undo the change for ever
 */
export async function changeFallbackIndex(
  client: RegistryClient,
  reference: Reference,
  subjectDigest: string,
  change: IndexChange,
  signal: AbortSignal,
): Promise<void> {
  const name = `${repositoryName(client.locate(reference))}:${fallbackTag(subjectDigest)}`;
  const before = writers.get(name) ?? Promise.resolve();
  const own = before.then(() => new IndexWriter(client, reference, subjectDigest, change, signal).write());
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

/** One change of one index. */
class IndexWriter {
  readonly #client: RegistryClient;
  readonly #reference: Reference;
  readonly #subjectDigest: string;
  readonly #change: IndexChange;
  readonly #signal: AbortSignal;
  /** What was listed whenever this writer read, by digest, but for what it changes itself. */
  readonly #seen = new Map<string, unknown>();
  /** Indexes that this writer replaced, or wrote and saw replaced. */
  readonly #old = new Map<string, { readonly isUnique: boolean }>();
  /** Listed, although the registry does not have it. */
  readonly #gone = new Set<string>();
  #written: string | undefined;
  /** The index at which the registry refused a write by its condition. */
  #refusedAt: string | undefined;

  constructor(
    client: RegistryClient,
    reference: Reference,
    subjectDigest: string,
    change: IndexChange,
    signal: AbortSignal,
  ) {
    this.#client = client;
    this.#reference = reference;
    this.#subjectDigest = subjectDigest;
    this.#change = change;
    this.#signal = signal;
  }

  async write(): Promise<void> {
    let [writes, faults, isConfirmed] = [0, 0, false];
    for (;;) {
      const index = await readFallbackIndex(this.#client, this.#reference, this.#subjectDigest, this.#signal);
      const lost = await this.#lost(index);
      if (this.#isDone(index) && lost.length === 0) {
        // Nothing of ours to be undone, or seen twice.
        if (writes === 0 || isConfirmed) return this.#removeOld(index);
        isConfirmed = true;
        await this.#settle();
        continue;
      }
      if (writes >= MAX_WRITES) {
        throw new OciError(
          'ServerError',
          `referrers tag ${repositoryName(this.#reference)}:${fallbackTag(this.#subjectDigest)}: other writers replaced it ${writes} times; it is tried again later`,
        );
      }
      writes += 1;
      isConfirmed = false;
      try {
        await this.#put(index, lost);
      } catch (error) {
        if (!(error instanceof OciError)) throw error;
        if (error.status === 412) this.#refusedAt = index?.digest ?? '';
        else if (isAboutEntries(error)) await this.#findGone(index, error);
        else if (faults >= MAX_FAULTS || !isPassing(error)) throw error;
        else {
          faults += 1;
          await this.#settle(error.retryAfterMs);
        }
      }
    }
  }

  #isDone(index: FallbackIndex | undefined): boolean {
    const isListed = index?.entries.some((entry) => namesDigest(entry, this.#changedDigest)) ?? false;
    return isListed === 'add' in this.#change;
  }

  get #changedDigest(): string {
    return 'add' in this.#change ? this.#change.add.digest : this.#change.remove;
  }

  /** Takes note of what is listed, and finds what was and is not any more although it exists. */
  async #lost(index: FallbackIndex | undefined): Promise<readonly unknown[]> {
    const listed = new Map<string, unknown>();
    for (const entry of index?.entries ?? []) {
      const { digest } = parseDescriptor(entry) ?? {};
      if (digest !== undefined && digest !== this.#changedDigest) listed.set(digest, entry);
    }
    const lost: unknown[] = [];
    for (const [digest, entry] of [...this.#seen].filter(([seen]) => !listed.has(seen)).slice(0, MAX_CHECKED)) {
      if (await this.#exists(digest)) lost.push(entry);
      else this.#seen.delete(digest);
    }
    for (const [digest, entry] of listed) this.#seen.set(digest, entry);
    return lost;
  }

  /** Finds the entries that lead nowhere. @throws the refusal, when there are none */
  async #findGone(index: FallbackIndex | undefined, refusal: OciError): Promise<void> {
    const before = this.#gone.size;
    for (const entry of (index?.entries ?? []).slice(0, MAX_CHECKED)) {
      const { digest } = parseDescriptor(entry) ?? {};
      if (digest !== undefined && !(await this.#exists(digest))) this.#gone.add(digest);
    }
    if (this.#gone.size === before) throw refusal;
  }

  async #exists(digest: string): Promise<boolean> {
    const { registry, repository } = this.#reference;
    try {
      await this.#client.getManifest({ registry, repository, digest }, this.#signal);
      return true;
    } catch (error) {
      if (error instanceof OciError && isGone(error)) return false;
      throw error;
    }
  }

  /** Writes the tag once: the index that was read, what was lost, and the change. */
  async #put(index: FallbackIndex | undefined, lost: readonly unknown[]): Promise<void> {
    const kept = [...(index?.entries ?? []), ...lost].filter((entry) => !this.#isGone(entry));
    const manifests = changed(kept, this.#change);
    const annotations = { [ANNOTATION_WRITE]: randomUUID() };
    const content = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests, annotations };
    // Refused although the tag had not moved: its ETag is not one that writes are compared by.
    const isComparable = this.#refusedAt !== (index?.digest ?? '');
    const { descriptor }: { readonly descriptor: Descriptor } = await this.#client.pushManifest(
      this.#reference,
      Buffer.from(JSON.stringify(content), 'utf8'),
      MEDIA_TYPE_OCI_INDEX,
      fallbackTag(this.#subjectDigest),
      this.#signal,
      { once: true, condition: isComparable ? conditionOf(index) : {} },
    );
    if (index !== undefined) this.#old.set(index.digest, index);
    this.#written = descriptor.digest;
    this.#old.set(descriptor.digest, { isUnique: true });
  }

  #isGone(entry: unknown): boolean {
    const { digest } = parseDescriptor(entry) ?? {};
    return digest !== undefined && this.#gone.has(digest);
  }

  async #settle(atLeastMs = 0): Promise<void> {
    const settleMs = Math.max(SETTLE_MS * (1 + Math.random()), atLeastMs);
    try {
      await delay(settleMs, undefined, { signal: this.#signal });
    } catch (error) {
      throw new OciError('Timeout', 'referrers tag: no time was left to read it back', { cause: error });
    }
  }

  /** Old indexes go last, and never one that the tag may name. */
  async #removeOld(current: FallbackIndex | undefined): Promise<void> {
    const isOurs = current !== undefined && current.digest === this.#written;
    for (const [digest, { isUnique }] of this.#old) {
      if (digest !== current?.digest && (isUnique || isOurs)) await this.#tryToDelete(digest);
    }
    if (isOurs && current.entries.length === 0) await this.#tryToDelete(current.digest);
  }

  async #tryToDelete(digest: string): Promise<void> {
    try {
      await this.#client.deleteManifest(this.#reference, digest, this.#signal);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
    }
  }
}

/** The headers that make a write fail where the tag has moved since it was read (RFC 9110 §13.1). */
function conditionOf(index: FallbackIndex | undefined): Readonly<Record<string, string>> {
  if (index === undefined) return { 'if-none-match': '*' };
  return index.etag === undefined ? {} : { 'if-match': index.etag };
}

const REFUSED_ENTRIES: ReadonlySet<string> = new Set(['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'BLOB_UNKNOWN']);

/** The registry refuses the index for what it lists. */
function isAboutEntries({ status, registryCode }: OciError): boolean {
  return (status === 400 || status === 404) && REFUSED_ENTRIES.has(registryCode ?? '');
}

/** A fault of the moment: the write may have been made, or may be made a little later. */
function isPassing({ code, status, retryAfterMs = 0 }: OciError): boolean {
  if (retryAfterMs > MAX_WAIT_MS) return false;
  return code === 'Unreachable' || code === 'RateLimited' || (code === 'ServerError' && (status ?? 0) >= 500);
}

/** The entries with the change made. Equal entries are dropped; whatever else others wrote stays as it is. */
function changed(entries: readonly unknown[], change: IndexChange): readonly unknown[] {
  const digest = 'add' in change ? change.add.digest : change.remove;
  const kept = new Map(
    entries.filter((entry) => !namesDigest(entry, digest)).map((entry) => [JSON.stringify(entry), entry]),
  );
  return [...kept.values(), ...('add' in change ? [change.add] : [])];
}
