import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VERDICTS_WORST_FIRST } from '../../../src/api/verdict.ts';
import { Metrics } from '../../../src/reporting/index.ts';
import { templateLabels, useOf } from '../../support/promql.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

/** A panel of Grafana, or a row of them. */
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
  readonly panels?: readonly Panel[];
}

const rules = (
  parse(read('config/prometheus/prometheus-rule.yaml')) as {
    readonly spec: { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
  }
).spec.groups.flatMap((group) => group.rules);

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
  readonly panels: readonly Panel[];
}
const dashboard = JSON.parse(read('config/grafana/sealwatch.json')) as Dashboard;
const panels = allPanels(dashboard.panels);

const metrics = new Metrics();
const labelsOf = new Map(
  metrics.defined.flatMap(({ name, type, labels = {} }) => {
    const series =
      type === 'histogram'
        ? ([
            [`${name}_bucket`, ['le']],
            [`${name}_sum`, []],
            [`${name}_count`, []],
          ] as const)
        : ([[name, []]] as const);
    return series.map(([each, more]) => [each, [...Object.keys(labels), ...more]] as const);
  }),
);
const defaults = new Set([...(await metrics.text()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
/** What Prometheus sets of each target. */
const OF_TARGET = ['job', 'instance'];
const VERDICTS = [...VERDICTS_WORST_FIRST, 'Pending'];

function allPanels(list: readonly Panel[]): readonly Panel[] {
  return list.flatMap((panel) => [panel, ...allPanels(panel.panels ?? [])]);
}

/** The labels of a series as it is scraped; undefined where the operator exports none of that name. */
function exportedLabels(name: string): readonly string[] | undefined {
  const labels = labelsOf.get(name);
  if (labels !== undefined) return [...labels, ...OF_TARGET];
  return defaults.has(name) && !name.startsWith('sealwatch_') ? OF_TARGET : undefined;
}

/** What an expression, and the texts beside it, name that the operator does not export. */
function unknownIn(expression: string, ...texts: readonly string[]): readonly string[] {
  const use = useOf(expression);
  const known = use.metrics.flatMap(({ name }) => exportedLabels(name) ?? []);
  const told = use.groupedBy.length === 0 ? known : use.groupedBy;
  return [
    ...(use.metrics.length === 0 ? ['no metric'] : []),
    ...use.metrics.flatMap(({ name, matchers }) => {
      const labels = exportedLabels(name);
      if (labels === undefined) return [name];
      return matchers.flatMap(({ label, value }) => [
        ...(labels.includes(label) ? [] : [`${name}{${label}}`]),
        ...(label === 'verdict' ? value.split('|').filter((each) => !VERDICTS.includes(each)) : []),
      ]);
    }),
    ...use.groupedBy.filter((label) => !known.includes(label)),
    ...texts.flatMap(templateLabels).filter((label) => !told.includes(label)),
  ];
}

describe('what is read out of an expression', () => {
  it.each([
    ['max(sealwatch_gone)', ['sealwatch_gone']],
    ['max(up)', ['up']],
    ['sum by (host) (rate(sealwatch_registry_requests_total[5m]))', ['host']],
    ['sealwatch_leader{pod="a"} == 1', ['sealwatch_leader{pod}']],
    ['sealwatch_flagged_container_info{verdict="Bad"}', ['Bad']],
    ['sealwatch_flagged_container_info{namespace=~"a", verdict=~"Revoked|Bed"}', ['Bed']],
    ['rate(sealwatch_verification_duration_seconds[5m])', ['sealwatch_verification_duration_seconds']],
    ['sum by (le) (sealwatch_verification_duration_seconds_bucket{job="a"})', []],
    ['sealwatch_queue_depth_bucket', ['sealwatch_queue_depth_bucket']],
    ['1 + 1', ['no metric']],
  ])('finds in %s that it names %j', (expression, unknown) => {
    expect(unknownIn(expression)).toEqual(unknown);
  });

  it('finds a label in a text that the expression leaves out', () => {
    const expression = 'max by (image) (sealwatch_flagged_container_info)';
    expect(unknownIn(expression, 'runs {{ $labels.image }} in {{ $labels.pod }}', '{{reason}}')).toEqual([
      'pod',
      'reason',
    ]);
  });
});

describe('the alerts', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s names what the operator exports', (_, rule) => {
    const { summary, description } = rule.annotations;
    expect(unknownIn(rule.expr, summary, description)).toEqual([]);
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s says how bad it is, and has a page', (name, rule) => {
    expect(rule.labels.severity).toMatch(/^(?:critical|warning)$/);
    expect(rule.annotations.runbook).toBe(`docs/runbooks/${name}.md`);
    const headings = read(rule.annotations.runbook).match(/^#+ .*$/gm);
    expect(headings).toEqual([`# ${name}`, '## Meaning', '## Impact', '## Look at', '## Do']);
  });

  it('have all the pages that there are', () => {
    const pages = readdirSync(join(ROOT, 'docs/runbooks')).map((page) => page.replace(/\.md$/, ''));
    expect(pages.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });
});

describe('the dashboard', () => {
  const charts = panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ title: panel.title, ...target })));

  it.each(charts)('$title names what the operator exports: $expr', ({ expr, legendFormat = '' }) => {
    expect(unknownIn(expr, legendFormat)).toEqual([]);
  });

  it('has a chart in each panel that is not a row, and lets one choose among namespaces that are told', () => {
    expect(charts.length).toBeGreaterThan(15);
    const queries = dashboard.templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : [query.query]));
    expect(queries).toHaveLength(1);
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(queries[0] ?? '') ?? [];
    expect(exportedLabels(metric)).toContain(label);
  });
});
