import type { ImageEvaluation } from '../../verification/index.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import type { Paint } from '../io.ts';
import { renderTable } from '../table.ts';
import { causeJson } from '../verify-report.ts';
import { isRefused } from './image-check.ts';
import { type RunningImage, shortImage, shortWorkloads } from './pods.ts';
import { verdictStyle } from './status-report.ts';

/** The verdict on a running image as it is, and as it would be. */
export interface Comparison {
  readonly image: RunningImage;
  readonly before: ImageEvaluation;
  readonly after: ImageEvaluation;
}

/** Joins images with the verdicts on them, each in the images' order. */
export function compare(
  images: readonly RunningImage[],
  before: readonly ImageEvaluation[],
  after: readonly ImageEvaluation[],
): readonly Comparison[] {
  return images.flatMap((image, i) => {
    const [was, will] = [before[i], after[i]];
    return was === undefined || will === undefined ? [] : [{ image, before: was, after: will }];
  });
}

/** Those whose verdict would change, and then those of which that is not known. */
export function toTell(comparisons: readonly Comparison[]): readonly Comparison[] {
  const changed = comparisons.filter(({ before, after }) => before.verdict !== after.verdict);
  const open = comparisons.filter(({ before, after }) => before.verdict === 'Unknown' && after.verdict === 'Unknown');
  return [...changed, ...open];
}

/** 1 where an image would become what is not trusted; else 2 where one cannot be told; else 0. */
export function comparisonExitCode(comparisons: readonly Comparison[]): ExitCode {
  if (comparisons.some(({ before, after }) => before.verdict !== after.verdict && isRefused(after.verdict)))
    return EXIT.notTrusted;
  return comparisons.some(({ before, after }) => before.verdict === 'Unknown' || after.verdict === 'Unknown')
    ? EXIT.undetermined
    : EXIT.done;
}

/** A table of images whose verdict changes: image, now, then, workloads, and below why. */
export function comparisonTable(comparisons: readonly Comparison[], paint: Paint): string {
  return renderTable(
    [
      { head: 'IMAGE', max: 60 },
      { head: 'NOW', style: verdictStyle },
      { head: 'THEN', style: verdictStyle },
    ],
    comparisons.map(({ image, before, after }) => ({
      cells: [shortImage(image), before.verdict, after.verdict],
      text: shortWorkloads(image.workloads),
      below: [whyOf(before, after)],
    })),
    paint,
    'WORKLOADS',
  );
}

function whyOf(before: ImageEvaluation, after: ImageEvaluation): string {
  if (after.cause !== undefined) return after.cause.message;
  const by = after.statement === undefined ? '' : ` by ${after.statement.name}`;
  return before.cause === undefined ? `trusted${by}` : `trusted${by}; now: ${before.cause.message}`;
}

/** The same for programs: `images[]`. */
export function comparisonJson({ image, before, after }: Comparison): object {
  const side = ({ verdict, statement, cause }: ImageEvaluation): object => ({
    verdict,
    statement: statement?.name ?? null,
    cause: causeJson(cause),
  });
  return { image: image.key, workloads: image.workloads, before: side(before), after: side(after) };
}

/** `2 images would change verdict; of 1 it cannot be told for sure`. */
export function comparisonSum(changed: readonly Comparison[]): string {
  const moved = changed.filter(({ before, after }) => before.verdict !== after.verdict).length;
  const open = changed.filter(
    ({ before, after }) => before.verdict === 'Unknown' || after.verdict === 'Unknown',
  ).length;
  const unknown = open === 0 ? '' : `; of ${open} it cannot be told for sure`;
  return `${moved} ${moved === 1 ? 'image' : 'images'} would change verdict${unknown}\n`;
}
