import { AwsError } from '../aws/index.ts';
import { NotaryError } from '../notary/index.ts';
import { OciError } from '../oci/index.ts';

/** What the process ends with: trusted or done; not trusted; could not be determined; wrong usage (sysexits.h). */
export const EXIT = { done: 0, notTrusted: 1, undetermined: 2, usage: 64 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command was given something wrong: a flag, a file, a key. The message says which, what was expected, what to do. */
export class UsageError extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'UsageError';
  }
}

/** Something outside could not be reached or did not answer: nothing is known of what was asked. */
export class UndeterminedError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'UndeterminedError';
    this.code = code;
  }
}

/** A failure as the command tells it. */
export interface Failure {
  readonly exitCode: ExitCode;
  /** Machine-readable. */
  readonly code: string;
  readonly message: string;
}

/** How an error ends the command. What nobody foresaw is told as a bug, and never as an answer about the image. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) return { exitCode: EXIT.usage, code: 'Usage', message: error.message };
  if (error instanceof UndeterminedError)
    return { exitCode: EXIT.undetermined, code: error.code, message: error.message };
  if (error instanceof NotaryError) {
    // Policies, trust stores, keys and chains are all the user's own here: envelopes are judged, and never throw.
    const exitCode = error.code === 'TimestampFailed' ? EXIT.undetermined : EXIT.usage;
    return { exitCode, code: error.code, message: error.message };
  }
  if (error instanceof OciError) {
    const exitCode = error.code === 'InvalidReference' ? EXIT.usage : EXIT.undetermined;
    return { exitCode, code: error.code, message: error.message };
  }
  if (error instanceof AwsError) {
    const exitCode = error.code === 'InvalidArn' ? EXIT.usage : EXIT.undetermined;
    return { exitCode, code: error.code, message: error.message };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    exitCode: EXIT.undetermined,
    code: 'Unexpected',
    message: `unexpected, please report this as a bug: ${message}`,
  };
}
