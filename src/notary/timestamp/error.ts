import { NotaryError } from '../error.ts';

/** A token that is no RFC 3161 timestamp, or not a good one. */
export function invalidTimestamp(found: string, options: { readonly rule?: string; readonly cause?: unknown } = {}) {
  const rule = options.rule ?? 'I';
  return new NotaryError('InvalidTimestamp', `${found} (notary.md ${rule})`, { rule, cause: options.cause });
}

/**
 * Runs a reader of bytes from outside. Whatever it or a library throws becomes one error that says what was read:
 * the libraries have no closed set of errors of their own.
 */
export function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof NotaryError && error.code === 'InvalidTimestamp') throw error;
    const found = error instanceof NotaryError ? error.message : `${what} cannot be read`;
    throw invalidTimestamp(found, { cause: error });
  }
}
