import { ARTIFACT_TYPE_NOTATION, type Descriptor, MEDIA_TYPE_COSE, MEDIA_TYPE_JWS } from '../notary/index.ts';
import { printable } from '../transport/index.ts';
import type { SignatureForm } from './artifact-store.ts';
import { OciError } from './error.ts';
import { parseDescriptor, stringsOf } from './index-entries.ts';
import { MEDIA_TYPE_OCI_ARTIFACT, MEDIA_TYPE_OCI_MANIFEST } from './media-types.ts';

/** What the config of a signature is: `{}`. */
export const EMPTY_CONFIG = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
} as const;

const ENVELOPE_TYPES: ReadonlySet<string> = new Set([MEDIA_TYPE_JWS, MEDIA_TYPE_COSE]);

export interface SignatureManifest {
  /** The envelope. */
  readonly layer: Descriptor;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The bytes of the manifest that holds a signature (notary.md A1, A2 b); the subject goes without its annotations. */
export function createSignatureManifest(
  subject: Descriptor,
  layer: Descriptor,
  annotations: Readonly<Record<string, string>>,
  form: SignatureForm,
): Buffer {
  const { mediaType, digest, size } = subject;
  const config = { ...EMPTY_CONFIG, data: 'e30=' };
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE_OCI_MANIFEST,
    ...(form === 'artifactType'
      ? { artifactType: ARTIFACT_TYPE_NOTATION, config }
      : { config: { ...config, mediaType: ARTIFACT_TYPE_NOTATION } }),
    layers: [layer],
    subject: { mediaType, digest, size },
    annotations,
  };
  return Buffer.from(JSON.stringify(manifest), 'utf8');
}

/**
 * Reads the manifest of a signature in any of the layouts of notary.md A2, and checks that it names this very subject.
 * @param what for messages
 * @throws OciError InvalidAnswer with what was expected
 */
export function readSignatureManifest(
  bytes: Uint8Array,
  mediaType: string,
  subject: Descriptor,
  what: string,
): SignatureManifest {
  const invalid = (problem: string): OciError => new OciError('InvalidAnswer', `${what}: ${problem} (notary.md A2)`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw invalid('its manifest is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) throw invalid('its manifest is not a JSON object');
  const manifest = parsed as Readonly<Record<string, unknown>>;
  if (manifest['mediaType'] !== undefined && manifest['mediaType'] !== mediaType)
    throw invalid(`listed as ${printable(mediaType, 100)}, its manifest names another mediaType`);
  let layers: unknown;
  switch (mediaType) {
    case MEDIA_TYPE_OCI_MANIFEST:
      if (manifest['schemaVersion'] !== 2) throw invalid('expected schemaVersion 2');
      checkTypes(manifest, invalid);
      layers = manifest['layers'];
      break;
    case MEDIA_TYPE_OCI_ARTIFACT:
      if (manifest['artifactType'] !== ARTIFACT_TYPE_NOTATION)
        throw invalid(`expected the artifact type ${ARTIFACT_TYPE_NOTATION}`);
      layers = manifest['blobs'];
      break;
    default:
      throw invalid('expected an OCI image manifest');
  }
  const named = parseDescriptor(manifest['subject']);
  if (named?.digest !== subject.digest || named.mediaType !== subject.mediaType || named.size !== subject.size)
    throw invalid('its subject is another artifact');
  const layer = Array.isArray(layers) && layers.length === 1 ? parseDescriptor(layers[0]) : undefined;
  if (layer === undefined) throw invalid('expected exactly one layer, the envelope');
  if (!ENVELOPE_TYPES.has(layer.mediaType))
    throw invalid(`expected a layer of ${MEDIA_TYPE_JWS} or ${MEDIA_TYPE_COSE}`);
  return { layer, annotations: stringsOf(manifest['annotations']) };
}

/** What a manifest names as its subject; undefined when it names none, or is no JSON. */
export function subjectInside(bytes: Uint8Array): Descriptor | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && 'subject' in parsed
      ? parseDescriptor(parsed.subject)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The notary type, as artifactType beside the empty config, or as the config's own type (A2 a and b). */
function checkTypes(manifest: Readonly<Record<string, unknown>>, invalid: (problem: string) => OciError): void {
  const config = parseDescriptor(manifest['config']);
  const artifactType = manifest['artifactType'] ?? config?.mediaType;
  if (artifactType !== ARTIFACT_TYPE_NOTATION) throw invalid(`expected the artifact type ${ARTIFACT_TYPE_NOTATION}`);
  const { mediaType, digest, size } = EMPTY_CONFIG;
  const isEmpty = config?.mediaType === mediaType && config.digest === digest && config.size === size;
  if (!isEmpty && config?.mediaType !== ARTIFACT_TYPE_NOTATION)
    throw invalid('expected the empty config, or one of the notary type');
}
