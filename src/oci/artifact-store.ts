import type { Descriptor } from '../notary/index.ts';
import type { Reference } from './reference.ts';

/**
 * How the manifest of a signature says what it is: by its artifactType (notary.md A1), or by the type of its config,
 * as before OCI 1.1 (A2 b). notation-go finds signatures in a layout by the latter alone, and writes no other.
 */
export type SignatureForm = 'artifactType' | 'configType';

/** A manifest with the descriptor that names it. */
export interface Manifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  /** The registry's own mark of what a tag named when it was read: strong (RFC 9110 §8.8.3), where it gives one. */
  readonly etag?: string;
}

/** An entry of an index of referrers. */
export interface Referrer extends Descriptor {
  readonly artifactType?: string;
}

/** Which referrers are to be listed. */
export interface ReferrerFilter {
  readonly artifactType: string;
  readonly limit: number;
  /** A list by the tag schema alone will do, where the registry is known to have lacked the Referrers API lately. */
  readonly mayBeByTagAlone?: boolean;
}

/** What refers to a subject, as a store lists it. */
export interface ReferrerList {
  readonly referrers: readonly Referrer[];
  /** The Referrers API was not asked: it may list more, if the registry has it by now. Never of an empty list. */
  readonly byTagAlone?: boolean;
}

/** A referrer that was pushed, and how it is listed. */
export interface PushedReferrer extends Descriptor {
  /** Only the index of the tag schema lists it: another writer may take it out again (notary.md A5). */
  readonly byTagSchema?: boolean;
}

/** What a list of referrers says of one, beside its descriptor. */
export interface ReferrerDetails {
  /** What it refers to. */
  readonly subject: Descriptor;
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Where images and their signatures are: a registry, or an OCI image layout on disk. What signing and verifying need of
 * either; a layout knows tags and digests alone, and takes no notice of registry and repository.
 *
 * Each rejects with OciError; `isContentFault` tells bad content from a fault of the store.
 */
export interface ArtifactStore {
  /** What signatures are found by there: see SignatureForm. */
  readonly signatureForm: SignatureForm;
  /** What a reference names now: digest and size are of the content read, not taken on trust. */
  readonly resolve: (reference: Reference, signal: AbortSignal) => Promise<Descriptor>;
  /** Reads a manifest by tag or digest, at most 4 MiB (notary.md A6); a digest is checked against the content. */
  readonly getManifest: (reference: Reference, signal: AbortSignal) => Promise<Manifest>;
  /** Reads a blob, bounded, its digest and size checked. */
  readonly fetchBlob: (
    reference: Reference,
    blob: Descriptor,
    maxBytes: number,
    signal: AbortSignal,
  ) => Promise<Buffer>;
  /** What refers to a subject, of one artifact type: at most `limit` of them. Anything unclear rejects: never "none". */
  readonly listReferrers: (
    reference: Reference,
    subject: Descriptor,
    filter: ReferrerFilter,
    signal: AbortSignal,
  ) => Promise<ReferrerList>;
  /** Stores a blob, unless it is there. */
  readonly pushBlob: (
    reference: Reference,
    bytes: Uint8Array,
    mediaType: string,
    signal: AbortSignal,
  ) => Promise<Descriptor>;
  /** Stores a manifest that refers to a subject, and sees to it that it is listed as its referrer. */
  readonly pushReferrer: (
    reference: Reference,
    bytes: Uint8Array,
    mediaType: string,
    details: ReferrerDetails,
    signal: AbortSignal,
  ) => Promise<PushedReferrer>;
}
