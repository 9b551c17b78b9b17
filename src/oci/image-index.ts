import type { Descriptor } from '../notary/index.ts';
import type { Manifest } from './artifact-store.ts';
import { entriesOf, parseDescriptor } from './index-entries.ts';
import { MEDIA_TYPE_OCI_INDEX, MEDIA_TYPE_OCI_MANIFEST } from './media-types.ts';

const INDEX_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE_OCI_INDEX,
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
const PLATFORM_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE_OCI_MANIFEST,
  'application/vnd.docker.distribution.manifest.v2+json',
]);

/** Whether a manifest may be one of several that an index lists, one for each platform. */
export function isPlatformManifest({ mediaType }: Descriptor): boolean {
  return PLATFORM_TYPES.has(mediaType);
}

/** How an index names a manifest: exactly, with its digest but another size or media type, or not at all. */
export type IndexEntry = 'exact' | 'contradicting' | 'absent';

/**
 * Whether an index lists a manifest: media type, digest and size must all be the manifest's own (notary.md A9). One
 * level only: what an index within the index lists is not looked for.
 * @returns undefined when the manifest is no index
 * @throws OciError InvalidAnswer when it calls itself an index, and is none
 */
export function entryFor(index: Manifest, manifest: Descriptor, what: string): IndexEntry | undefined {
  if (!INDEX_TYPES.has(index.descriptor.mediaType)) return undefined;
  const named = entriesOf(index.bytes, what)
    .map(parseDescriptor)
    .filter((entry) => entry?.digest === manifest.digest);
  if (named.length === 0) return 'absent';
  return named.some((entry) => entry?.mediaType === manifest.mediaType && entry.size === manifest.size)
    ? 'exact'
    : 'contradicting';
}
