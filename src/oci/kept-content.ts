import type { Descriptor } from '../notary/index.ts';
import type { ArtifactStore, Manifest } from './artifact-store.ts';
import { MANIFEST_TYPES, mediaTypeInside } from './media-types.ts';
import { isDigest, type Reference, repositoryName } from './reference.ts';

/** Content that was read before, by the repository that it came from and its digest. */
export interface ContentCache {
  /** What is there and has this very digest; whoever keeps it hashes it anew. Never rejects. */
  readonly readContent: (repository: string, digest: string) => Promise<Buffer | undefined>;
  readonly writeContent: (repository: string, digest: string, bytes: Uint8Array) => void;
}

/** Larger content is read anew: it is seldom, and would push out a lot. */
const MAX_KEPT_BYTES = 1024 * 1024;

/**
 * A store whose manifests and blobs, where they are named by digest, need not be asked for twice. Lists and tags are
 * always asked for. A manifest that does not say its own media type is not kept: its bytes are bound to the digest, the
 * word of a header is not.
 */
export function withContent(store: ArtifactStore, content: ContentCache): ArtifactStore {
  const getManifest = async (reference: Reference, signal: AbortSignal): Promise<Manifest> => {
    const repository = repositoryName(reference);
    const kept = reference.digest === undefined ? undefined : await readManifest(content, repository, reference.digest);
    if (kept !== undefined) return kept;
    const manifest = await store.getManifest(reference, signal);
    const { bytes, descriptor } = manifest;
    if (bytes.byteLength <= MAX_KEPT_BYTES && mediaTypeInside(bytes) !== undefined)
      content.writeContent(repository, descriptor.digest, bytes);
    return manifest;
  };
  return {
    signatureForm: store.signatureForm,
    getManifest,
    resolve: async (reference, signal) =>
      reference.digest === undefined
        ? store.resolve(reference, signal)
        : (await getManifest(reference, signal)).descriptor,
    fetchBlob: async (reference: Reference, blob: Descriptor, maxBytes: number, signal: AbortSignal) => {
      if (blob.size > Math.min(maxBytes, MAX_KEPT_BYTES)) return store.fetchBlob(reference, blob, maxBytes, signal);
      const repository = repositoryName(reference);
      const kept = await content.readContent(repository, blob.digest);
      if (kept?.byteLength === blob.size) return kept;
      const bytes = await store.fetchBlob(reference, blob, maxBytes, signal);
      content.writeContent(repository, blob.digest, bytes);
      return bytes;
    },
    listReferrers: (...call) => store.listReferrers(...call),
    pushBlob: (...call) => store.pushBlob(...call),
    pushReferrer: (...call) => store.pushReferrer(...call),
  };
}

async function readManifest(content: ContentCache, repository: string, digest: string): Promise<Manifest | undefined> {
  // A digest that came from elsewhere than a parsed reference is the store's to refuse.
  const bytes = isDigest(digest) ? await content.readContent(repository, digest) : undefined;
  const mediaType = bytes === undefined ? undefined : mediaTypeInside(bytes);
  if (bytes === undefined || mediaType === undefined || !MANIFEST_TYPES.has(mediaType)) return undefined;
  return { descriptor: { mediaType, digest, size: bytes.byteLength }, bytes };
}
