import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OciError } from './error.ts';

/** A writer that holds the lock longer than this has died: a write takes milliseconds. */
const STALE_LOCK_MS = 30_000;
const LOCK_POLL_MS = 25;
const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a regular file, at most `maxBytes` of it. Links are followed, since what is read is checked by its digest; but
 * neither a pipe nor a device can hold the reader up.
 * @param what names it in messages
 * @returns undefined when there is no such file
 * @throws OciError TooLarge, InvalidAnswer, Denied or Unreachable
 */
export async function readFileBounded(path: string, maxBytes: number, what: string): Promise<Buffer | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw fileError(error, what);
  }
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new OciError('InvalidAnswer', `${what}: expected a file, found something else`);
    if (info.size > maxBytes) throw tooLarge(what, maxBytes);
    return await readAll(file, maxBytes, what);
  } catch (error) {
    throw error instanceof OciError ? error : fileError(error, what);
  } finally {
    await file.close();
  }
}

/** Bounded while reading too: the file may grow. */
async function readAll(file: FileHandle, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES);
    if (bytesRead === 0) return Buffer.concat(chunks, size);
    size += bytesRead;
    if (size > maxBytes) throw tooLarge(what, maxBytes);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

/**
 * Writes a file of a layout so that readers see the old one or the whole new one, and never leaves the layout's folder:
 * a folder on the way that is a link out of it is refused.
 * @param root of the layout
 * @param path below it, its segments
 * @throws OciError Denied, Unreachable or InvalidAnswer
 */
export async function writeFileAtomically(
  root: string,
  path: readonly string[],
  bytes: Uint8Array,
  what: string,
): Promise<void> {
  const target = join(root, ...path);
  const temporary = join(root, `.sealwatch-${randomBytes(8).toString('hex')}.tmp`);
  try {
    const folder = join(target, '..');
    await mkdir(folder, { recursive: true });
    const [realRoot, realFolder] = [await realpath(root), await realpath(folder)];
    if (realFolder !== realRoot && !realFolder.startsWith(`${realRoot}${sep}`))
      throw new OciError(
        'InvalidAnswer',
        `${what}: ${folder} is a link that leads out of the layout, which is refused`,
      );
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof OciError ? error : fileError(error, what);
  }
}

/**
 * Runs something while no other Sealwatch does so for this layout. Other tools know nothing of the lock: what they
 * write meanwhile is looked for afterwards, by the caller.
 * @throws OciError Timeout when another holds the lock until the signal is aborted; whatever `run` throws
 */
export async function withLayoutLock<T>(root: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  const path = join(root, '.sealwatch-lock');
  const what = `OCI layout ${root}`;
  for (;;) {
    try {
      await (await open(path, 'wx')).close();
      break;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw fileError(error, what);
      await waitForLock(path, what, signal);
    }
  }
  try {
    return await run();
  } finally {
    await rm(path, { force: true });
  }
}

async function waitForLock(path: string, what: string, signal: AbortSignal): Promise<void> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs > STALE_LOCK_MS) await rm(path, { force: true });
    else await delay(LOCK_POLL_MS, undefined, { signal });
  } catch (error) {
    if (signal.aborted)
      throw new OciError('Timeout', `${what}: another process is writing to it: if none is, remove ${path}`, {
        cause: error,
      });
    if (codeOf(error) !== 'ENOENT') throw fileError(error, what);
  }
}

function tooLarge(what: string, maxBytes: number): OciError {
  return new OciError('TooLarge', `${what}: larger than the limit of ${maxBytes} bytes`);
}

/** The system's own words, by its code: nothing of what a file holds. */
function fileError(error: unknown, what: string): OciError {
  const code = codeOf(error) ?? 'unknown error';
  const isDenied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  const advice = isDenied ? ': check the permissions of the folder' : '';
  return new OciError(isDenied ? 'Denied' : 'Unreachable', `${what}: cannot be used (${code})${advice}`, {
    cause: error,
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
