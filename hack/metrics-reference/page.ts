import type { DefinedMetric } from '../../src/reporting/index.ts';

/** docs/metrics.md: every metric that the operator serves, as it is defined. */
export function metricsPage(metrics: readonly DefinedMetric[]): string {
  const total = metrics.reduce((sum, { maxSeries }) => sum + maxSeries, 0);
  const sections = metrics.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(sectionOf);
  return `# Metrics

The operator serves these at \`/metrics\`, in Prometheus' text form; \`node hack/metrics-reference/main.ts --write\` writes
this page from their definitions. Beside them stand \`process_*\` and \`nodejs_*\` of the client library.

Each is bounded, whatever tenants do: no more than ${total.toLocaleString('en')} lines in all. The bound of a metric is what
its labels' values give together, or less where it has a bound of its own; what is really there is far less. A histogram
counts a line for each of its buckets, its sum and its count.

${sections.join('\n\n')}
`;
}

function sectionOf({ name, type, help, labels = {}, maxSeries }: DefinedMetric): string {
  const lines = maxSeries === 1 ? '1 line' : `at most ${maxSeries.toLocaleString('en')} lines`;
  const rows = Object.entries(labels).map(
    ([label, { what, values }]) => `- \`${label}\`: ${what}; at most ${values.toLocaleString('en')}`,
  );
  return [`## ${name}`, `${sentence(help)} A ${type}, ${lines}.`, ...(rows.length === 0 ? [] : [rows.join('\n')])].join(
    '\n\n',
  );
}

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}
