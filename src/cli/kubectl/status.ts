import { IMAGE_SIGNATURE_REQUESTS, TRUST_POLICIES } from '../../api/group.ts';
import type { ImageSignatureRequest } from '../../api/image-signature-request.ts';
import type { TrustPolicy } from '../../api/trust-policy.ts';
import { BAD_VERDICTS } from '../../api/verdict.ts';
import { createPolicySet } from '../../verification/index.ts';
import { invalidPolicies } from '../cluster.ts';
import { answered, listAll } from '../cluster-client.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { type Io, painter, warn, writeJson } from '../io.ts';
import { Progress } from '../progress.ts';
import { operatorState } from './operator-state.ts';
import { type NamespaceOptions, namespaceOf, withCluster } from './options.ts';
import { runningPods } from './pods.ts';
import { byWorkload, type Standing, standingOf, trustedByRequests } from './standing.ts';
import { type StatusReport, statusJson, statusText } from './status-report.ts';

export interface StatusOptions extends NamespaceOptions {
  /** `namespace/name`, or a name. */
  readonly lease: string;
}

/**
 * `kubectl sealwatch status`: what runs, by verdict, from the cluster's objects alone.
 * @returns 0 nothing bad is told, 1 something is, 2 something is Unknown
 */
export async function statusCommand(options: StatusOptions, io: Io): Promise<ExitCode> {
  const progress = new Progress(io.stderr);
  try {
    const report = await withCluster(options, io, async (cluster): Promise<StatusReport> => {
      progress.say('reads pods, policies and requests');
      const namespace = namespaceOf(options, cluster, 'current');
      const { client } = cluster;
      const [pods, policies, requests, operator] = await Promise.all([
        runningPods(cluster, namespace, io.signal),
        answered(listAll<TrustPolicy>(client, TRUST_POLICIES, io.signal)),
        answered(listAll<ImageSignatureRequest>(client, IMAGE_SIGNATURE_REQUESTS, io.signal, { namespace })),
        operatorState(cluster, options.lease, io),
      ]);
      const set = createPolicySet(policies);
      const evidence = {
        isRunning: operator.state === 'running',
        policies: set,
        trusted: trustedByRequests(requests, io.clock()),
      };
      const stands = pods.map((pod) => ({ ...pod, ...standingOf(pod, evidence) }));
      return {
        cluster: cluster.name,
        namespace,
        operator,
        workloads: byWorkload(stands),
        counts: countsOf(stands.map(({ standing }) => standing)),
        policies,
        requests,
        warnings: invalidPolicies(set),
        now: io.clock(),
      };
    });
    progress.done();
    for (const warning of report.warnings) warn(io, warning);
    if (options.output === 'json') writeJson(io, statusJson(report));
    else io.stdout.write(statusText(report, painter(io.stdout)));
    return exitCodeOf(report.counts);
  } finally {
    progress.done();
  }
}

function countsOf(standings: readonly Standing[]): ReadonlyMap<Standing, number> {
  return new Map([...Map.groupBy(standings, (standing) => standing)].map(([standing, all]) => [standing, all.length]));
}

function exitCodeOf(counts: ReadonlyMap<Standing, number>): ExitCode {
  const has = (standing: Standing): boolean => (counts.get(standing) ?? 0) > 0;
  if ([...BAD_VERDICTS].some((verdict) => verdict !== 'Unknown' && has(verdict))) return EXIT.notTrusted;
  return has('Unknown') ? EXIT.undetermined : EXIT.done;
}
