import type { Descriptor } from '../notary/index.ts';
import {
  type ArtifactStore,
  entryFor,
  formatReference,
  isGone,
  OciError,
  parseReference,
  type Reference,
  repositoryName,
} from '../oci/index.ts';
import { shortDigest } from './evaluation.ts';
import type { ImageKey } from './image.ts';
import { referenceOf } from './image.ts';

/** References of one image that are asked at most, and indexes that are kept of it. */
const MAX_REFERENCES = 8;
const MAX_INDEXES = 8;

interface Known {
  readonly indexes: Map<string, Descriptor>;
  /** What each reference named when it was last asked: a sentence that says why it does not help, or nothing. */
  readonly answers: Map<string, string>;
}

/**
 * Finds the indexes that list a platform manifest (notary.md A9). A registry cannot be asked which index lists a
 * manifest; but whoever runs one asked for it by some reference, and that names the index, or did once. What was found
 * is kept: a tag that moves on does not take the signature back from what still runs.
 */
export class CoveringIndexes {
  readonly #known = new Map<ImageKey, Known>();

  /** The indexes known to list an image, the one found last first. */
  of(key: ImageKey): readonly Descriptor[] {
    return [...(this.#known.get(key)?.indexes.values() ?? [])].reverse();
  }

  /** Why the references that were asked name no index that lists the image: sentences. */
  misses(key: ImageKey): readonly string[] {
    return [...(this.#known.get(key)?.answers.values() ?? [])].filter((answer) => answer !== '');
  }

  /** Whether each of these references was answered before. */
  hasAsked(key: ImageKey, references: readonly Reference[]): boolean {
    const answers = this.#known.get(key)?.answers;
    return references.every((reference) => answers?.has(formatReference(reference)) === true);
  }

  forget(key: ImageKey): void {
    this.#known.delete(key);
  }

  /**
   * Asks what the references name now, and keeps the indexes that list the image: one request a reference.
   * @returns the first fault of the registry: then it is not known whether there is such an index. One that refuses
   * only us (it throttles, say) is none where the reference was answered before
   */
  async ask(
    client: ArtifactStore,
    key: ImageKey,
    image: Descriptor,
    references: readonly Reference[],
    signal: AbortSignal,
  ): Promise<OciError | undefined> {
    const before = this.#known.get(key);
    const known: Known = { indexes: before?.indexes ?? new Map(), answers: new Map() };
    let fault: OciError | undefined;
    for (const reference of references) {
      const text = formatReference(reference);
      try {
        known.answers.set(text, await askOne(client, reference, image, known.indexes, signal));
      } catch (error) {
        if (!(error instanceof OciError)) throw error;
        const answered = before?.answers.get(text);
        if (answered !== undefined && refusesOnlyUs(error)) known.answers.set(text, answered);
        else fault ??= error;
      }
    }
    this.#known.set(key, known);
    return fault;
  }
}

/** Keeps the index that a reference names, where it lists the image; else a sentence that says what is there. */
async function askOne(
  client: ArtifactStore,
  reference: Reference,
  image: Descriptor,
  indexes: Map<string, Descriptor>,
  signal: AbortSignal,
): Promise<string> {
  const name = reference.digest === undefined ? `the tag ${reference.tag ?? 'latest'}` : shortDigest(reference.digest);
  try {
    const manifest = await client.getManifest(reference, signal);
    const { digest } = manifest.descriptor;
    if (digest === image.digest) return '';
    switch (entryFor(manifest, image, formatReference(reference))) {
      case 'exact':
        keep(indexes, manifest.descriptor);
        return '';
      case 'absent':
        return `the index ${shortDigest(digest)} that ${name} names now does not list it`;
      case 'contradicting':
        return `the index ${shortDigest(digest)} that ${name} names lists its digest with another size or media type`;
      case undefined:
        return `${name} names another image now, ${shortDigest(digest)}`;
    }
  } catch (error) {
    if (error instanceof OciError && isGone(error)) return `${name} is not in the registry any more`;
    throw error;
  }
}

function keep(indexes: Map<string, Descriptor>, index: Descriptor): void {
  const known = indexes.get(index.digest) ?? index;
  indexes.delete(index.digest);
  indexes.set(index.digest, known);
  for (const [oldest] of indexes) {
    if (indexes.size <= MAX_INDEXES) break;
    indexes.delete(oldest);
  }
}

/**
 * What may name an index of an image: of the texts that it was asked for by, those of its own repository that are not
 * its own digest. Digests come first, for they never move.
 */
export function indexReferences(key: ImageKey, texts: Iterable<string>): readonly Reference[] {
  const image = referenceOf(key);
  const found = new Map<string, Reference>();
  for (const text of texts) {
    const named = parse(text);
    if (named === undefined || repositoryName(named) !== repositoryName(image)) continue;
    const { digest, ...tagged } = named;
    if (digest !== undefined && digest !== image.digest) found.set(text, { ...image, digest });
    else if (tagged.tag !== undefined) found.set(text, tagged);
  }
  const unique = new Map([...found.values()].map((reference) => [formatReference(reference), reference]));
  return [...unique.values()]
    .sort((a, b) => Number(b.digest !== undefined) - Number(a.digest !== undefined))
    .slice(0, MAX_REFERENCES);
}

function parse(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

/** The registry stands and refuses this client: throttling (faults.md 22), or credentials that only another one has. */
export function refusesOnlyUs(error: OciError): boolean {
  return error.code === 'RateLimited' || error.code === 'Unauthorized' || error.code === 'Denied';
}
