import { ARTIFACT_TYPE_NOTATION, type Descriptor, MEDIA_TYPE_COSE, MEDIA_TYPE_JWS } from '../notary/index.ts';
import { OciError } from './error.ts';
import { type Reference, repositoryName } from './reference.ts';
import { fallbackTag, listReferrers, parseDescriptor, type Referrer, readFallbackIndex } from './referrers.ts';
import {
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE_OCI_ARTIFACT,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
  type RegistryClient,
} from './registry-client.ts';

/** notary.md A6. */
const MAX_ENVELOPE_BYTES = 32 * 1024 * 1024;
const EMPTY_CONFIG = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
} as const;
const ENVELOPE_TYPES: ReadonlySet<string> = new Set([MEDIA_TYPE_JWS, MEDIA_TYPE_COSE]);
const MAX_INDEX_WRITES = 5;

/** A signature as the registry holds it: the manifest is checked, the envelope is not read yet. */
export interface SignatureArtifact {
  readonly manifest: Descriptor;
  readonly envelope: Uint8Array;
  /** Of the envelope. */
  readonly mediaType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The signatures that a registry lists for an image, up to a limit (notary.md A4, A7). */
export async function listSignatures(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  options: { readonly max: number },
  signal: AbortSignal,
): Promise<{ readonly signatures: readonly Descriptor[]; readonly truncated: boolean }> {
  const all = await listReferrers(client, reference, subject, ARTIFACT_TYPE_NOTATION, signal);
  return { signatures: all.slice(0, options.max), truncated: all.length > options.max };
}

/**
 * Reads one signature; its manifest must be of the notary type and name this very subject (notary.md A2, A6).
 * @throws OciError; `isContentFault` tells bad content from a fault of the registry
 */
export async function fetchSignature(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  signature: Descriptor,
  signal: AbortSignal,
): Promise<SignatureArtifact> {
  const { registry, repository } = reference;
  const what = `signature ${repositoryName(reference)}@${signature.digest}`;
  if (signature.size > MAX_MANIFEST_BYTES)
    throw new OciError('TooLarge', `${what}: a manifest of ${signature.size} bytes is too large`);
  const { descriptor, bytes } = await client.getManifest({ registry, repository, digest: signature.digest }, signal);
  if (descriptor.size !== signature.size) {
    throw new OciError(
      'DigestMismatch',
      `${what}: listed with ${signature.size} bytes, the manifest has ${descriptor.size}`,
    );
  }
  const { layer, annotations } = readSignatureManifest(bytes, descriptor.mediaType, subject, what);
  const envelope = await client.fetchBlob(reference, layer, MAX_ENVELOPE_BYTES, signal);
  return { manifest: descriptor, envelope, mediaType: layer.mediaType, annotations };
}

function readSignatureManifest(
  bytes: Buffer,
  mediaType: string,
  subject: Descriptor,
  what: string,
): { readonly layer: Descriptor; readonly annotations: Readonly<Record<string, string>> } {
  const invalid = (problem: string): OciError => new OciError('InvalidAnswer', `${what}: ${problem} (notary.md A2)`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalid('its manifest is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) throw invalid('its manifest is not a JSON object');
  const manifest = parsed as Readonly<Record<string, unknown>>;
  const isArtifact = mediaType === MEDIA_TYPE_OCI_ARTIFACT;
  if (mediaType !== MEDIA_TYPE_OCI_MANIFEST && !isArtifact)
    throw invalid(`expected an OCI image manifest, found ${mediaType}`);
  const config = parseDescriptor(manifest['config']);
  const artifactType = manifest['artifactType'] ?? (isArtifact ? undefined : config?.mediaType);
  if (artifactType !== ARTIFACT_TYPE_NOTATION) throw invalid(`expected the artifact type ${ARTIFACT_TYPE_NOTATION}`);
  if (!isArtifact && config?.mediaType !== EMPTY_CONFIG.mediaType && config?.mediaType !== ARTIFACT_TYPE_NOTATION) {
    throw invalid('expected the empty config, or one of the notary type');
  }
  const named = parseDescriptor(manifest['subject']);
  if (named?.digest !== subject.digest || named.mediaType !== subject.mediaType || named.size !== subject.size) {
    throw invalid('its subject is another artifact');
  }
  const layers = manifest[isArtifact ? 'blobs' : 'layers'];
  const layer = Array.isArray(layers) && layers.length === 1 ? parseDescriptor(layers[0]) : undefined;
  if (layer === undefined) throw invalid('expected exactly one layer, the envelope');
  if (!ENVELOPE_TYPES.has(layer.mediaType))
    throw invalid(`expected a layer of ${MEDIA_TYPE_JWS} or ${MEDIA_TYPE_COSE}`);
  return { layer, annotations: parseDescriptor({ ...layer, annotations: manifest['annotations'] })?.annotations ?? {} };
}

/**
 * Pushes a signature beside its image (notary.md A1, A3, A5): blob, config, manifest by digest; then, where the
 * registry did not take note of the subject, the fallback index.
 * @returns the descriptor of the signature manifest
 */
export async function pushSignature(
  client: RegistryClient,
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
  const { mediaType, digest, size } = subject;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE_OCI_MANIFEST,
      artifactType: ARTIFACT_TYPE_NOTATION,
      config: { ...EMPTY_CONFIG, data: 'e30=' },
      layers: [layer],
      subject: { mediaType, digest, size },
      annotations: signature.annotations,
    }),
    'utf8',
  );
  const { descriptor, subjectAccepted } = await client.pushManifest(
    reference,
    manifest,
    MEDIA_TYPE_OCI_MANIFEST,
    undefined,
    signal,
  );
  if (!subjectAccepted) {
    const entry: Referrer = { ...descriptor, artifactType: ARTIFACT_TYPE_NOTATION, annotations: signature.annotations };
    await changeFallbackIndex(client, reference, subject.digest, { add: entry }, signal);
  }
  return descriptor;
}

/** Deletes a signature, and its entry in the fallback index where there is one. Absent already is fine. */
export async function deleteSignature(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  signatureDigest: string,
  signal: AbortSignal,
): Promise<void> {
  const index = await readFallbackIndex(client, reference, subject.digest, signal);
  if (index?.referrers.some((entry) => entry.digest === signatureDigest) === true) {
    await changeFallbackIndex(client, reference, subject.digest, { remove: signatureDigest }, signal);
  }
  await client.deleteManifest(reference, signatureDigest, signal);
}

/**
 * Changes the fallback index: read, change, write the tag, then delete the old index (a failed delete is no error).
 * Read back after the write, and tried again where a concurrent writer lost the change (A5).
 */
async function changeFallbackIndex(
  client: RegistryClient,
  reference: Reference,
  subjectDigest: string,
  change: { readonly add: Referrer } | { readonly remove: string },
  signal: AbortSignal,
): Promise<void> {
  // Of this process only one writes an index at a time: reading back cannot see a write that comes after it.
  const name = `${repositoryName(reference)}:${fallbackTag(subjectDigest)}`;
  const before = indexWriters.get(name) ?? Promise.resolve();
  const own = before.then(() => writeFallbackIndex(client, reference, subjectDigest, change, signal));
  // Whoever waits behind this one does not fail with it: the failure is told below.
  const settled = own.then(
    () => undefined,
    () => undefined,
  );
  indexWriters.set(name, settled);
  try {
    await own;
  } finally {
    if (indexWriters.get(name) === settled) indexWriters.delete(name);
  }
}

/** The last writer of each fallback index. */
const indexWriters = new Map<string, Promise<void>>();

async function writeFallbackIndex(
  client: RegistryClient,
  reference: Reference,
  subjectDigest: string,
  change: { readonly add: Referrer } | { readonly remove: string },
  signal: AbortSignal,
): Promise<void> {
  const tag = fallbackTag(subjectDigest);
  for (let attempt = 0; attempt < MAX_INDEX_WRITES; attempt += 1) {
    const old = await readFallbackIndex(client, reference, subjectDigest, signal);
    if (old !== undefined && isDone(old.referrers, change)) return;
    const manifests = changed(old?.referrers ?? [], change);
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests }), 'utf8');
    const { descriptor } = await client.pushManifest(reference, bytes, MEDIA_TYPE_OCI_INDEX, tag, signal);
    const now = await readFallbackIndex(client, reference, subjectDigest, signal);
    if (now === undefined || !isDone(now.referrers, change)) continue;
    // The old index goes last, and only when nobody can still be reading it through the tag.
    if (old !== undefined && old.digest !== descriptor.digest && old.digest !== now.digest) {
      await client.deleteManifest(reference, old.digest, signal).catch(ignoreOciError);
    }
    return;
  }
  throw new OciError(
    'ServerError',
    `referrers tag ${repositoryName(reference)}:${tag}: other writers replaced it ${MAX_INDEX_WRITES} times; it is tried again later`,
  );
}

function isDone(
  referrers: readonly Referrer[],
  change: { readonly add: Referrer } | { readonly remove: string },
): boolean {
  const digest = 'add' in change ? change.add.digest : change.remove;
  return referrers.some((entry) => entry.digest === digest) === 'add' in change;
}

function changed(
  referrers: readonly Referrer[],
  change: { readonly add: Referrer } | { readonly remove: string },
): readonly Referrer[] {
  const unique = new Map(referrers.map((entry) => [entry.digest, entry]));
  if ('add' in change) unique.set(change.add.digest, change.add);
  else unique.delete(change.remove);
  return [...unique.values()];
}

function ignoreOciError(error: unknown): void {
  if (!(error instanceof OciError)) throw error;
}
