import type { Descriptor } from '../notary/index.ts';
import { OciError } from './error.ts';
import { formatReference, isDigest, type Reference } from './reference.ts';
import { MEDIA_TYPE_OCI_INDEX, type RegistryClient } from './registry-client.ts';

const MAX_PAGES = 100;

/** An entry of an index of referrers. */
export interface Referrer extends Descriptor {
  readonly artifactType?: string;
}

/** The tag under which a registry without the Referrers API lists the referrers of a subject (notary.md A5). */
export function fallbackTag(digest: string): string {
  return digest.replace(':', '-');
}

/**
 * What refers to a subject, of one artifact type (notary.md A4, A5): the Referrers API, else the tag schema.
 * @throws OciError for everything that is not a clear answer: it never means "none"
 */
export async function listReferrers(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  artifactType: string,
  signal: AbortSignal,
): Promise<readonly Referrer[]> {
  const found =
    (await fromApi(client, reference, subject, artifactType, signal)) ??
    (await fromTag(client, reference, subject, signal));
  const unique = new Map<string, Referrer>();
  for (const referrer of found) if (referrer.artifactType === artifactType) unique.set(referrer.digest, referrer);
  return [...unique.values()];
}

async function fromApi(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  artifactType: string,
  signal: AbortSignal,
): Promise<readonly Referrer[] | undefined> {
  const found: Referrer[] = [];
  const visited = new Set<string>();
  let target: string | undefined =
    `/v2/${reference.repository}/referrers/${subject.digest}?artifactType=${encodeURIComponent(artifactType)}`;
  while (target !== undefined) {
    const what = `referrers of ${formatReference(reference)}`;
    if (visited.has(target)) throw new OciError('InvalidAnswer', `${what}: the pages lead in a circle`);
    if (visited.size >= MAX_PAGES) throw new OciError('InvalidAnswer', `${what}: more than ${MAX_PAGES} pages`);
    visited.add(target);
    const page: Awaited<ReturnType<RegistryClient['referrersPage']>> = await client.referrersPage(
      reference,
      target,
      signal,
    );
    if (page === undefined) {
      if (visited.size === 1) return undefined;
      throw new OciError('InvalidAnswer', `${what}: a later page is no OCI index`);
    }
    found.push(...parseIndex(page.body, what));
    target = page.next;
  }
  return found;
}

async function fromTag(
  client: RegistryClient,
  reference: Reference,
  subject: Descriptor,
  signal: AbortSignal,
): Promise<readonly Referrer[]> {
  return (await readFallbackIndex(client, reference, subject.digest, signal))?.referrers ?? [];
}

/** The fallback index of a subject; undefined when there is none. */
export async function readFallbackIndex(
  client: RegistryClient,
  reference: Reference,
  subjectDigest: string,
  signal: AbortSignal,
): Promise<{ readonly digest: string; readonly referrers: readonly Referrer[] } | undefined> {
  const { registry, repository } = reference;
  try {
    const { descriptor, bytes } = await client.getManifest(
      { registry, repository, tag: fallbackTag(subjectDigest) },
      signal,
    );
    const what = `referrers tag of ${registry}/${repository}@${subjectDigest}`;
    if (descriptor.mediaType !== MEDIA_TYPE_OCI_INDEX)
      throw new OciError('InvalidAnswer', `${what}: expected an OCI index, found ${descriptor.mediaType}`);
    return { digest: descriptor.digest, referrers: parseIndex(bytes, what) };
  } catch (error) {
    if (error instanceof OciError && error.code === 'NotFound' && error.registryCode !== 'NAME_UNKNOWN')
      return undefined;
    throw error;
  }
}

function parseIndex(bytes: Buffer, what: string): Referrer[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new OciError('InvalidAnswer', `${what}: expected an OCI index in JSON`, { cause: error });
  }
  const manifests =
    typeof parsed === 'object' && parsed !== null && 'manifests' in parsed ? parsed.manifests : undefined;
  if (manifests === null) return [];
  if (!Array.isArray(manifests)) throw new OciError('InvalidAnswer', `${what}: expected an OCI index with manifests`);
  return manifests.map((entry: unknown) => {
    const descriptor = parseDescriptor(entry);
    if (descriptor === undefined)
      throw new OciError('InvalidAnswer', `${what}: the index holds a descriptor without mediaType, digest or size`);
    const artifactType =
      typeof entry === 'object' && entry !== null && 'artifactType' in entry ? entry.artifactType : undefined;
    return typeof artifactType === 'string' ? { ...descriptor, artifactType } : descriptor;
  });
}

/** Reads an OCI descriptor out of JSON; undefined when it is none. */
export function parseDescriptor(value: unknown): Descriptor | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { mediaType, digest, size, annotations } = value as Readonly<Record<string, unknown>>;
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  const text = typeof annotations === 'object' && annotations !== null ? stringsOf(annotations) : undefined;
  return { mediaType, digest, size, ...(text === undefined ? {} : { annotations: text }) };
}

function stringsOf(annotations: object): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
