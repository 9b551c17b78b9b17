import { readBounded, TooLargeError } from '../transport/index.ts';
import { UsageError } from './failure.ts';
import type { Io } from './io.ts';

const MAX_PASSWORD_BYTES = 64 * 1024;

/** Reads a password from standard input, without the end of its line. @throws UsageError */
export async function readPassword(io: Io): Promise<string> {
  try {
    const text = Buffer.from(await readBounded(io.stdin, MAX_PASSWORD_BYTES)).toString('utf8');
    const password = text.replace(/\r?\n$/, '');
    if (password !== '') return password;
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    throw new UsageError(`--password-stdin: expected at most ${MAX_PASSWORD_BYTES} bytes on standard input`);
  }
  throw new UsageError('--password-stdin: expected the password on standard input, found nothing');
}
