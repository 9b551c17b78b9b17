import type { ObjectKey, ObjectMeta } from '../../api/object.ts';
import { BAD_VERDICTS, CAUSE_REASONS, VERDICTS_WORST_FIRST } from '../../api/verdict.ts';
import type { VerdictedContainer } from '../verdict-text.ts';
import { labelText, type MetricSet } from './metric-set.ts';

/** Series of flagged containers at most; what is over is counted, so that alerts still see that there is more. */
const MAX_FLAGGED = 5_000;
const MAX_NAMESPACES = 1_000;
/** No namespace has such a name. */
const OTHER_NAMESPACES = '(other)';

export interface PodReport {
  readonly pod: ObjectMeta;
  readonly containers: readonly VerdictedContainer[];
  readonly owner?: { readonly kind: string; readonly name: string };
}

/** The metrics of what runs, read from the pods at each scrape. */
export class PodMetrics {
  readonly #pods = new Map<ObjectKey, PodReport>();

  constructor(set: MetricSet) {
    const verdicts = [...VERDICTS_WORST_FIRST, 'Pending'];
    set.gauge(
      {
        name: 'sealwatch_running_containers',
        help: 'Running containers by verdict',
        labels: {
          namespace: {
            what: `the ${MAX_NAMESPACES} namespaces with the most containers; the rest together are \`${OTHER_NAMESPACES}\``,
            values: MAX_NAMESPACES + 1,
          },
          verdict: { what: `${verdicts.join(', ')} (until there is a verdict)`, values: verdicts.length },
        },
      },
      (gauge) => {
        gauge.reset();
        for (const { namespace, counts } of this.#byNamespace())
          for (const [verdict, count] of counts) gauge.set({ namespace, verdict }, count);
      },
    );
    set.gauge(
      {
        name: 'sealwatch_flagged_container_info',
        help: '1 for each running container whose image is not trusted',
        labels: {
          namespace: { what: 'of the pod', values: MAX_FLAGGED },
          pod: { what: 'its name', values: MAX_FLAGGED },
          container: { what: 'its name', values: MAX_FLAGGED },
          workload_kind: { what: 'of what owns the pod; `Pod` where nothing does', values: MAX_FLAGGED },
          workload: { what: 'its name', values: MAX_FLAGGED },
          image: { what: 'as the pod names it, cut to 512 characters', values: MAX_FLAGGED },
          verdict: { what: [...BAD_VERDICTS].join(', '), values: BAD_VERDICTS.size },
          reason: { what: 'of the verdict', values: CAUSE_REASONS.length },
        },
        maxSets: MAX_FLAGGED,
      },
      (gauge) => {
        gauge.reset();
        let left = MAX_FLAGGED;
        for (const { pod, owner, container, verdict } of flaggedContainers(this.#pods.values())) {
          if (left <= 0) break;
          left -= 1;
          gauge.set(
            {
              namespace: pod.namespace ?? '',
              pod: pod.name,
              container: container.name,
              workload_kind: labelText(owner?.kind ?? 'Pod'),
              workload: labelText(owner?.name ?? pod.name),
              image: labelText(container.reference),
              verdict: verdict.verdict,
              reason: verdict.cause?.reason ?? '',
            },
            1,
          );
        }
      },
    );
    set.gauge(
      {
        name: 'sealwatch_flagged_containers_omitted',
        help: `Flagged containers beyond the ${MAX_FLAGGED} of sealwatch_flagged_container_info`,
      },
      (gauge) => {
        let flagged = 0;
        for (const _ of flaggedContainers(this.#pods.values())) flagged += 1;
        gauge.set(Math.max(0, flagged - MAX_FLAGGED));
      },
    );
  }

  setPod(key: ObjectKey, report: PodReport): void {
    this.#pods.set(key, report);
  }

  forgetPod(key: ObjectKey): void {
    this.#pods.delete(key);
  }

  forgetAll(): void {
    this.#pods.clear();
  }

  /** Counts first, labels once: setting a series costs ten times what counting does. */
  #byNamespace(): Iterable<{ readonly namespace: string; readonly counts: ReadonlyMap<string, number> }> {
    const namespaces = new Map<string, Map<string, number>>();
    for (const { pod, containers } of this.#pods.values()) {
      const namespace = pod.namespace ?? '';
      const counts = namespaces.get(namespace) ?? new Map<string, number>();
      namespaces.set(namespace, counts);
      for (const { verdict } of containers) add(counts, verdict?.verdict ?? 'Pending', 1);
    }
    const all = [...namespaces].map(([namespace, counts]) => ({ namespace, counts }));
    if (all.length <= MAX_NAMESPACES) return all;
    all.sort((a, b) => totalOf(b.counts) - totalOf(a.counts));
    const rest = new Map<string, number>();
    for (const { counts } of all.splice(MAX_NAMESPACES)) for (const [verdict, n] of counts) add(rest, verdict, n);
    return [...all, { namespace: OTHER_NAMESPACES, counts: rest }];
  }
}

function add(counts: Map<string, number>, key: string, n: number): void {
  counts.set(key, (counts.get(key) ?? 0) + n);
}

function totalOf(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}

type FlaggedContainer = Pick<PodReport, 'pod' | 'owner'> & Required<VerdictedContainer>;

function* flaggedContainers(pods: Iterable<PodReport>): Iterable<FlaggedContainer> {
  for (const { pod, owner, containers } of pods) {
    for (const { container, verdict } of containers) {
      if (verdict === undefined || !BAD_VERDICTS.has(verdict.verdict)) continue;
      yield { pod, container, verdict, ...(owner === undefined ? {} : { owner }) };
    }
  }
}
