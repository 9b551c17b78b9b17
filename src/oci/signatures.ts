import { ARTIFACT_TYPE_NOTATION, type Descriptor } from '../notary/index.ts';
import type { ArtifactStore } from './artifact-store.ts';
import { isGone, OciError } from './error.ts';
import { changeFallbackIndex, namesDigest, readFallbackIndex } from './fallback-index.ts';
import { MAX_MANIFEST_BYTES, MEDIA_TYPE_OCI_MANIFEST } from './media-types.ts';
import { type Reference, repositoryName } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';
import { createSignatureManifest, EMPTY_CONFIG, readSignatureManifest } from './signature-manifest.ts';

/** notary.md A6. */
const MAX_ENVELOPE_BYTES = 32 * 1024 * 1024;

/** A signature as its store holds it: its manifest is checked, its envelope read but not parsed. */
export interface SignatureArtifact {
  readonly manifest: Descriptor;
  readonly envelope: Uint8Array;
  /** Of the envelope. */
  readonly mediaType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The signatures that a store lists for an image, up to a limit (notary.md A4, A7). */
export async function listSignatures(
  client: ArtifactStore,
  reference: Reference,
  subject: Descriptor,
  options: { readonly max: number },
  signal: AbortSignal,
): Promise<{ readonly signatures: readonly Descriptor[]; readonly truncated: boolean }> {
  const filter = { artifactType: ARTIFACT_TYPE_NOTATION, limit: options.max + 1 };
  const found = await client.listReferrers(reference, subject, filter, signal);
  return { signatures: found.slice(0, options.max).map(descriptorOf), truncated: found.length > options.max };
}

/**
 * Reads one signature; its manifest must be of the notary type and name this very subject (notary.md A2, A6).
 * @param beforeEnvelope is awaited before the envelope is read, with the bytes that it will have
 * @throws OciError; `isContentFault` tells bad content from a fault of the registry
 */
export async function fetchSignature(
  client: ArtifactStore,
  reference: Reference,
  subject: Descriptor,
  signature: Descriptor,
  signal: AbortSignal,
  beforeEnvelope?: (bytes: number) => Promise<void>,
): Promise<SignatureArtifact> {
  const what = `signature ${repositoryName(reference)}@${signature.digest}`;
  try {
    const { layer, annotations } = await readManifest(client, reference, subject, signature, what, signal);
    await beforeEnvelope?.(layer.size);
    const envelope = await client.fetchBlob(reference, layer, MAX_ENVELOPE_BYTES, signal);
    return { manifest: descriptorOf(signature), envelope, mediaType: layer.mediaType, annotations };
  } catch (error) {
    if (!(error instanceof OciError) || !isGone(error)) throw error;
    // An entry that leads nowhere is one unreadable signature (A8), not an outage.
    throw new OciError('InvalidAnswer', `${what}: listed, but it is not there (${error.registryCode})`, {
      cause: error,
    });
  }
}

async function readManifest(
  client: ArtifactStore,
  { registry, repository }: Reference,
  subject: Descriptor,
  signature: Descriptor,
  what: string,
  signal: AbortSignal,
): Promise<ReturnType<typeof readSignatureManifest>> {
  if (signature.size > MAX_MANIFEST_BYTES)
    throw new OciError('TooLarge', `${what}: a manifest of ${signature.size} bytes is too large`);
  const { descriptor, bytes } = await client.getManifest({ registry, repository, digest: signature.digest }, signal);
  if (descriptor.size !== signature.size) {
    throw new OciError(
      'DigestMismatch',
      `${what}: listed with ${signature.size} bytes, the manifest has ${descriptor.size}`,
    );
  }
  return readSignatureManifest(bytes, signature.mediaType, subject, what);
}

function descriptorOf({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/**
 * Pushes a signature beside its image (notary.md A1, A3, A5): blob, config, manifest.
 * @returns the descriptor of the signature manifest
 */
export async function pushSignature(
  client: ArtifactStore,
  reference: Reference,
  subject: Descriptor,
  signature: {
    readonly envelope: Uint8Array;
    readonly mediaType: string;
    readonly annotations: Readonly<Record<string, string>>;
  },
  signal: AbortSignal,
): Promise<Descriptor> {
  const layer = await client.pushBlob(reference, signature.envelope, signature.mediaType, signal);
  await client.pushBlob(reference, Buffer.from('{}'), EMPTY_CONFIG.mediaType, signal);
  const manifest = createSignatureManifest(subject, layer, signature.annotations, client.signatureForm);
  const details = { subject, artifactType: ARTIFACT_TYPE_NOTATION, annotations: signature.annotations };
  return client.pushReferrer(reference, manifest, MEDIA_TYPE_OCI_MANIFEST, details, signal);
}

/**
 * Deletes a signature, and its entry in the fallback index where there is one. Absent already is fine. The digest may
 * come from a status that others can write, so what it names is read first: only a signature of this subject goes.
 * @throws OciError InvalidAnswer when the digest names something else
 */
export async function deleteSignature(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  signatureDigest: string,
  signal: AbortSignal,
): Promise<void> {
  const { registry, repository } = reference;
  const what = `deletion of ${repositoryName(reference)}@${signatureDigest}`;
  let isThere = true;
  try {
    const found = await client.getManifest({ registry, repository, digest: signatureDigest }, signal);
    readSignatureManifest(found.bytes, found.descriptor.mediaType, subject, `${what}: no signature of this image`);
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== 'NotFound') throw error;
    isThere = false;
  }
  const index = await readFallbackIndex(client, reference, subject.digest, signal);
  if (index?.entries.some((entry) => namesDigest(entry, signatureDigest)) === true)
    await changeFallbackIndex(client, reference, subject.digest, { remove: signatureDigest }, signal);
  if (isThere) await client.deleteManifest(reference, signatureDigest, signal);
}
