export const MEDIA_TYPE_OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const MEDIA_TYPE_OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const MEDIA_TYPE_OCI_ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json';

/** notary.md A6. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** What a reference may resolve to: a login page of some proxy is no image. */
export const MANIFEST_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  MEDIA_TYPE_OCI_ARTIFACT,
]);

/** The media type that a manifest gives itself; undefined when it gives none, or is no JSON. */
export function mediaTypeInside(bytes: Uint8Array): string | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    const found = typeof parsed === 'object' && parsed !== null && 'mediaType' in parsed ? parsed.mediaType : undefined;
    return typeof found === 'string' ? found : undefined;
  } catch {
    return undefined;
  }
}
