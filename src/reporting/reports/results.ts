import type { ImageVerdict } from '../../api/image-verdict.ts';
import { VERDICTS_WORST_FIRST, type VerdictType } from '../../api/verdict.ts';
import { cutMessage } from '../../kubernetes/index.ts';
import type { VerdictedContainer } from '../verdict-text.ts';
import type { ReportedResource, ReportResult, ResultWord, Severity } from './report.ts';

/** Stands for the policy where no TrustPolicy gave the verdict: nobody's scope has the image, or it has no digest. */
const NO_POLICY = 'sealwatch';
/** A pod's spec may name an image by a text as long as the object itself. */
const MAX_PROPERTY = 512;

/** How each verdict is told. A fault of the infrastructure is `error`: it is no answer on the image. */
const WORDS: Readonly<Record<VerdictType, { readonly result: ResultWord; readonly severity: Severity }>> = {
  Revoked: { result: 'fail', severity: 'critical' },
  Untrusted: { result: 'fail', severity: 'high' },
  Unsigned: { result: 'fail', severity: 'high' },
  Expired: { result: 'fail', severity: 'medium' },
  Unknown: { result: 'error', severity: 'medium' },
  Uncovered: { result: 'skip', severity: 'info' },
  Trusted: { result: 'pass', severity: 'info' },
};

/** What one pod runs, and the workload that it is of: the pod itself where nothing owns it. */
export interface ReportedPod {
  readonly resource: ReportedResource;
  readonly containers: readonly VerdictedContainer[];
}

/**
 * The results of a namespace: one for each container image of a workload, however many pods it has; worst first, and in
 * the same order each time. A container without a verdict has none yet.
 */
export function reportResults(pods: Iterable<ReportedPod>): readonly ReportResult[] {
  const results = new Map<string, ReportResult>();
  for (const { resource, containers } of pods) {
    for (const { container, verdict } of containers) {
      if (verdict === undefined) continue;
      const digest = container.image.kind === 'resolved' ? container.image.digest : '';
      const key = JSON.stringify([
        resource.kind,
        resource.name,
        container.name,
        container.reference,
        digest,
        resource.uid,
      ]);
      if (!results.has(key)) results.set(key, resultOf(resource, container, digest, verdict));
    }
  }
  return [...results]
    .sort(([a, one], [b, other]) => rankOf(one) - rankOf(other) || (a < b ? -1 : 1))
    .map(([, result]) => result);
}

function resultOf(
  resource: ReportedResource,
  container: VerdictedContainer['container'],
  digest: string,
  verdict: ImageVerdict,
): ReportResult {
  const { statement, cause, expiresAt } = verdict;
  const slash = statement?.lastIndexOf('/') ?? -1;
  const since = cause?.since === undefined ? Number.NaN : Date.parse(cause.since);
  return {
    source: 'sealwatch',
    policy: statement === undefined ? NO_POLICY : statement.slice(0, slash),
    ...(statement === undefined ? {} : { rule: statement.slice(slash + 1) }),
    category: 'Image signatures',
    ...WORDS[verdict.verdict],
    scored: true,
    message: cutMessage(cause?.message ?? messageOf(verdict)),
    resources: [resource],
    properties: {
      verdict: verdict.verdict,
      container: container.name,
      image: cut(container.reference),
      ...(digest === '' ? {} : { digest }),
      ...(cause === undefined ? {} : { reason: cause.reason }),
      ...(cause?.revoked === undefined ? {} : { revoked: cut(cause.revoked.join(' ')) }),
      ...(verdict.lastKnown === undefined ? {} : { lastKnown: verdict.lastKnown.verdict }),
      ...(expiresAt === undefined ? {} : { expiresAt: `${expiresAt.toISOString().slice(0, 19)}Z` }),
    },
    ...(Number.isNaN(since) ? {} : { timestamp: { seconds: Math.floor(since / 1_000), nanos: 0 } }),
  };
}

function messageOf({ verdict, coveredBy }: ImageVerdict): string {
  if (verdict === 'Uncovered') return 'no TrustPolicy has the image in its scope';
  if (coveredBy !== undefined) return `the signature of the index ${coveredBy.digest}, which lists the image, passes`;
  return verdict === 'Trusted' ? 'a signature of the image passes' : `the image is ${verdict}`;
}

function rankOf({ properties }: ReportResult): number {
  return (VERDICTS_WORST_FIRST as readonly string[]).indexOf(properties['verdict'] ?? '');
}

function cut(text: string): string {
  return text.length <= MAX_PROPERTY ? text : `${text.slice(0, MAX_PROPERTY - 1).toWellFormed()}…`;
}
