import { ARTIFACT_TYPE_NOTATION } from '../notary/index.ts';
import { EXIT, type ExitCode } from './failure.ts';
import { type Io, painter, writeJson } from './io.ts';
import { Progress } from './progress.ts';
import { listedSignatures, type SignaturesOptions } from './signatures.ts';
import { openTarget } from './target.ts';
import { renderTree } from './tree.ts';

/** `sealwatch list`: which signatures an image has, unread. @returns 0 when that is done. Faults throw */
export async function listCommand(ref: string, options: SignaturesOptions, io: Io): Promise<ExitCode> {
  const progress = new Progress(io.stderr);
  const target = await openTarget(ref, options, io, progress);
  try {
    const { subject, signatures } = await listedSignatures(target, options.maxSignatures, io, progress);
    if (options.output === 'json') {
      writeJson(io, {
        reference: options.ociLayout === undefined ? ref : target.nameOf(),
        digest: subject.digest,
        signatures: signatures.map(({ digest, mediaType, size }) => ({ digest, mediaType, size })),
      });
      return EXIT.done;
    }
    const paint = painter(io.stdout);
    const name = paint('bold', target.nameOf(subject.digest));
    const children = signatures.map(({ digest }) => ({ label: digest }));
    io.stdout.write(
      signatures.length === 0
        ? `${name} has no signature\n`
        : renderTree({ label: name, children: [{ label: paint('dim', ARTIFACT_TYPE_NOTATION), children }] }),
    );
    return EXIT.done;
  } finally {
    progress.done();
    await target.close();
  }
}
