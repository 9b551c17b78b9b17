import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface BoundedFolderOptions {
  readonly folder: string;
  /** Of every file that is an entry, such as `.der`. Other files are left alone. */
  readonly suffix: string;
  /** What goes first where there is no room: what is oldest by its own time, or what was not read for longest. */
  readonly evict: 'oldest' | 'leastRecentlyUsed';
  /** For all entries; default 512 MiB. */
  readonly maxBytes?: number;
  /** An entry that is longer is neither written nor read; default 32 MiB. */
  readonly maxEntryBytes?: number;
  /** Told once, with the first fault: it goes on without what could not be kept or read (faults.md 52). */
  readonly onFault: (error: unknown) => void;
}

export interface FolderEntry {
  readonly bytes: Buffer;
  /** With `oldest` the time that it was written with. */
  readonly time: Date;
}

/** Files that a restart may find again. Nothing here rejects: a disk that is full or read-only loses entries only. */
export interface BoundedFolder {
  readonly read: (key: string) => Promise<FolderEntry | undefined>;
  /** @param time of the content; default now */
  readonly write: (key: string, bytes: Uint8Array, time?: Date) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
  /** Resolves once all that was asked for is written. */
  readonly flush: () => Promise<void>;
}

const DEFAULT_MAX_BYTES = 512 * 1024 * 1024;
const DEFAULT_MAX_ENTRY_BYTES = 32 * 1024 * 1024;
/** What waits to be written is held in memory: a slow disk must not fill it. More is not kept. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const PARTIAL = '.partial';
const KEY = /^[a-z0-9-]{1,100}$/;
/** What a crash left half-written is swept out after this. */
const PARTIAL_MAX_AGE_MS = 60 * 60_000;
/** How exact the time of the last use is: a read seldom costs a write. */
const TOUCH_AFTER_MS = 60 * 60_000;

interface Known {
  readonly size: number;
  readonly timeMs: number;
}

/**
 * Keeps entries on disk, one file for each, its modification time that of the entry. Files are written beside and
 * renamed, so that a reader sees a whole one or none; only the owner may read them. Whoever reads an entry checks it:
 * nothing is secret here, and nothing is believed for being here.
 */
export function openBoundedFolder(options: BoundedFolderOptions): BoundedFolder {
  const { folder, suffix, evict, maxBytes = DEFAULT_MAX_BYTES, maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES } = options;
  let told = false;
  const fault = (error: unknown): void => {
    if (told) return;
    told = true;
    options.onFault(error);
  };
  const pathOf = (key: string): string => {
    if (!KEY.test(key))
      throw new RangeError(`expected a key of letters, digits and hyphens, found ${JSON.stringify(key)}`);
    return join(folder, `${key}${suffix}`);
  };
  const room = new Room(folder, suffix, maxBytes);
  // One writer at a time, so that the bound is counted over a folder that stands still.
  let writing: Promise<void> = Promise.resolve();
  let waitingBytes = 0;
  const next = (work: () => Promise<void>): Promise<void> => {
    writing = writing.then(work).catch(fault);
    return writing;
  };
  return {
    read: async (key) => {
      try {
        const path = pathOf(key);
        const entry = await readEntry(path, maxEntryBytes);
        const now = new Date();
        if (
          entry !== undefined &&
          evict === 'leastRecentlyUsed' &&
          now.getTime() - entry.time.getTime() > TOUCH_AFTER_MS
        ) {
          room.used(path, now.getTime());
          await utimes(path, now, now);
        }
        return entry;
      } catch (error) {
        if (!isMissing(error)) fault(error);
        return undefined;
      }
    },
    write: (key, bytes, time = new Date()) => {
      const size = bytes.byteLength;
      if (size > Math.min(maxBytes, maxEntryBytes) || waitingBytes + size > Math.max(MAX_WAITING_BYTES, maxEntryBytes))
        return Promise.resolve();
      waitingBytes += size;
      return next(async () => {
        waitingBytes -= size;
        const path = pathOf(key);
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await room.make(size);
        await writeWhole(path, bytes, time);
        room.took(path, { size, timeMs: time.getTime() });
      });
    },
    remove: (key) =>
      next(async () => {
        const path = pathOf(key);
        await removeFile(path);
        room.left(path);
      }),
    flush: () => writing,
  };
}

/** Counts what a folder holds, and makes room in it. */
class Room {
  readonly #folder: string;
  readonly #suffix: string;
  readonly #maxBytes: number;
  #entries = new Map<string, Known>();
  #total = 0;
  /** Bytes until the folder is looked at again, for another process may write there too. */
  #trusted = -1;

  constructor(folder: string, suffix: string, maxBytes: number) {
    this.#folder = folder;
    this.#suffix = suffix;
    this.#maxBytes = maxBytes;
  }

  used(path: string, timeMs: number): void {
    const known = this.#entries.get(path);
    if (known !== undefined) this.#entries.set(path, { ...known, timeMs });
  }

  took(path: string, entry: Known): void {
    this.left(path);
    this.#entries.set(path, entry);
    this.#total += entry.size;
    this.#trusted -= entry.size;
  }

  left(path: string): void {
    this.#total -= this.#entries.get(path)?.size ?? 0;
    this.#entries.delete(path);
  }

  /** Removes the oldest entries where another one of so many bytes would be too much; then some more, for those to come. */
  async make(bytes: number): Promise<void> {
    if (this.#trusted < 0) await this.#scan();
    if (this.#total + bytes <= this.#maxBytes) return;
    const goal = Math.floor((this.#maxBytes * 15) / 16);
    for (const [path] of [...this.#entries].sort(([, a], [, b]) => a.timeMs - b.timeMs)) {
      if (this.#total + bytes <= goal) return;
      await removeFile(path);
      this.left(path);
    }
  }

  async #scan(): Promise<void> {
    this.#entries = new Map();
    this.#total = 0;
    for (const name of await readdir(this.#folder)) {
      if (!name.endsWith(this.#suffix) && !name.endsWith(PARTIAL)) continue;
      const path = join(this.#folder, name);
      const found = await statFile(path);
      if (found === undefined) continue;
      const { size, mtimeMs } = found;
      if (name.endsWith(PARTIAL) && Date.now() - mtimeMs > PARTIAL_MAX_AGE_MS) await removeFile(path);
      else this.took(path, { size, timeMs: mtimeMs });
    }
    this.#trusted = Math.floor(this.#maxBytes / 16);
  }
}

async function readEntry(path: string, maxBytes: number): Promise<FolderEntry | undefined> {
  const file = await open(path, 'r');
  try {
    const { size, mtime } = await file.stat();
    return size > maxBytes ? undefined : { bytes: await file.readFile(), time: mtime };
  } finally {
    await file.close();
  }
}

async function writeWhole(path: string, bytes: Uint8Array, time: Date): Promise<void> {
  const partial = `${path}.${randomUUID()}${PARTIAL}`;
  try {
    await writeFile(partial, bytes, { mode: 0o600, flag: 'wx' });
    await utimes(partial, time, time);
    await rename(partial, path);
  } catch (error) {
    await unlink(partial).catch(() => undefined);
    throw error;
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function statFile(path: string): Promise<{ readonly size: number; readonly mtimeMs: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
