import { type BoundedFolderOptions, openBoundedFolder } from '../disk/index.ts';
import { type ContentCache, checkContent, OciError } from '../oci/index.ts';
import { type FileName, keyOf, unwrap, wrap } from './cache-file.ts';
import {
  readList,
  readVerdict,
  type StoredList,
  type StoredVerdict,
  writeList,
  writeVerdict,
} from './cache-records.ts';
import type { Clock } from './clock.ts';
import { type ImageKey, imageKey } from './image.ts';

/** What became of one look into the cache. `dropped`: the file was not what it should be, and is gone. */
export type CacheRead = 'hit' | 'miss' | 'dropped';

export interface VerdictCacheOptions extends Pick<BoundedFolderOptions, 'folder' | 'maxBytes' | 'onFault'> {
  readonly clock: Clock;
  readonly onRead?: (result: CacheRead) => void;
}

/**
 * What verifying an image cost, on disk, so that a restart need not ask for it again: manifests and envelopes by their
 * digest, the list of signatures, and what was last told. No verdict is believed from here: content is hashed anew and
 * judged anew, and the registry is asked which signatures there are (docs/security.md).
 */
export interface VerdictCache extends ContentCache {
  readonly readList: (key: ImageKey) => Promise<StoredList | undefined>;
  readonly writeList: (key: ImageKey, list: StoredList) => void;
  readonly readVerdict: (key: ImageKey) => Promise<StoredVerdict | undefined>;
  readonly writeVerdict: (key: ImageKey, verdict: StoredVerdict) => void;
  /** Forgets list and verdict. Content goes when there is no room for it. */
  readonly forget: (key: ImageKey) => void;
  /** Resolves once all is written. */
  readonly flush: () => Promise<void>;
}

/** Opens a folder as a cache. It may be gone, full or read-only: then nothing is found there (faults.md 52). */
export function openVerdictCache(options: VerdictCacheOptions): VerdictCache {
  const { clock, onRead, ...rest } = options;
  const folder = openBoundedFolder({ ...rest, suffix: '.cache', evict: 'leastRecentlyUsed' });

  /** @param parse gives undefined where the content is not what it should be */
  const read = async <T>(file: FileName, parse: (content: Buffer) => T | undefined): Promise<T | undefined> => {
    const entry = await folder.read(keyOf(file));
    const content = entry === undefined ? undefined : unwrap(file, entry.bytes);
    const parsed = content === undefined ? undefined : parse(content);
    onRead?.(entry === undefined ? 'miss' : parsed === undefined ? 'dropped' : 'hit');
    if (entry !== undefined && parsed === undefined) await folder.remove(keyOf(file));
    return parsed;
  };
  const readJson = <T>(file: FileName, parse: (value: unknown, now: Date) => T | undefined): Promise<T | undefined> =>
    read(file, (content) => parse(parseJson(content), clock()));
  const write = (file: FileName, content: Uint8Array): void => {
    // It tells its faults by itself, and rejects never.
    void folder.write(keyOf(file), wrap(file, content));
  };
  const writeJson = (file: FileName, value: object): void => write(file, Buffer.from(JSON.stringify(value)));

  return {
    readContent: (repository, digest) =>
      read(contentOf(repository, digest), (content) => (hasDigest(content, digest) ? content : undefined)),
    writeContent: (repository, digest, bytes) => write(contentOf(repository, digest), bytes),
    readList: (name) => readJson({ kind: 'list', name }, readList),
    writeList: (name, list) => writeJson({ kind: 'list', name }, writeList(list)),
    readVerdict: (name) => readJson({ kind: 'verdict', name }, readVerdict),
    writeVerdict: (name, verdict) => writeJson({ kind: 'verdict', name }, writeVerdict(verdict)),
    forget: (name) => {
      void folder.remove(keyOf({ kind: 'list', name }));
      void folder.remove(keyOf({ kind: 'verdict', name }));
    },
    flush: folder.flush,
  };
}

/** By repository too: what one repository holds says nothing of what may be read from another. */
function contentOf(repository: string, digest: string): FileName {
  return { kind: 'content', name: imageKey(repository, digest) };
}

function hasDigest(content: Buffer, digest: string): boolean {
  try {
    checkContent(content, { digest }, 'cached content');
    return true;
  } catch (error) {
    if (error instanceof OciError) return false;
    throw error;
  }
}

function parseJson(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
