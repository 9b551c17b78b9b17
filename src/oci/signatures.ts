import { ARTIFACT_TYPE_NOTATION, type Descriptor } from '../notary/index.ts';
import type { ArtifactStore, Manifest, PushedReferrer } from './artifact-store.ts';
import { isContentFault, isGone, OciError } from './error.ts';
import { changeFallbackIndex } from './fallback-writer.ts';
import { MAX_MANIFEST_BYTES, MEDIA_TYPE_OCI_MANIFEST } from './media-types.ts';
import { isDigest, type Reference, repositoryName } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';
import { createSignatureManifest, EMPTY_CONFIG, readSignatureManifest, subjectInside } from './signature-manifest.ts';

/** notary.md A6. */
const MAX_ENVELOPE_BYTES = 32 * 1024 * 1024;

/** The signatures of an image, as its store lists them. */
export interface SignatureList {
  readonly signatures: readonly Descriptor[];
  /** There are more than were asked for. */
  readonly truncated: boolean;
  /** The Referrers API was not asked: see ReferrerList. */
  readonly byTagAlone?: boolean;
}

/** A signature as its store holds it: its manifest is checked, its envelope read but not parsed. */
export interface SignatureArtifact {
  readonly manifest: Descriptor;
  readonly envelope: Uint8Array;
  /** Of the envelope. */
  readonly mediaType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * The signatures that a store lists for an image, up to a limit (notary.md A4, A7).
 * @param options.mayBeByTagAlone see ReferrerFilter; whoever finds among them what is looked for needs no more
 */
export async function listSignatures(
  client: ArtifactStore,
  reference: Reference,
  subject: Descriptor,
  { max, mayBeByTagAlone = false }: { readonly max: number; readonly mayBeByTagAlone?: boolean },
  signal: AbortSignal,
): Promise<SignatureList> {
  const filter = { artifactType: ARTIFACT_TYPE_NOTATION, limit: max + 1, mayBeByTagAlone };
  const { referrers, byTagAlone = false } = await client.listReferrers(reference, subject, filter, signal);
  return {
    signatures: referrers.slice(0, max).map(descriptorOf),
    truncated: referrers.length > max,
    ...(byTagAlone ? { byTagAlone } : {}),
  };
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
): Promise<PushedReferrer> {
  const layer = await client.pushBlob(reference, signature.envelope, signature.mediaType, signal);
  await client.pushBlob(reference, Buffer.from('{}'), EMPTY_CONFIG.mediaType, signal);
  const manifest = createSignatureManifest(subject, layer, signature.annotations, client.signatureForm);
  const details = { subject, artifactType: ARTIFACT_TYPE_NOTATION, annotations: signature.annotations };
  return client.pushReferrer(reference, manifest, MEDIA_TYPE_OCI_MANIFEST, details, signal);
}

/**
 * Deletes a signature, and its entry in the fallback index where there is one. Absent already is fine. The digest may
 * come from a status that others can write, so what it names is read first: only a signature of this subject goes. The
 * manifest goes before its entry: a writer of the index that misses the entry then knows that it was not lost (see
 * `changeFallbackIndex`). Where the registry refuses deletion, the entry goes all the same: nothing lists the signature.
 * @param subjectDigest the image itself may be gone
 * @throws OciError InvalidAnswer when the digest names something else; Denied, status 405, when the registry deletes no
 * manifests
 */
export async function deleteSignature(
  client: RegistryClient,
  reference: Reference,
  subjectDigest: string,
  signatureDigest: string,
  signal: AbortSignal,
): Promise<void> {
  const { registry, repository } = reference;
  if (!isDigest(subjectDigest))
    throw new OciError('InvalidReference', `deletion of ${signatureDigest}: its image is named by no digest`);
  let refusal: OciError | undefined;
  try {
    const found = await client.getManifest({ registry, repository, digest: signatureDigest }, signal);
    checkIsSignatureOf(found, subjectDigest, `deletion of ${repositoryName(reference)}@${signatureDigest}`);
    await client.deleteManifest(reference, signatureDigest, signal);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    if (error.status === 405) refusal = error;
    else if (error.code !== 'NotFound') throw error;
  }
  await changeFallbackIndex(client, reference, subjectDigest, { remove: signatureDigest }, signal);
  if (refusal !== undefined) throw refusal;
}

function checkIsSignatureOf({ bytes, descriptor }: Manifest, subjectDigest: string, what: string): void {
  const subject = subjectInside(bytes);
  if (subject?.digest !== subjectDigest)
    throw new OciError('InvalidAnswer', `${what}: no signature of this image: its subject is another artifact`);
  readSignatureManifest(bytes, descriptor.mediaType, subject, `${what}: no signature of this image`);
}

/**
 * Lists a signature again that the registry has and does not list: another writer's older index took it out (see
 * `changeFallbackIndex`). The same manifest is pushed once more; nothing is signed.
 * @returns false when the registry does not have it any more, or the digest names no signature of this subject
 * @throws OciError
 */
export async function relistSignature(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  signatureDigest: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { registry, repository } = reference;
  const what = `signature ${repositoryName(reference)}@${signatureDigest}`;
  let found: { readonly manifest: Manifest; readonly annotations: Readonly<Record<string, string>> };
  try {
    const manifest = await client.getManifest({ registry, repository, digest: signatureDigest }, signal);
    const { mediaType } = manifest.descriptor;
    found = { manifest, annotations: readSignatureManifest(manifest.bytes, mediaType, subject, what).annotations };
  } catch (error) {
    if (error instanceof OciError && (isGone(error) || isContentFault(error))) return false;
    throw error;
  }
  const { manifest, annotations } = found;
  const details = { subject, artifactType: ARTIFACT_TYPE_NOTATION, annotations };
  await client.pushReferrer(reference, manifest.bytes, manifest.descriptor.mediaType, details, signal);
  return true;
}
