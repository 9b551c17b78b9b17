import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RevocationCache } from '../notary/index.ts';

export interface DiskCacheOptions {
  readonly folder: string;
  /** For all entries; default 512 MiB. The oldest go first. */
  readonly maxBytes?: number;
  /** An entry that is longer is not read. */
  readonly maxEntryBytes?: number;
  /** Told once, with the first fault: the cache goes on without what it could not keep or read (faults.md 52). */
  readonly onFault: (error: unknown) => void;
}

const DEFAULT_MAX_BYTES = 512 * 1024 * 1024;
const DEFAULT_MAX_ENTRY_BYTES = 32 * 1024 * 1024;
const SUFFIX = '.der';
const PARTIAL = '.partial';
const KEY = /^[a-z0-9-]{1,100}$/;
/** What a crash left half-written is swept out after this. */
const PARTIAL_MAX_AGE_MS = 60 * 60_000;

/**
 * Keeps revocation data on disk, one file for each entry, its modification time that of the fetch. Files are written
 * beside and renamed, so that a reader sees a whole one or none. The content is public and is verified by whoever
 * reads it, so nothing is secret here and nothing is believed. A disk that is full or read-only costs fetches only.
 */
export function openDiskCache(options: DiskCacheOptions): RevocationCache {
  const { folder, maxBytes = DEFAULT_MAX_BYTES, maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES } = options;
  let told = false;
  const fault = (error: unknown): void => {
    if (told) return;
    told = true;
    options.onFault(error);
  };
  // One writer at a time, so that the bound is counted over a folder that stands still.
  let writing: Promise<void> = Promise.resolve();
  return {
    read: async (key) => {
      try {
        return await readEntry(pathOf(folder, key), maxEntryBytes);
      } catch (error) {
        if (!isMissing(error)) fault(error);
        return undefined;
      }
    },
    write: (key, bytes, fetchedAt) => {
      if (bytes.byteLength > Math.min(maxBytes, maxEntryBytes)) return Promise.resolve();
      writing = writing.then(async () => {
        try {
          await mkdir(folder, { recursive: true, mode: 0o700 });
          await makeRoom(folder, maxBytes - bytes.byteLength);
          await writeWhole(pathOf(folder, key), bytes, fetchedAt);
        } catch (error) {
          fault(error);
        }
      });
      return writing;
    },
  };
}

function pathOf(folder: string, key: string): string {
  if (!KEY.test(key))
    throw new RangeError(`expected a key of letters, digits and hyphens, found ${JSON.stringify(key)}`);
  return join(folder, `${key}${SUFFIX}`);
}

async function readEntry(path: string, maxBytes: number): ReturnType<RevocationCache['read']> {
  const file = await open(path, 'r');
  try {
    const { size, mtime } = await file.stat();
    return size > maxBytes ? undefined : { bytes: await file.readFile(), fetchedAt: mtime };
  } finally {
    await file.close();
  }
}

async function writeWhole(path: string, bytes: Uint8Array, fetchedAt: Date): Promise<void> {
  const partial = `${path}.${randomUUID()}${PARTIAL}`;
  try {
    await writeFile(partial, bytes, { mode: 0o600, flag: 'wx' });
    await utimes(partial, fetchedAt, fetchedAt);
    await rename(partial, path);
  } catch (error) {
    await unlink(partial).catch(() => undefined);
    throw error;
  }
}

/** Removes the oldest entries until the others take at most so many bytes. */
async function makeRoom(folder: string, maxBytes: number): Promise<void> {
  const entries: { readonly path: string; readonly size: number; readonly time: number }[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith(SUFFIX) && !name.endsWith(PARTIAL)) continue;
    const path = join(folder, name);
    const { size, mtimeMs } = await stat(path);
    if (name.endsWith(PARTIAL) && Date.now() - mtimeMs > PARTIAL_MAX_AGE_MS) await unlink(path);
    else entries.push({ path, size, time: mtimeMs });
  }
  let total = entries.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of entries.sort((a, b) => a.time - b.time)) {
    if (total <= maxBytes) return;
    await unlink(path);
    total -= size;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
