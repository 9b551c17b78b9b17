import { PODS, TRUST_POLICIES } from '../../api/group.ts';
import type { KubernetesObject } from '../../api/object.ts';
import type { TrustPolicy } from '../../api/trust-policy.ts';
import { VERDICTS_WORST_FIRST, type VerdictType } from '../../api/verdict.ts';
import { ApiError } from '../../kubernetes/index.ts';
import { createPolicySet, type ImageEvaluation, imageKey, type PolicySet } from '../../verification/index.ts';
import type { RunningContainer } from '../../workloads/index.ts';
import { clusterStores, invalidPolicies, originOf } from '../cluster.ts';
import { answered, type Cluster, listAll } from '../cluster-client.ts';
import { type ExitCode, UndeterminedError, UsageError } from '../failure.ts';
import { type Io, painter, warn, writeJson } from '../io.ts';
import { Progress } from '../progress.ts';
import { exitCodeOf, type VerifyReport } from '../verify-report.ts';
import { createImageCheck } from './image-check.ts';
import { operatorState } from './operator-state.ts';
import { type CheckOptions, namespaceOf, withCluster } from './options.ts';
import { viewOf } from './pods.ts';
import type { StatusOptions } from './status.ts';
import { type ContainerReport, type PodEvent, type WhyReport, whyJson, whyText } from './why-report.ts';

export interface WhyOptions extends StatusOptions, CheckOptions {}

interface RawEvent extends KubernetesObject {
  readonly reason?: string;
  readonly message?: string;
  readonly note?: string;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string } | null;
}

const EVENTS = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
/** What the operator's reasons begin with: ImageRevoked, ImageTrusted, … */
const EVENT_REASON = /^Image(?:Trusted|Expired|Revoked|Untrusted|Unsigned|Unknown)$/;

/**
 * `kubectl sealwatch why POD`: the verdict on each image of a pod, made now and from here, beside what the operator told.
 * @returns by the worst verdict: 0 trusted, 1 not, 2 could not be determined
 */
export async function whyCommand(text: string, options: WhyOptions, io: Io): Promise<ExitCode> {
  const name = text.replace(/^pods?\//, '');
  if (name === '' || name.includes('/'))
    throw new UsageError(`POD: expected the name of a pod, such as web-0; found ${JSON.stringify(text.slice(0, 100))}`);
  if (options.allNamespaces === true) throw new UsageError('--all-namespaces: a pod is in one: give --namespace');
  const progress = new Progress(io.stderr);
  try {
    const report = await withCluster(options, io, async (cluster): Promise<WhyReport> => {
      progress.say('reads the pod and the policies');
      const { client } = cluster;
      const namespace = namespaceOf(options, cluster, 'current') ?? cluster.namespace;
      const object = await readPod(cluster, namespace, name, io.signal);
      const pod = viewOf(object);
      if (pod.containers.length === 0)
        throw new UndeterminedError('NothingRuns', `pod ${namespace}/${name} has ended: it runs nothing`);
      const [policies, events, operator] = await Promise.all([
        answered(listAll<TrustPolicy>(client, TRUST_POLICIES, io.signal)),
        readEvents(cluster, object, io.signal),
        operatorState(cluster, options.lease, io),
      ]);
      const set = createPolicySet(policies);
      const check = await createImageCheck(options, { stores: clusterStores(client, io.signal), io, progress });
      try {
        const images = pod.containers.flatMap(({ image, reference }) =>
          image.kind === 'resolved' ? [{ key: imageKey(image.repository, image.digest), references: [reference] }] : [],
        );
        const evaluations = await check.verify(images, set);
        const byKey = new Map(images.map(({ key }, i) => [key, evaluations[i]]));
        const reports = pod.containers.map((container) =>
          containerReport(container, byKey, set, originOf(cluster.name)),
        );
        return {
          ...{ cluster: cluster.name, pod, operator, containers: reports, verdict: worstOf(reports) },
          ...{ events, warnings: [...invalidPolicies(set), ...check.missingStores()] },
        };
      } finally {
        await check.close();
      }
    });
    progress.done();
    for (const warning of report.warnings) warn(io, warning);
    if (options.output === 'json') writeJson(io, whyJson(report));
    else io.stdout.write(whyText(report, painter(io.stdout)));
    return exitCodeOf(report.verdict);
  } finally {
    progress.done();
  }
}

async function readPod(
  { client }: Cluster,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<KubernetesObject> {
  try {
    return await client.get(PODS, `${namespace}/${name}`, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404)
      throw new UndeterminedError(
        'ClusterNotFound',
        `there is no pod ${name} in namespace ${namespace}: give --namespace`,
        {
          cause: error,
        },
      );
    return answered(Promise.reject(error));
  }
}

/** What the operator told of a pod in events, the newest last; a sentence where they may not be read. */
async function readEvents(
  { client }: Cluster,
  { metadata }: KubernetesObject,
  signal: AbortSignal,
): Promise<readonly PodEvent[] | string> {
  const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${metadata.name}`;
  try {
    const events = await listAll<RawEvent>(client, EVENTS, signal, { namespace: metadata.namespace, fieldSelector });
    return events
      .filter(({ reason = '' }) => EVENT_REASON.test(reason))
      .map(({ reason = '', message = '', series, lastTimestamp, eventTime, metadata: { creationTimestamp } }) => ({
        reason,
        message,
        at: series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? creationTimestamp,
      }))
      .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return 'you may not list events';
    return answered(Promise.reject(error));
  }
}

function containerReport(
  container: RunningContainer,
  evaluations: ReadonlyMap<string, ImageEvaluation | undefined>,
  policies: PolicySet,
  origin: string,
): ContainerReport {
  const { image, reference } = container;
  if (image.kind !== 'resolved') return { container };
  const evaluation = evaluations.get(imageKey(image.repository, image.digest));
  if (evaluation === undefined) return { container };
  const selected = policies.select(image.repository);
  const name = imageKey(image.repository, image.digest);
  const statement = selected?.kind === 'statement' ? { statement: selected.statement } : {};
  const report: VerifyReport = {
    reference,
    name,
    digest: image.digest,
    evaluation,
    ...statement,
    origin,
    warnings: [],
  };
  return { container, report };
}

/** A container whose image has no digest is Unknown; one that is not pulled yet runs nothing. */
function worstOf(containers: readonly ContainerReport[]): VerdictType {
  const verdicts = containers.flatMap(({ container, report }): readonly VerdictType[] => {
    if (container.image.kind === 'pending') return [];
    return [report?.evaluation.verdict ?? 'Unknown'];
  });
  // Of a pod that runs nothing yet, nothing is known.
  return VERDICTS_WORST_FIRST.find((verdict) => verdicts.includes(verdict)) ?? 'Unknown';
}
