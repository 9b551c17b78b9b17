import { OciError } from './error.ts';
import { annotationsOf, entriesOf } from './index-entries.ts';
import { MEDIA_TYPE_OCI_INDEX } from './media-types.ts';
import type { Reference } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';

/** Makes every index that is written here a content of its own: see fallback-writer.ts. */
export const ANNOTATION_WRITE = 'dev.sealwatch.write';

/** The index that lists referrers where the registry does not (notary.md A5). */
export interface FallbackIndex {
  readonly digest: string;
  /** As they are, other tools' fields included. */
  readonly entries: readonly unknown[];
  /** It was written here, and no other write makes the same content. */
  readonly isUnique: boolean;
  /** Of the tag, where the registry gives one. */
  readonly etag?: string;
}

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
    const { descriptor, bytes, etag } = await client.getManifest(tagged, signal);
    if (descriptor.mediaType !== MEDIA_TYPE_OCI_INDEX)
      throw new OciError('InvalidAnswer', `${what}: expected an OCI index, found ${descriptor.mediaType}`);
    return {
      digest: descriptor.digest,
      entries: entriesOf(bytes, what),
      isUnique: annotationsOf(bytes)[ANNOTATION_WRITE] !== undefined,
      ...(etag === undefined ? {} : { etag }),
    };
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
