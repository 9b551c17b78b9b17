import type { Descriptor } from '../notary/index.ts';
import { printable } from '../transport/index.ts';
import type {
  ArtifactStore,
  Manifest,
  PushedReferrer,
  ReferrerDetails,
  ReferrerFilter,
  ReferrerList,
} from './artifact-store.ts';
import { checkContent, digestOf } from './digest.ts';
import { OciError } from './error.ts';
import { changeFallbackIndex } from './fallback-writer.ts';
import { type HttpAnswer, statusError } from './http.ts';
import { nextLink } from './link-header.ts';
import { MANIFEST_TYPES, MAX_MANIFEST_BYTES, MEDIA_TYPE_OCI_INDEX, mediaTypeInside } from './media-types.ts';
import { formatReference, isDigest, type Reference, repositoryName } from './reference.ts';
import { listReferrers } from './referrers.ts';
import { RegistrySession, type RegistrySessionOptions } from './registry-session.ts';

const ACCEPT = [...MANIFEST_TYPES].join(', ');

/** The distribution-spec operations that signing and verifying need. Each rejects with OciError. */
export class RegistryClient implements ArtifactStore {
  readonly signatureForm = 'artifactType';
  readonly #session: RegistrySession;
  /** For one operation, milliseconds. */
  readonly timeoutMs: number;

  constructor(options: RegistrySessionOptions) {
    this.timeoutMs = options.timeoutMs;
    this.#session = new RegistrySession(options);
  }

  /** Where a repository is asked for: at its mirror, if it has one. */
  locate(reference: Reference): Reference {
    return this.#session.locate(reference);
  }

  /**
   * Asks a registry whether it takes the client's credentials, about no repository.
   * @returns false when it asks for none: then they may be any
   */
  async checkLogin(registry: string, signal: AbortSignal): Promise<boolean> {
    const what = `login to ${registry}`;
    const request = { method: 'GET', target: '/v2/', actions: '', what, operation: 'login' } as const;
    const reference = { registry, repository: '' };
    const answer = await this.#session.send(reference, { ...request, maxBytes: MAX_MANIFEST_BYTES }, signal);
    if (answer.status !== 200) throw statusError(what, answer);
    return this.#session.asksForCredentials(registry);
  }

  /** What a reference names now. The manifest is read and hashed, so that digest and size are not taken on trust. */
  async resolve(reference: Reference, signal: AbortSignal): Promise<Descriptor> {
    return (await this.getManifest(reference, signal)).descriptor;
  }

  /** Reads a manifest by tag or digest; a digest is checked against the content. */
  async getManifest(reference: Reference, signal: AbortSignal): Promise<Manifest> {
    const at = this.locate(reference);
    const what = named(formatReference(reference), reference, at);
    // A digest that came from elsewhere than a parsed reference, such as a status, must not choose the path.
    if (reference.digest !== undefined && !isDigest(reference.digest))
      throw new OciError('InvalidReference', `${what}: expected a sha256, sha384 or sha512 digest`);
    const answer = await this.#session.send(
      at,
      {
        method: 'GET',
        target: `/v2/${at.repository}/manifests/${reference.digest ?? reference.tag ?? 'latest'}`,
        headers: { accept: ACCEPT },
        maxBytes: MAX_MANIFEST_BYTES,
        actions: 'pull',
        what,
        operation: 'manifest',
      },
      signal,
    );
    if (answer.status !== 200) throw statusError(what, answer, 'push it, or correct the reference');
    const digest = reference.digest ?? digestOf(answer.body);
    checkContent(answer.body, { digest }, what);
    const mediaType = mediaTypeOf(answer, reference.digest !== undefined, what);
    const etag = answer.headers.get('etag');
    return {
      descriptor: { mediaType, digest, size: answer.body.byteLength },
      bytes: answer.body,
      // A weak one (W/"...") cannot be compared for a write.
      ...(etag?.startsWith('"') === true ? { etag } : {}),
    };
  }

  /** Reads a blob, bounded, its digest and size checked. */
  async fetchBlob(reference: Reference, blob: Descriptor, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    const at = this.locate(reference);
    const what = named(`blob ${repositoryName(reference)}@${blob.digest}`, reference, at);
    if (blob.size > maxBytes)
      throw new OciError('TooLarge', `${what}: ${blob.size} bytes are more than the limit of ${maxBytes}`);
    const answer = await this.#session
      .send(
        at,
        {
          method: 'GET',
          target: `/v2/${at.repository}/blobs/${blob.digest}`,
          // What is larger than it was announced is not what was announced: no more of it is read.
          maxBytes: blob.size,
          actions: 'pull',
          what,
          operation: 'blob',
        },
        signal,
      )
      .catch((error: unknown) => {
        if (!(error instanceof OciError) || error.code !== 'TooLarge') throw error;
        const message = `${what}: announced with ${blob.size} bytes, the registry sends more`;
        throw new OciError('DigestMismatch', message, { cause: error });
      });
    if (answer.status !== 200) throw statusError(what, answer);
    checkContent(answer.body, blob, what);
    return answer.body;
  }

  /** The path of the first page that a registry lists referrers at. */
  referrersTarget(reference: Reference, digest: string, artifactType: string): string {
    const { repository } = this.locate(reference);
    return `/v2/${repository}/referrers/${digest}?artifactType=${encodeURIComponent(artifactType)}`;
  }

  /** One page of the Referrers API, or undefined where the registry does not have it (notary.md A4). */
  async referrersPage(
    reference: Reference,
    target: string,
    signal: AbortSignal,
  ): Promise<{ readonly body: Buffer; readonly filtered: boolean; readonly next?: string } | undefined> {
    const at = this.locate(reference);
    const what = named(`referrers of ${formatReference(reference)}`, reference, at);
    const answer = await this.#session.send(
      at,
      {
        method: 'GET',
        target,
        headers: { accept: MEDIA_TYPE_OCI_INDEX },
        maxBytes: MAX_MANIFEST_BYTES,
        actions: 'pull',
        what,
        operation: 'referrers',
      },
      signal,
    );
    if (answer.status === 404) {
      const error = statusError(what, answer);
      if (error.registryCode === 'NAME_UNKNOWN') throw error;
      return undefined;
    }
    if (answer.status !== 200) throw statusError(what, answer);
    if (baseType(answer.headers.get('content-type')) !== MEDIA_TYPE_OCI_INDEX) return undefined;
    const filters = (answer.headers.get('oci-filters-applied') ?? '').split(',').map((filter) => filter.trim());
    const next = this.#nextPage(at, answer.headers.get('link'), target, what);
    return { body: answer.body, filtered: filters.includes('artifactType'), ...(next === undefined ? {} : { next }) };
  }

  /** The next page by Link, of the same origin only (notary.md A4). */
  #nextPage(reference: Reference, link: string | undefined, target: string, what: string): string | undefined {
    const found = nextLink(link ?? '', what);
    if (found === undefined) return undefined;
    const origin = new URL(this.#session.originOf(reference.registry)).origin;
    const current = new URL(target, origin);
    if (!URL.canParse(found, current.href))
      throw new OciError('InvalidAnswer', `${what}: the Link header names no valid address`);
    const next = new URL(found, current);
    if (next.origin !== origin)
      throw new OciError('InvalidAnswer', `${what}: the Link header leads to another origin, which is refused`);
    return next.href;
  }

  /** Whether a repository was listed by the Referrers API lately: what says otherwise then is a fault. */
  hadReferrersApi(reference: Reference): boolean {
    return this.#session.memory.hadReferrersApi(repositoryName(this.locate(reference)));
  }

  /** Whether a registry is known to have lacked the Referrers API lately. */
  lacksReferrersApi(reference: Reference): boolean {
    return this.#session.memory.lacksReferrersApi(this.locate(reference).registry);
  }

  /** Takes note of whether a registry has the Referrers API, as it answered just now. */
  noteReferrersApi(reference: Reference, has: boolean): void {
    const at = this.locate(reference);
    this.#session.memory.noteReferrersApi(at.registry, has);
    if (has) this.#session.memory.keepReferrersApi(repositoryName(at));
  }

  /** What refers to a subject, by the Referrers API or the tag schema (notary.md A4, A5). */
  listReferrers(
    reference: Reference,
    subject: Descriptor,
    filter: ReferrerFilter,
    signal: AbortSignal,
  ): Promise<ReferrerList> {
    return listReferrers(this, reference, subject, filter, signal);
  }

  /** Uploads a manifest by digest; where the registry did not take note of its subject, the fallback index too (A5). */
  async pushReferrer(
    reference: Reference,
    bytes: Uint8Array,
    mediaType: string,
    { subject, artifactType, annotations }: ReferrerDetails,
    signal: AbortSignal,
  ): Promise<PushedReferrer> {
    const pushed = await this.pushManifest(reference, bytes, mediaType, undefined, signal);
    if (pushed.subjectAccepted) {
      this.noteReferrersApi(reference, true);
      return pushed.descriptor;
    }
    const add = { ...pushed.descriptor, artifactType, annotations };
    await changeFallbackIndex(this, reference, subject.digest, { add }, signal);
    return { ...pushed.descriptor, byTagSchema: true };
  }

  /** Uploads a blob in one piece, unless the registry has it. */
  async pushBlob(reference: Reference, bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<Descriptor> {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    const at = this.locate(reference);
    const what = named(`upload of blob ${repositoryName(reference)}@${descriptor.digest}`, reference, at);
    const base = { maxBytes: MAX_MANIFEST_BYTES, actions: 'pull,push', what, operation: 'push-blob' };
    const exists = await this.#session.send(
      at,
      { ...base, method: 'HEAD', target: `/v2/${at.repository}/blobs/${descriptor.digest}` },
      signal,
    );
    if (exists.status === 200) return descriptor;
    const started = await this.#session.send(
      at,
      { ...base, method: 'POST', target: `/v2/${at.repository}/blobs/uploads/` },
      signal,
    );
    const location = started.headers.get('location');
    if (started.status !== 202 || location === undefined) throw statusError(what, started);
    const { origin } = new URL(this.#session.originOf(at.registry));
    const url = URL.canParse(location, origin) ? new URL(location, origin) : undefined;
    if (url?.origin !== origin) {
      throw new OciError(
        'ServerError',
        `${what}: expected an upload address at ${origin}, found another, which is refused: check the registry's external URL`,
      );
    }
    // Appended as it is: what the registry put into the query, signed perhaps, stays byte for byte.
    url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(descriptor.digest)}`;
    const finished = await this.#session.send(
      at,
      {
        ...base,
        method: 'PUT',
        target: url.href,
        headers: { 'content-type': 'application/octet-stream' },
        body: bytes,
      },
      signal,
    );
    if (finished.status !== 201) throw statusError(what, finished);
    return descriptor;
  }

  /**
   * Uploads a manifest, by digest or under a tag.
   * @param write `condition`: headers that make a registry which heeds them refuse with 412 where the tag has moved;
   * `once`: not sent again after a fault
   * @returns its descriptor, and whether the registry took note of its subject (header OCI-Subject, A5)
   */
  async pushManifest(
    reference: Reference,
    bytes: Uint8Array,
    mediaType: string,
    tag: string | undefined,
    signal: AbortSignal,
    write: { readonly condition?: Readonly<Record<string, string>>; readonly once?: boolean } = {},
  ): Promise<{ readonly descriptor: Descriptor; readonly subjectAccepted: boolean }> {
    const digest = digestOf(bytes);
    const at = this.locate(reference);
    const what = named(`upload of manifest ${repositoryName(reference)}@${digest}`, reference, at);
    const answer = await this.#session.send(
      at,
      {
        method: 'PUT',
        target: `/v2/${at.repository}/manifests/${tag ?? digest}`,
        headers: { 'content-type': mediaType, ...write.condition },
        body: bytes,
        maxBytes: MAX_MANIFEST_BYTES,
        actions: 'pull,push',
        what,
        operation: 'push-manifest',
        ...(write.once === undefined ? {} : { once: write.once }),
      },
      signal,
    );
    if (answer.status !== 201 && answer.status !== 200 && answer.status !== 202) throw statusError(what, answer);
    return {
      descriptor: { mediaType, digest, size: bytes.byteLength },
      subjectAccepted: answer.headers.has('oci-subject'),
    };
  }

  /** Deletes a manifest by digest or tag. Absent already is fine. */
  async deleteManifest(reference: Reference, target: string, signal: AbortSignal): Promise<void> {
    const at = this.locate(reference);
    const what = named(`deletion of ${repositoryName(reference)}@${target}`, reference, at);
    const answer = await this.#session.send(
      at,
      {
        method: 'DELETE',
        target: `/v2/${at.repository}/manifests/${target}`,
        maxBytes: MAX_MANIFEST_BYTES,
        actions: 'pull,push,delete',
        what,
        operation: 'delete-manifest',
      },
      signal,
    );
    if (answer.status >= 200 && answer.status <= 204) return;
    const error = statusError(what, answer);
    if (error.code === 'NotFound') return;
    if (error.status !== 405) throw error;
    const advice =
      'allow deletion in its configuration (of the CNCF registry: storage.delete.enabled), or leave it there';
    throw new OciError(error.code, `${error.message}: ${advice}`, {
      status: 405,
      ...(error.registryCode === undefined ? {} : { registryCode: error.registryCode }),
    });
  }
}

/** What a request is for, with the place that it goes to where that is another than the name says. */
function named(what: string, reference: Reference, at: Reference): string {
  return at === reference ? what : `${what} (at its mirror ${repositoryName(at)})`;
}

function baseType(contentType: string | undefined): string | undefined {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  return type === '' ? undefined : type;
}

/**
 * The media type of a manifest. Where the digest was asked for, the content's own word is part of what was asked for and
 * beats a header that some proxy may have changed; else header and content must agree.
 */
function mediaTypeOf(answer: HttpAnswer, isAddressed: boolean, what: string): string {
  const header = baseType(answer.headers.get('content-type'));
  const inside = mediaTypeInside(answer.body);
  const mediaType = isAddressed ? (inside ?? header) : header;
  if (mediaType === undefined || !MANIFEST_TYPES.has(mediaType)) {
    throw new OciError(
      'InvalidAnswer',
      `${what}: expected an OCI or Docker manifest or index, the registry sent ${printable(mediaType ?? 'no Content-Type', 100)}`,
    );
  }
  if (inside !== undefined && inside !== mediaType)
    throw new OciError('InvalidAnswer', `${what}: Content-Type ${mediaType} contradicts the manifest's own mediaType`);
  return mediaType;
}
