import { join } from 'node:path';
import type { Descriptor } from '../notary/index.ts';
import type {
  ArtifactStore,
  Manifest,
  Referrer,
  ReferrerDetails,
  ReferrerFilter,
  ReferrerList,
} from './artifact-store.ts';
import { checkContent, digestOf } from './digest.ts';
import { isContentFault, OciError } from './error.ts';
import { entriesOf, parseDescriptor } from './index-entries.ts';
import { readFileBounded, withLayoutLock, writeFileAtomically } from './layout-files.ts';
import { findReferrers, walkLayout } from './layout-referrers.ts';
import { MANIFEST_TYPES, MAX_MANIFEST_BYTES, mediaTypeInside } from './media-types.ts';
import { isDigest, type Reference } from './reference.ts';

const MAX_LAYOUT_FILE_BYTES = 1024;
const MAX_WRITES = 8;
const LOCK_TIMEOUT_MS = 60_000;
const REF_NAME = 'org.opencontainers.image.ref.name';

/**
 * An OCI image layout (image-spec 1.1): `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>`. Signatures are kept as
 * notation and oras keep them there: each manifest stands in index.json, and names the image as its subject.
 *
 * Only digests that were parsed become paths. Every file is bounded while it is read, and checked against size and
 * digest (notary.md A6). Files are written whole or not at all.
 */
export class OciLayout implements ArtifactStore {
  readonly signatureForm = 'configType';
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /**
   * Opens a layout.
   * @param root its folder, absolute
   * @throws OciError InvalidReference when there is none, or one of another version
   */
  static async open(root: string): Promise<OciLayout> {
    const what = `OCI layout ${root}`;
    const bytes = await readFileBounded(join(root, 'oci-layout'), MAX_LAYOUT_FILE_BYTES, what);
    if (bytes === undefined)
      throw new OciError('InvalidReference', `${what}: expected a folder with the file oci-layout; found none`);
    const version = layoutVersion(bytes);
    if (version !== '1.0.0') {
      const found = version === undefined ? 'none' : JSON.stringify(version.slice(0, 50));
      throw new OciError(
        'InvalidReference',
        `${what}: oci-layout: expected imageLayoutVersion "1.0.0"; found ${found}`,
      );
    }
    return new OciLayout(root);
  }

  async resolve(reference: Reference, signal: AbortSignal): Promise<Descriptor> {
    return (await this.getManifest(reference, signal)).descriptor;
  }

  /** By digest, or by the name that an entry of index.json has (annotation org.opencontainers.image.ref.name). */
  async getManifest(reference: Reference, signal: AbortSignal): Promise<Manifest> {
    signal.throwIfAborted();
    if (reference.digest !== undefined) return this.#byDigest(reference.digest, signal);
    const tag = reference.tag ?? 'latest';
    const what = `${this.root}:${tag}`;
    const named = (await this.index()).filter((entry) => refNameOf(entry) === tag);
    const descriptors = named.map(parseDescriptor);
    const first = descriptors[0];
    if (named.length === 0) {
      throw new OciError('NotFound', `${what}: no entry of index.json has this name: check the tag, or give a digest`, {
        status: 404,
        registryCode: 'MANIFEST_UNKNOWN',
      });
    }
    if (first === undefined || descriptors.some((one) => one?.digest !== first.digest || one.size !== first.size)) {
      throw new OciError(
        'InvalidAnswer',
        `${what}: expected one image of this name, index.json has ${named.length} that differ: give a digest`,
      );
    }
    const bytes = await this.#read(first, MAX_MANIFEST_BYTES, what, 'MANIFEST_UNKNOWN');
    return { descriptor: { ...first, mediaType: checkedType(bytes, first.mediaType, what) }, bytes };
  }

  async fetchBlob(_reference: Reference, blob: Descriptor, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    const what = `blob ${this.root}@${blob.digest}`;
    if (blob.size > maxBytes)
      throw new OciError('TooLarge', `${what}: ${blob.size} bytes are more than the limit of ${maxBytes}`);
    return this.#read(blob, maxBytes, what, 'BLOB_UNKNOWN');
  }

  async listReferrers(
    _reference: Reference,
    subject: Descriptor,
    filter: ReferrerFilter,
    signal: AbortSignal,
  ): Promise<ReferrerList> {
    return { referrers: await findReferrers(this, subject, filter, signal) };
  }

  async pushBlob(
    _reference: Reference,
    bytes: Uint8Array,
    mediaType: string,
    signal: AbortSignal,
  ): Promise<Descriptor> {
    signal.throwIfAborted();
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    const what = `blob ${this.root}@${descriptor.digest}`;
    if (!(await this.#holds(descriptor, what)))
      await writeFileAtomically(this.root, pathOf(descriptor.digest), bytes, what);
    return descriptor;
  }

  /** The entry goes into index.json last, when all that it names is there. */
  async pushReferrer(
    reference: Reference,
    bytes: Uint8Array,
    mediaType: string,
    { artifactType, annotations }: ReferrerDetails,
    signal: AbortSignal,
  ): Promise<Descriptor> {
    const descriptor = await this.pushBlob(reference, bytes, mediaType, signal);
    await this.#addEntry({ ...descriptor, artifactType, annotations }, signal);
    return descriptor;
  }

  /** The entries of index.json, as they are. @throws OciError */
  async index(): Promise<readonly unknown[]> {
    return entriesOf(await this.#readIndex(), `index.json of ${this.root}`);
  }

  async #readIndex(): Promise<Buffer> {
    const what = `index.json of ${this.root}`;
    const bytes = await readFileBounded(join(this.root, 'index.json'), MAX_MANIFEST_BYTES, what);
    if (bytes === undefined) throw new OciError('InvalidAnswer', `${what}: expected an OCI index; the file is missing`);
    return bytes;
  }

  async #byDigest(digest: string, signal: AbortSignal): Promise<Manifest> {
    const what = `${this.root}@${digest}`;
    const bytes = await this.#read({ digest }, MAX_MANIFEST_BYTES, what, 'MANIFEST_UNKNOWN');
    const mediaType = mediaTypeInside(bytes) ?? (await this.#listedType(digest, signal));
    return { descriptor: { mediaType: checkedType(bytes, mediaType, what), digest, size: bytes.byteLength }, bytes };
  }

  /** What the layout's indexes call a manifest that does not name its own media type. */
  async #listedType(digest: string, signal: AbortSignal): Promise<string | undefined> {
    for await (const { descriptor } of walkLayout(this, () => undefined, signal))
      if (descriptor.digest === digest) return descriptor.mediaType;
    return undefined;
  }

  async #read(
    expected: { readonly digest: string; readonly size?: number },
    maxBytes: number,
    what: string,
    absent: 'MANIFEST_UNKNOWN' | 'BLOB_UNKNOWN',
  ): Promise<Buffer> {
    const bytes = await readFileBounded(join(this.root, ...pathOf(expected.digest)), maxBytes, what);
    if (bytes === undefined)
      throw new OciError('NotFound', `${what}: not in the layout`, { status: 404, registryCode: absent });
    checkContent(bytes, expected, what);
    return bytes;
  }

  /** Whether the blob is there, whole. */
  async #holds(blob: Descriptor, what: string): Promise<boolean> {
    try {
      await this.#read(blob, blob.size, what, 'BLOB_UNKNOWN');
      return true;
    } catch (error) {
      if (error instanceof OciError && (error.code === 'NotFound' || isContentFault(error))) return false;
      throw error;
    }
  }

  /** Adds an entry, and looks afterwards whether another tool, which knows no lock, has undone it. */
  async #addEntry(entry: Referrer & Pick<ReferrerDetails, 'annotations'>, signal: AbortSignal): Promise<void> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(LOCK_TIMEOUT_MS)]);
    await withLayoutLock(this.root, deadline, async () => {
      for (let writes = 0; writes < MAX_WRITES; writes += 1) {
        const index = await this.#readIndex();
        const what = `index.json of ${this.root}`;
        const entries = entriesOf(index, what);
        if (entries.some((listed) => parseDescriptor(listed)?.digest === entry.digest)) return;
        const old = JSON.parse(index.toString('utf8')) as object;
        const bytes = Buffer.from(JSON.stringify({ ...old, manifests: [...entries, entry] }), 'utf8');
        if (bytes.byteLength > MAX_MANIFEST_BYTES)
          throw new OciError('TooLarge', `${what}: one more entry makes it larger than ${MAX_MANIFEST_BYTES} bytes`);
        await writeFileAtomically(this.root, ['index.json'], bytes, what);
      }
      throw new OciError('ServerError', `index.json of ${this.root}: another tool replaced it ${MAX_WRITES} times`);
    });
  }
}

/** The only way to a path: a digest that is none leads nowhere. */
function pathOf(digest: string): readonly string[] {
  if (!isDigest(digest)) throw new OciError('InvalidReference', 'expected a sha256, sha384 or sha512 digest');
  return ['blobs', ...digest.split(':')];
}

function layoutVersion(bytes: Buffer): string | undefined {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    const found = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
    const version: unknown = found.find(([key]) => key === 'imageLayoutVersion')?.[1];
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

function refNameOf(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null || !('annotations' in entry)) return undefined;
  const { annotations } = entry;
  if (typeof annotations !== 'object' || annotations === null) return undefined;
  const name: unknown = Object.entries(annotations).find(([key]) => key === REF_NAME)?.[1];
  return typeof name === 'string' ? name : undefined;
}

/** The media type of a manifest: listed and own word must agree. */
function checkedType(bytes: Buffer, listed: string | undefined, what: string): string {
  const inside = mediaTypeInside(bytes);
  if (listed === undefined || !MANIFEST_TYPES.has(listed)) {
    throw new OciError(
      'InvalidAnswer',
      `${what}: expected an OCI or Docker manifest or index; its media type is none of theirs`,
    );
  }
  if (inside !== undefined && inside !== listed)
    throw new OciError('InvalidAnswer', `${what}: listed as ${listed}, which contradicts the manifest's own mediaType`);
  return listed;
}
