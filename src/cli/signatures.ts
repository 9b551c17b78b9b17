import type { Descriptor } from '../notary/index.ts';
import { listSignatures } from '../oci/index.ts';
import type { OutputFormat } from './arguments.ts';
import { type Io, warn } from './io.ts';
import type { Progress } from './progress.ts';
import { resolveOnce, type Target, type TargetOptions } from './target.ts';

/** The flags of commands that look at signatures without judging them. */
export interface SignaturesOptions extends TargetOptions {
  readonly maxSignatures: number;
  readonly output: OutputFormat;
}

/** An image, and the signatures that are listed with it, up to the limit (notary.md A7); more of them are told. */
export async function listedSignatures(
  target: Target,
  max: number,
  io: Io,
  progress: Progress,
): Promise<{ readonly subject: Descriptor; readonly signatures: readonly Descriptor[] }> {
  const subject = await resolveOnce(target, io, progress);
  progress.say(`lists the signatures of ${target.nameOf(subject.digest)}`);
  const reference = { ...target.reference, digest: subject.digest };
  const { signatures, truncated } = await listSignatures(target.store, reference, subject, { max }, io.signal);
  progress.done();
  if (truncated) warn(io, `there are more than ${max} signatures: only the first are shown; see --max-signatures`);
  return { subject, signatures };
}
