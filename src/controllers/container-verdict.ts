import type { ImageVerdict } from '../api/image-verdict.ts';
import { imageKey, type VerdictStore } from '../verification/index.ts';
import type { RunningContainer } from '../workloads/index.ts';

/** The verdict on what a container runs; undefined until there is one. What names no digest is Unknown. */
export function containerVerdict(
  { image }: RunningContainer,
  verdicts: Pick<VerdictStore, 'get'>,
  now: () => Date,
): ImageVerdict | undefined {
  switch (image.kind) {
    case 'resolved':
      return verdicts.get(imageKey(image.repository, image.digest));
    case 'unverifiable':
      return {
        verdict: 'Unknown',
        cause: { reason: 'ImageIDUnverifiable', message: image.reason },
        verifiedAt: now(),
      };
    case 'pending':
      return undefined;
  }
}
