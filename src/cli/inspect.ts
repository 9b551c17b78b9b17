import { ARTIFACT_TYPE_NOTATION, NotaryError, parseEnvelope } from '../notary/index.ts';
import { fetchSignature, isContentFault, OciError } from '../oci/index.ts';
import { EXIT, type ExitCode } from './failure.ts';
import { type InspectedSignature, inspectJson, inspectNode } from './inspect-report.ts';
import { type Io, painter, writeJson } from './io.ts';
import { Progress } from './progress.ts';
import { listedSignatures, type SignaturesOptions } from './signatures.ts';
import { openTarget } from './target.ts';
import { renderTree } from './tree.ts';

/**
 * `sealwatch inspect`: what the signatures of an image say, read but not judged. One that is not well formed is shown
 * with what is wrong.
 * @returns 0 when every signature was read; 2 when one could not be fetched. Faults of the whole throw
 */
export async function inspectCommand(ref: string, options: SignaturesOptions, io: Io): Promise<ExitCode> {
  const { signal } = io;
  const progress = new Progress(io.stderr);
  const target = await openTarget(ref, options, io, progress);
  try {
    const { subject, signatures } = await listedSignatures(target, options.maxSignatures, io, progress);
    const inspected: InspectedSignature[] = [];
    for (const signature of signatures) {
      progress.say(`reads signature ${inspected.length + 1} of ${signatures.length}`);
      try {
        const artifact = await fetchSignature(target.store, target.reference, subject, signature, signal);
        const { mediaType } = artifact;
        inspected.push({ signature, mediaType, envelope: parseEnvelope(artifact.envelope, mediaType) });
      } catch (error) {
        if (!(error instanceof NotaryError) && !(error instanceof OciError)) throw error;
        const unreachable = error instanceof OciError && !isContentFault(error);
        inspected.push({ signature, problem: error.message, unreachable });
      }
    }
    progress.done();
    const paint = painter(io.stdout);
    if (options.output === 'json') {
      writeJson(io, {
        reference: options.ociLayout === undefined ? ref : target.nameOf(),
        digest: subject.digest,
        mediaType: subject.mediaType,
        signatures: inspected.map(inspectJson),
      });
    } else {
      const name = paint('bold', target.nameOf(subject.digest));
      const children = inspected.map((one) => inspectNode(one, io.clock(), paint));
      io.stdout.write(
        inspected.length === 0
          ? `${name} has no signature\n`
          : renderTree({ label: name, children: [{ label: paint('dim', ARTIFACT_TYPE_NOTATION), children }] }),
      );
    }
    return inspected.some((one) => 'problem' in one && one.unreachable) ? EXIT.undetermined : EXIT.done;
  } finally {
    progress.done();
    await target.close();
  }
}
