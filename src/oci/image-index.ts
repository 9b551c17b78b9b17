import type { Descriptor } from '../notary/index.ts';
import { printable } from '../transport/index.ts';
import type { Manifest } from './artifact-store.ts';
import { OciError } from './error.ts';
import { entriesOf, parseDescriptor, stringsOf } from './index-entries.ts';
import { MEDIA_TYPE_OCI_INDEX, MEDIA_TYPE_OCI_MANIFEST } from './media-types.ts';

const INDEX_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE_OCI_INDEX,
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
const PLATFORM_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE_OCI_MANIFEST,
  'application/vnd.docker.distribution.manifest.v2+json',
]);

/** One platform's manifest, as an index lists it. */
export interface PlatformManifest {
  readonly descriptor: Descriptor;
  /** `linux/arm64/v8`, for people; empty where the index does not say. */
  readonly platform: string;
}

/**
 * The manifests of an index that are a platform's, each once. BuildKit's attestations, which an index lists beside
 * them, are none: nothing runs them. What an index within the index lists is not looked for (one level only, A9).
 * @returns undefined when the manifest is no index
 * @throws OciError InvalidAnswer when it calls itself an index, and is none, or lists what is no descriptor
 */
export function platformManifests(index: Manifest, what: string): readonly PlatformManifest[] | undefined {
  if (!INDEX_TYPES.has(index.descriptor.mediaType)) return undefined;
  const found = new Map<string, PlatformManifest>();
  for (const entry of entriesOf(index.bytes, what)) {
    const descriptor = parseDescriptor(entry);
    if (descriptor === undefined)
      throw new OciError('InvalidAnswer', `${what}: the index lists an entry without mediaType, digest or size`);
    if (!isPlatformManifest(descriptor) || isAttestation(entry) || found.has(descriptor.digest)) continue;
    found.set(descriptor.digest, { descriptor, platform: platformOf(entry) });
  }
  return [...found.values()];
}

/** By BuildKit's own mark, and by its platform `unknown/unknown`, which some builders write alone. */
function isAttestation(entry: unknown): boolean {
  const { annotations, platform } = entry as Readonly<Record<string, unknown>>;
  if (stringsOf(annotations)['vnd.docker.reference.type'] === 'attestation-manifest') return true;
  const { os, architecture } = stringsOf(platform);
  return os === 'unknown' && architecture === 'unknown';
}

function platformOf(entry: unknown): string {
  const { os, architecture, variant } = stringsOf((entry as Readonly<Record<string, unknown>>)['platform']);
  return printable([os, architecture, variant].filter((part) => part !== undefined).join('/'), 60);
}

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
