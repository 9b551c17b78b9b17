import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { metricsPage } from '../../../hack/metrics-reference/page.ts';
import { type DefinedMetric, Metrics } from '../../../src/reporting/index.ts';

const ROOT = join(import.meta.dirname, '../../..');
const { defined } = new Metrics();

/** What Prometheus' practice has against a metric (prometheus.io/docs/practices/naming); promtool checks most of it. */
function faultsOf({ name, type, help, labels = {} }: DefinedMetric): string[] {
  const names = Object.keys(labels);
  return [
    ...(/^sealwatch_[a-z][a-z0-9_]*$/.test(name) && !name.includes('__') ? [] : ['expected sealwatch_ and snake_case']),
    ...(help.trim().length >= 5 ? [] : ['expected a help text']),
    ...(name.endsWith('_total') === (type === 'counter') ? [] : ['expected _total on counters alone']),
    ...(/_(?:milli|micro|nano)?seconds_|_(?:ms|millis\w*|minutes|hours|days|kb|mb|kib|mib|percent)(?:_|$)/.test(name)
      ? ['expected a base unit, at the end']
      : []),
    ...(/_(?:duration|age|lag|delay|wait|timestamp)(?:_|$)/.test(name) && !/_(?:seconds|max_seconds)$/.test(name)
      ? ['expected seconds at the end of what tells a time']
      : []),
    ...(type === 'histogram' && !name.endsWith('_seconds') ? ['expected seconds of a histogram'] : []),
    ...(/_(?:count|sum|bucket|gauge|counter|histogram)$/.test(name) ? ['expected no suffix that has a meaning'] : []),
    ...names
      .filter((label) => !/^[a-z][a-z_]*$/.test(label) || ['le', 'quantile', 'job', 'instance'].includes(label))
      .map((label) => `expected no label of the name ${label}`),
    ...names.filter((label) => name.includes(`_by_${label}`)).map((label) => `expected ${label} as a label alone`),
  ];
}

const metric = (name: string, rest: Partial<DefinedMetric> = {}): DefinedMetric => ({
  name,
  type: 'gauge',
  help: 'What it is',
  maxSeries: 1,
  ...rest,
});

describe('the metrics', () => {
  it.each(defined.map((each) => [each.name, each] as const))('%s is named as Prometheus advises', (_, each) => {
    expect(faultsOf(each)).toEqual([]);
  });

  it.each([
    metric('other_depth'),
    metric('sealwatch_depth', { help: '' }),
    metric('sealwatch_requests', { type: 'counter' }),
    metric('sealwatch_depth_total'),
    metric('sealwatch_wait_ms'),
    metric('sealwatch_wait'),
    metric('sealwatch_size', { type: 'histogram' }),
    metric('sealwatch_items_count'),
    metric('sealwatch_depth', { labels: { quantile: { what: '', values: 1 } } }),
  ])('$name of type $type, help "$help", would not be', (wrong) => {
    expect(faultsOf(wrong)).not.toEqual([]);
  });

  it('have a name each, a help text in the scrape, and a bound', async () => {
    const names = defined.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const text = await new Metrics().text();
    for (const { name, type, help } of defined)
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    // A Prometheus that is short of memory drops a target with more than 50,000 samples first.
    expect(defined.reduce((sum, { maxSeries }) => sum + maxSeries, 0)).toBeLessThan(50_000);
  });

  it('are told of in docs/metrics.md as they are defined', () => {
    const hint = 'run node hack/metrics-reference/main.ts --write';
    expect(readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8'), hint).toBe(metricsPage(defined));
  });

  it('are the only ones that the pages name', () => {
    const known = new Set(defined.map(({ name }) => name));
    const runbooks = readdirSync(join(ROOT, 'docs/runbooks')).map((page) => `docs/runbooks/${page}`);
    const pages = ['README.md', 'docs/operations.md', 'docs/design.md', 'docs/registries.md', 'docs/aws.md'];
    for (const page of [
      ...pages,
      ...runbooks,
      'config/grafana/sealwatch.json',
      'charts/sealwatch/templates/NOTES.txt',
    ]) {
      const named = readFileSync(join(ROOT, page), 'utf8').match(/\bsealwatch_[a-z_]+[a-z]\b/g) ?? [];
      expect([page, named.filter((name) => !known.has(name.replace(/_(?:bucket|sum|count)$/, '')))]).toEqual([
        page,
        [],
      ]);
    }
  });
});
