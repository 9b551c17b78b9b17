import { open } from 'node:fs/promises';
import { readBounded, TooLargeError } from '../transport/index.ts';
import { UsageError } from './failure.ts';

/** Policies, certificates, keys and Docker configs: what is larger is something else. */
const MAX_FILE_BYTES = 1024 * 1024;
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'its permissions do not allow it',
  EPERM: 'its permissions do not allow it',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead in a circle',
};

/**
 * Reads a file that a flag or the configuration names, at most 1 MiB; it may be a pipe, as a shell hands over for <(…).
 * @param what names it in messages: "--key"
 * @throws UsageError with the path and what is wrong
 */
export async function readUserFile(path: string, what: string): Promise<Buffer> {
  const bytes = await readUserFileIfThere(path, what);
  if (bytes === undefined) throw new UsageError(`${what}: cannot read ${path}: it does not exist`);
  return bytes;
}

/** The same, but undefined where there is no such file. */
export async function readUserFileIfThere(path: string, what: string): Promise<Buffer | undefined> {
  try {
    await using file = await open(path);
    const info = await file.stat();
    if (info.isDirectory()) throw new UsageError(`${what}: cannot read ${path}: it is a folder`);
    const stream = file.createReadStream({ autoClose: false });
    return Buffer.from(await readBounded(stream, MAX_FILE_BYTES));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (error instanceof TooLargeError)
      throw new UsageError(`${what}: ${path} is larger than ${MAX_FILE_BYTES} bytes: is it the right file?`);
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new UsageError(`${what}: cannot read ${path}: ${WORDS[code] ?? code}`, { cause: error });
  }
}

/** The system's code of an error, such as ENOENT. @throws whatever is no error of the system */
export function systemCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  throw error;
}
