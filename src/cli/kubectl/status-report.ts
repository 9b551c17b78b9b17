import type { Condition } from '../../api/conditions.ts';
import type { ImageSignatureRequest } from '../../api/image-signature-request.ts';
import type { TrustPolicy, VerdictCounts } from '../../api/trust-policy.ts';
import type { Paint, Style } from '../io.ts';
import { renderTable } from '../table.ts';
import { printed } from '../words.ts';
import { agoOf, type OperatorState } from './operator-state.ts';
import { inNamespace } from './options.ts';
import { STANDINGS_WORST_FIRST, type Standing, type WorkloadStanding } from './standing.ts';

/** What `status` tells. */
export interface StatusReport {
  readonly cluster: string;
  /** Absent: all. */
  readonly namespace: string | undefined;
  readonly operator: OperatorState;
  readonly workloads: readonly WorkloadStanding[];
  /** Pods by how they stand; absent keys are 0. */
  readonly counts: ReadonlyMap<Standing, number>;
  readonly policies: readonly TrustPolicy[];
  readonly requests: readonly ImageSignatureRequest[];
  readonly warnings: readonly string[];
  readonly now: Date;
}

const STATES = { running: 'running', stopped: 'NOT RUNNING', unknown: 'not known to run' } as const;
const STATE_STYLES = { running: 'green', stopped: 'red', unknown: 'yellow' } as const satisfies Record<string, Style>;

/** The colour of a verdict; undefined for any other text. */
export function verdictStyle(cell: string): Style | undefined {
  switch (cell as Standing | '') {
    case 'Trusted':
      return 'green';
    case 'Revoked':
    case 'Untrusted':
    case 'Unsigned':
    case 'Expired':
      return 'red';
    case 'Unknown':
      return 'yellow';
    case 'NotFlagged':
    case 'Uncovered':
      return 'dim';
    case '':
      return undefined;
  }
}

/** The report for people. */
export function statusText(report: StatusReport, paint: Paint): string {
  const { operator, workloads, counts, policies, requests, now } = report;
  const state = paint(STATE_STYLES[operator.state], STATES[operator.state]);
  const pods = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const told = STANDINGS_WORST_FIRST.filter((standing) => counts.has(standing)).map(
    (standing) => `${counts.get(standing)} ${standing}`,
  );
  const noun = pods === 1 ? 'pod runs' : 'pods run';
  const sum = `${pods} ${noun} ${inNamespace(report.namespace)}${pods === 0 ? '' : `: ${told.join(', ')}`}`;
  return [
    `${paint('dim', 'cluster ')}  ${printed(report.cluster)}\n`,
    `${paint('dim', 'operator')}  ${state}: ${printed(operator.message)}\n`,
    ...(operator.state === 'running' ? [] : [OLD]),
    '\n',
    ...(workloads.length === 0 ? [] : [workloadTable(workloads, now, paint), '\n']),
    `${paint('bold', sum)}\n`,
    ...(counts.has('NotFlagged') ? [NOT_FLAGGED] : []),
    ...(counts.has('Uncovered') ? [UNCOVERED] : []),
    ...(policies.length === 0 ? [NO_POLICY] : ['\n', policyTable(policies, paint), ALL_NAMESPACES]),
    ...(requests.length === 0 ? [] : ['\n', requestTable(requests, paint)]),
  ].join('');
}

const OLD = '          what is told below is as old as its last word\n';
const NOT_FLAGGED =
  'NotFlagged: the operator says nothing bad of it: it is trusted, not verified yet, or in a namespace not watched;\n' +
  '            kubectl sealwatch why POD verifies it now\n';
const UNCOVERED = 'Uncovered:  no TrustPolicy has a scope for its images: nobody checks them\n';
const ALL_NAMESPACES = 'counted by the operator, over every namespace that it watches\n';
const NO_POLICY = '\nthere is no TrustPolicy: nothing is checked\n';

function workloadTable(workloads: readonly WorkloadStanding[], now: Date, paint: Paint): string {
  return renderTable(
    [
      { head: 'NAMESPACE', max: 24 },
      { head: 'WORKLOAD', max: 40 },
      { head: 'PODS' },
      { head: 'VERDICT', style: verdictStyle },
      { head: 'SINCE' },
    ],
    workloads.map(({ namespace, workload, pods, podsSo, standing, since, message }) => ({
      cells: [
        namespace,
        workload,
        `${podsSo}/${pods}`,
        standing,
        since === undefined ? '' : agoOf(new Date(since), now),
      ],
      text: message,
    })),
    paint,
    'WHY',
  );
}

const COUNTS = ['trusted', 'revoked', 'expired', 'untrusted', 'unsigned', 'unknown'] as const;

function policyTable(policies: readonly TrustPolicy[], paint: Paint): string {
  return renderTable(
    [
      { head: 'TRUSTPOLICY', max: 36 },
      { head: 'READY' },
      { head: 'PODS' },
      { head: 'IMAGES' },
      ...COUNTS.map((verdict) => ({ head: verdict.toUpperCase() })),
    ],
    policies.map(({ metadata, status }) => {
      const ready = readyOf(status?.conditions);
      return {
        cells: [
          metadata.name,
          ready.status,
          numberOf(status?.pods?.total),
          numberOf(status?.images?.total),
          ...COUNTS.map((verdict) => numberOf(status?.images?.[verdict])),
        ],
        ...(ready.status === 'True' ? {} : { below: [ready.message] }),
      };
    }),
    paint,
  );
}

function requestTable(requests: readonly ImageSignatureRequest[], paint: Paint): string {
  return renderTable(
    [{ head: 'REQUEST', max: 64 }, { head: 'READY' }, { head: 'VERIFIED' }],
    requests.map(({ metadata, status }) => {
      const ready = readyOf(status?.conditions);
      return {
        cells: [`${metadata.namespace}/${metadata.name}`, ready.status, status?.summary?.verified ?? ''],
        ...(ready.status === 'True' ? {} : { below: [ready.message] }),
      };
    }),
    paint,
  );
}

function readyOf(conditions: readonly Condition[] = []): Pick<Condition, 'status' | 'message'> {
  return conditions.find(({ type }) => type === 'Ready') ?? { status: 'Unknown', message: 'it has no status yet' };
}

function numberOf(count: number | undefined): string {
  return count === undefined ? '-' : String(count);
}

/** The report for programs: docs/cli.md documents it. */
export function statusJson(report: StatusReport): object {
  const { cluster, namespace, operator, workloads, counts, policies, requests } = report;
  return {
    cluster,
    namespace: namespace ?? null,
    operator: { state: operator.state, message: operator.message, leases: operator.leases },
    pods: Object.fromEntries(STANDINGS_WORST_FIRST.map((standing) => [standing, counts.get(standing) ?? 0])),
    workloads: workloads.map(({ namespace, workload, pods, podsSo, standing, message, since }) => ({
      namespace,
      workload,
      verdict: standing,
      pods,
      podsWithVerdict: podsSo,
      since: since ?? null,
      message,
    })),
    policies: policies.map(({ metadata, status }) => ({
      name: metadata.name,
      ready: readyOf(status?.conditions).status,
      images: countsJson(status?.images),
      pods: countsJson(status?.pods),
    })),
    requests: requests.map(({ metadata, status }) => {
      const { status: ready, message } = readyOf(status?.conditions);
      const named = { namespace: metadata.namespace, name: metadata.name };
      return { ...named, ready, verified: status?.summary?.verified ?? null, message };
    }),
  };
}

function countsJson(counts: VerdictCounts | undefined): object | null {
  if (counts === undefined) return null;
  return Object.fromEntries((['total', ...COUNTS] as const).map((key) => [key, counts[key] ?? 0]));
}
