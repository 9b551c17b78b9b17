import type { VerdictType } from '../../api/verdict.ts';
import type { RunningContainer } from '../../workloads/index.ts';
import type { Paint } from '../io.ts';
import { wrap } from '../table.ts';
import { renderTree, type TreeNode } from '../tree.ts';
import { signatureNode, type VerifyReport, verdictRows, verdictSign, verifyJson } from '../verify-report.ts';
import { printed } from '../words.ts';
import type { OperatorState } from './operator-state.ts';
import type { RunningPod } from './pods.ts';

/** A container, with the verdict on its image; none while it has no digest. */
export interface ContainerReport {
  readonly container: RunningContainer;
  readonly report?: VerifyReport;
}

/** An event about a pod that the operator wrote. */
export interface PodEvent {
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly at: string;
}

/** What `why` tells. */
export interface WhyReport {
  readonly cluster: string;
  readonly pod: RunningPod;
  readonly operator: OperatorState;
  readonly containers: readonly ContainerReport[];
  /** The worst. */
  readonly verdict: VerdictType;
  /** The newest last; a sentence where they could not be read. */
  readonly events: readonly PodEvent[] | string;
  readonly warnings: readonly string[];
}

const STATES = { running: 'it runs', stopped: 'it does not run', unknown: 'it is not known to run' } as const;
const LABEL = 9;

/** The report for people: what the operator has told, and a tree of container, image, signatures and checks. */
export function whyText(report: WhyReport, paint: Paint): string {
  const { pod, verdict, containers, events } = report;
  const newest = typeof events === 'string' ? undefined : events.at(-1);
  const row = (label: string, text: string): string => {
    const lines = wrap(printed(text), 120 - LABEL - 3);
    return lines.map((line, i) => `  ${paint('dim', (i === 0 ? label : '').padEnd(LABEL))} ${line}\n`).join('');
  };
  const event =
    newest === undefined
      ? typeof events === 'string'
        ? events
        : 'none about its images'
      : `${newest.reason} at ${newest.at}: ${newest.message}`;
  const owner = pod.workload.startsWith('Pod/') ? '' : ` of ${pod.workload}`;
  return [
    `${verdictSign(verdict, paint)} ${paint('bold', `pod ${pod.namespace}/${pod.name}`)}${owner}: ${verdict}, as verified now from here\n`,
    row('operator', `${STATES[report.operator.state]}: ${report.operator.message}`),
    row('told', toldWords(report)),
    row('event', event),
    ...differenceOf(report).map((sentence) => row('but', sentence)),
    '\n',
    renderTree({
      label: paint('dim', countOf(containers.length)),
      children: containers.map((one) => node(one, paint)),
    }),
  ].join('');
}

function countOf(containers: number): string {
  return `${containers} ${containers === 1 ? 'container' : 'containers'}`;
}

function toldWords({ pod: { condition } }: WhyReport): string {
  if (condition === undefined) return 'no condition sealwatch.dev/ImagesTrusted: the operator has not flagged it';
  const { status, reason, message, lastTransitionTime } = condition;
  return `sealwatch.dev/ImagesTrusted=${status}, ${reason}, since ${lastTransitionTime}: ${message}`;
}

/** Where what was told is not what was found: a sentence. */
function differenceOf({ pod: { condition }, verdict }: WhyReport): readonly string[] {
  const told = condition === undefined || condition.status === 'True' ? 'good' : condition.reason;
  const found = verdict === 'Trusted' || verdict === 'Uncovered' ? 'good' : verdict;
  if (told === found) return [];
  const what = told === 'good' ? 'the operator has flagged nothing' : `the operator has told ${told}`;
  return [
    `${what}, and it is ${verdict} from here: it may not have come to it yet, or see the registry with other credentials or from another network`,
  ];
}

function node({ container, report }: ContainerReport, paint: Paint): TreeNode {
  const { name, kind, reference, image } = container;
  const label = `${kind === 'container' ? 'container' : `${kind} container`} ${name}`;
  const fact = (key: string, text: string): TreeNode => ({
    label: `  ${paint('dim', key.padEnd(8))} ${printed(text)}`,
  });
  if (report === undefined) {
    const reason = image.kind === 'unverifiable' ? image.reason : 'the kubelet has not said which image it pulled';
    return {
      label: `${verdictSign('Unknown', paint)} ${paint('bold', label)}`,
      children: [fact('image', reference), fact('because', reason)],
    };
  }
  const { evaluation } = report;
  return {
    label: `${verdictSign(evaluation.verdict, paint)} ${paint('bold', label)}: ${evaluation.verdict}`,
    children: [
      fact('image', reference),
      fact('digest', report.digest ?? ''),
      // The report's own words may be painted.
      ...verdictRows(report, paint).map(([key, text]) => ({ label: `  ${paint('dim', key.padEnd(8))} ${text}` })),
      ...evaluation.signatures.map((signature) => signatureNode(signature, paint)),
    ],
  };
}

/** The report for programs: docs/cli.md documents it. */
export function whyJson(report: WhyReport): object {
  const { cluster, pod, operator, containers, verdict, events } = report;
  const { condition } = pod;
  return {
    cluster,
    namespace: pod.namespace,
    pod: pod.name,
    workload: pod.workload,
    verdict,
    operator: { state: operator.state, message: operator.message, leases: operator.leases },
    condition: condition ?? null,
    events: typeof events === 'string' ? null : events,
    containers: containers.map(({ container, report: one }) => ({
      name: container.name,
      kind: container.kind,
      image: container.reference,
      state: container.image.kind,
      verification: one === undefined ? null : verifyJson(one),
    })),
  };
}
