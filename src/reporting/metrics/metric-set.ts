import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What a label tells, and how many values it takes at most. */
export interface LabelInfo {
  readonly what: string;
  readonly values: number;
}

/** One metric as docs/metrics.md tells of it. */
export interface MetricInfo<L extends string = string> {
  /** Prometheus' practice: prefix, base unit, `_total` for counters. */
  readonly name: string;
  readonly help: string;
  readonly labels?: Readonly<Record<L, LabelInfo>>;
  /** How many label sets there are at most, where that is fewer than the labels' values give. */
  readonly maxSets?: number;
}

/** A metric that was defined, in the form of the reference. */
export interface DefinedMetric extends MetricInfo {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Lines of a scrape at most: of a histogram one for each bucket, the sum and the count. */
  readonly maxSeries: number;
}

/** Seconds: from a cached check to a verification that runs out of time. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

/** Texts of pods and registries may be long; a scrape must not be. */
export const MAX_LABEL_LENGTH = 512;

/** All metrics of the operator. Each is defined with its bound: what tenants choose must not fill memory or a scrape. */
export class MetricSet {
  readonly registry = new Registry();
  readonly #defined: DefinedMetric[] = [];

  /** In the order in which they were defined. */
  get defined(): readonly DefinedMetric[] {
    return this.#defined;
  }

  /** @param collect called at each scrape, for what is counted elsewhere */
  counter<L extends string>(info: MetricInfo<L>, collect?: (counter: Counter<L>) => void): Counter<L> {
    return new Counter({
      ...this.#common(info, 'counter', 1),
      ...(collect === undefined
        ? {}
        : {
            collect() {
              collect(this);
            },
          }),
    });
  }

  /** @param collect called at each scrape */
  gauge<L extends string>(info: MetricInfo<L>, collect?: (gauge: Gauge<L>) => void): Gauge<L> {
    return new Gauge({
      ...this.#common(info, 'gauge', 1),
      ...(collect === undefined
        ? {}
        : {
            collect() {
              collect(this);
            },
          }),
    });
  }

  /** Of seconds. */
  histogram<L extends string>(info: MetricInfo<L>): Histogram<L> {
    return new Histogram({ ...this.#common(info, 'histogram', BUCKETS.length + 3), buckets: BUCKETS });
  }

  #common<L extends string>(info: MetricInfo<L>, type: DefinedMetric['type'], linesPerSet: number) {
    const labels = (info.labels ?? {}) as Readonly<Record<L, LabelInfo>>;
    const labelNames = Object.keys(labels) as L[];
    const product = labelNames.reduce((sets, label) => sets * labels[label].values, 1);
    this.#defined.push({ ...info, type, maxSeries: (info.maxSets ?? product) * linesPerSet });
    return { name: info.name, help: info.help, labelNames, registers: [this.registry] };
  }
}

/** Makes a text that others chose fit for a label. */
export function labelText(text: string): string {
  return text.length <= MAX_LABEL_LENGTH ? text : `${text.slice(0, MAX_LABEL_LENGTH - 1)}…`;
}
