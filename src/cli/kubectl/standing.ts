import type { ImageSignatureRequest } from '../../api/image-signature-request.ts';
import { BAD_VERDICTS, VERDICTS_WORST_FIRST, type VerdictType } from '../../api/verdict.ts';
import { OciError, parseReference, repositoryName } from '../../oci/index.ts';
import { imageKey, type PolicySet } from '../../verification/index.ts';
import type { RunningContainer } from '../../workloads/index.ts';
import type { RunningPod } from './pods.ts';

/**
 * How a pod, or several, stand by what the cluster tells: a verdict, or `NotFlagged`: the operator runs, and says nothing
 * bad of it. That is no Trusted: it writes nothing on what it finds healthy, has not verified yet, or does not watch.
 */
export type Standing = VerdictType | 'NotFlagged';

export const STANDINGS_WORST_FIRST: readonly Standing[] = [
  ...VERDICTS_WORST_FIRST.filter((verdict) => verdict !== 'Trusted' && verdict !== 'Uncovered'),
  'NotFlagged',
  'Uncovered',
  'Trusted',
];

/** A pod's standing, and why. */
export interface PodStanding {
  readonly standing: Standing;
  /** A sentence, as far as there is something to tell. */
  readonly message: string;
  /** RFC 3339. */
  readonly since?: string;
}

/** What a standing is read from. */
export interface Evidence {
  /** Whether the operator is known to run: else what it has not told says nothing, and what it has told good is old. */
  readonly isRunning: boolean;
  readonly policies: PolicySet;
  /** Images that requests' statuses say are Trusted, `registry/repository@digest`, with the request that says it. */
  readonly trusted: ReadonlyMap<string, string>;
}

/**
 * How one pod stands. What is bad is told as it was told, whoever runs. What is good is told only while the operator runs:
 * Trusted by the condition, or by a request for each image; Uncovered where no policy's scope holds any of its images.
 */
export function standingOf(pod: RunningPod, evidence: Evidence): PodStanding {
  const { condition, containers } = pod;
  if (condition !== undefined && condition.status !== 'True') {
    const { reason, message, lastTransitionTime: since } = condition;
    const standing = [...BAD_VERDICTS].find((verdict) => verdict === reason) ?? 'Unknown';
    return { standing, message, since };
  }
  const covered = containers.filter((container) => isCovered(container, evidence.policies));
  if (covered.length === 0) return { standing: 'Uncovered', message: 'no TrustPolicy has a scope for its images' };
  if (!evidence.isRunning) {
    const told =
      condition === undefined
        ? 'nothing is told of it'
        : `it was told as trusted at ${condition.lastTransitionTime}, and that may be old`;
    return { standing: 'Unknown', message: `${told}: the operator is not known to run` };
  }
  if (condition !== undefined)
    return { standing: 'Trusted', message: 'the operator says so', since: condition.lastTransitionTime };
  const requests = covered.map((container) => evidence.trusted.get(keyOf(container) ?? ''));
  const named = requests.filter((request) => request !== undefined);
  if (named.length === covered.length)
    return { standing: 'Trusted', message: `by the status of ${[...new Set(named)].join(', ')}` };
  const isPending = covered.some(({ image }) => image.kind === 'pending');
  return { standing: 'NotFlagged', message: isPending ? 'an image is not pulled yet' : '' };
}

function keyOf({ image }: RunningContainer): string | undefined {
  return image.kind === 'resolved' ? imageKey(image.repository, image.digest) : undefined;
}

/** Also where a policy that is invalid claims it: nobody knows how that was meant. */
function isCovered({ image, reference }: RunningContainer, policies: PolicySet): boolean {
  const repository = image.kind === 'resolved' ? image.repository : repositoryOf(reference);
  // What names no repository may be anything.
  return repository === undefined || policies.select(repository) !== undefined;
}

/** How late a request's next verification may be, while the operator is at work. */
const LATE_MS = 5 * 60_000;

/**
 * Images that requests say are trusted, and which says it. One that is suspended, or whose time to verify again has long
 * passed, says nothing: nobody looks after it.
 */
export function trustedByRequests(requests: readonly ImageSignatureRequest[], now: Date): ReadonlyMap<string, string> {
  return new Map(
    requests.flatMap(({ metadata, spec, status }) =>
      (spec.suspend === true ? [] : (status?.images ?? [])).flatMap((image) => {
        const { reference, digest, verdict, nextVerificationTime = '' } = image;
        const repository = repositoryOf(reference);
        const isKept = Date.parse(nextVerificationTime) + LATE_MS > now.getTime();
        if (verdict !== 'Trusted' || digest === undefined || repository === undefined || !isKept) return [];
        return [[imageKey(repository, digest), `request ${metadata.namespace}/${metadata.name}`] as const];
      }),
    ),
  );
}

/** `registry/repository`; undefined for a text that names none, such as a bare id or a status that another wrote. */
export function repositoryOf(reference: string): string | undefined {
  try {
    return repositoryName(parseReference(reference));
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

/** Pods of one workload together. */
export interface WorkloadStanding extends PodStanding {
  readonly namespace: string;
  readonly workload: string;
  readonly pods: number;
  /** How many of them stand so; the others stand better. */
  readonly podsSo: number;
}

/** Sums up pods by workload: the worst of each counts. Worst first, then by name. */
export function byWorkload(pods: readonly (RunningPod & PodStanding)[]): readonly WorkloadStanding[] {
  const groups = Map.groupBy(pods, ({ namespace, workload }) => `${namespace}/${workload}`);
  return [...groups.values()]
    .flatMap((group): readonly WorkloadStanding[] => {
      const [worst] = group.toSorted((a, b) => rankOf(a.standing) - rankOf(b.standing));
      if (worst === undefined) return [];
      const same = group.filter(({ standing }) => standing === worst.standing);
      const { namespace, workload, standing, message } = worst;
      const since = same.flatMap((pod) => (pod.since === undefined ? [] : [pod.since])).toSorted()[0];
      const told = since === undefined ? {} : { since };
      return [{ ...{ namespace, workload, standing, message }, ...told, pods: group.length, podsSo: same.length }];
    })
    .toSorted(
      (a, b) =>
        rankOf(a.standing) - rankOf(b.standing) || compare(a.namespace, b.namespace) || compare(a.workload, b.workload),
    );
}

function rankOf(standing: Standing): number {
  return STANDINGS_WORST_FIRST.indexOf(standing);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
