import type { Descriptor } from '../notary/index.ts';
import type { Referrer } from './artifact-store.ts';
import { isContentFault, OciError } from './error.ts';
import { entriesOf, parseDescriptor } from './index-entries.ts';
import type { OciLayout } from './layout.ts';
import {
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE_OCI_ARTIFACT,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
} from './media-types.ts';

/** Manifests of one layout that are looked at: more of them is no layout of images. */
const MAX_MANIFESTS = 10_000;
const MAX_DEPTH = 4;
/** A layout takes no notice of registry and repository. */
const ANYWHERE = { registry: '', repository: '' };

/** What of a layout is read here. */
type Layout = Pick<OciLayout, 'root' | 'index' | 'fetchBlob'>;

/** A manifest that an index of the layout lists. */
interface Listed {
  readonly descriptor: Descriptor;
  /** As the list says; nobody checks that. */
  readonly artifactType?: string;
}

/**
 * The manifests that a layout lists, in its index.json and in the indexes named there, each once.
 * @param onUnreadable told of every part of the list that cannot be read, with a sentence: one hides no other
 * @throws OciError InvalidAnswer when there are more than 10,000
 */
export async function* walkLayout(
  layout: Layout,
  onUnreadable: (why: string) => void,
  signal: AbortSignal,
): AsyncGenerator<Listed> {
  const seen = new Set<string>();
  let level: readonly unknown[] = await layout.index();
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth += 1) {
    const below: unknown[] = [];
    for (const entry of level) {
      const descriptor = parseDescriptor(entry);
      if (descriptor === undefined) {
        onUnreadable('an entry has no mediaType, digest and size');
        continue;
      }
      const key = `${descriptor.digest} ${descriptor.size} ${descriptor.mediaType}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (seen.size > MAX_MANIFESTS)
        throw new OciError('InvalidAnswer', `OCI layout ${layout.root}: more than ${MAX_MANIFESTS} manifests`);
      const artifactType = artifactTypeOf(entry);
      yield { descriptor, ...(artifactType === undefined ? {} : { artifactType }) };
      if (descriptor.mediaType === MEDIA_TYPE_OCI_INDEX) {
        const nested = await nestedEntries(layout, descriptor, signal);
        if (typeof nested === 'string') onUnreadable(nested);
        else for (const one of nested) below.push(one);
      }
    }
    level = below;
  }
  if (level.length > 0) onUnreadable(`indexes are nested deeper than ${MAX_DEPTH} levels`);
}

/** The entries of an index of the layout; none where it is not there; a sentence where it is bad. */
async function nestedEntries(
  layout: Layout,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<readonly unknown[] | string> {
  const index = await read(layout, descriptor, signal);
  if (index.kind === 'bad') return index.why;
  if (index.kind === 'absent') return [];
  try {
    return entriesOf(index.bytes, `${layout.root}@${descriptor.digest}`);
  } catch (error) {
    if (error instanceof OciError) return error.message;
    throw error;
  }
}

/**
 * The manifests of a layout that name a subject: each is read to see what it refers to, as the list does not say.
 * @throws OciError InvalidAnswer when none is found while some could not be read: that is not "none"
 */
export async function findReferrers(
  layout: Layout,
  subject: Descriptor,
  filter: { readonly artifactType: string; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly Referrer[]> {
  const found: Referrer[] = [];
  const unreadable: string[] = [];
  for await (const { descriptor, artifactType } of walkLayout(layout, (why) => unreadable.push(why), signal)) {
    if (found.length >= filter.limit) break;
    const { mediaType } = descriptor;
    if (mediaType !== MEDIA_TYPE_OCI_MANIFEST && mediaType !== MEDIA_TYPE_OCI_ARTIFACT) continue;
    const manifest = await read(layout, descriptor, signal);
    if (manifest.kind === 'read') {
      const { subjectDigest, type } = refersTo(manifest.bytes);
      if (subjectDigest === subject.digest && type === filter.artifactType)
        found.push({ ...descriptor, artifactType: filter.artifactType });
    } else if (artifactType === filter.artifactType) {
      // Perhaps one of this subject: whoever fetches it finds it unreadable, and it alone fails (notary.md A8).
      found.push({ ...descriptor, artifactType });
    } else if (manifest.kind === 'bad') {
      unreadable.push(manifest.why);
    }
  }
  if (found.length === 0 && unreadable[0] !== undefined) {
    throw new OciError(
      'InvalidAnswer',
      `OCI layout ${layout.root}: no referrers found, but not all of the layout can be read: ${unreadable[0]}`,
    );
  }
  return found;
}

type Read =
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'absent' }
  | { readonly kind: 'bad'; readonly why: string };

/** Reads a listed manifest; one that is not there or bad hides no other. */
async function read(layout: Layout, descriptor: Descriptor, signal: AbortSignal): Promise<Read> {
  try {
    return { kind: 'read', bytes: await layout.fetchBlob(ANYWHERE, descriptor, MAX_MANIFEST_BYTES, signal) };
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    if (error.code === 'NotFound') return { kind: 'absent' };
    if (isContentFault(error)) return { kind: 'bad', why: error.message };
    throw error;
  }
}

/** Which subject a manifest names, and its type: artifactType, else the config's media type (notary.md A2, A5). */
function refersTo(bytes: Buffer): { readonly subjectDigest?: unknown; readonly type?: unknown } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    return {};
  }
  const manifest = membersOf(parsed);
  const artifactType = manifest.get('artifactType');
  const type =
    artifactType === undefined || artifactType === ''
      ? membersOf(manifest.get('config')).get('mediaType')
      : artifactType;
  return { subjectDigest: membersOf(manifest.get('subject')).get('digest'), type };
}

function artifactTypeOf(entry: unknown): string | undefined {
  const type = membersOf(entry).get('artifactType');
  return typeof type === 'string' ? type : undefined;
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : new Map();
}
