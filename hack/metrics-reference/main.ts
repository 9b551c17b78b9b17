import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metrics } from '../../src/reporting/index.ts';
import { metricsPage } from './page.ts';

const PAGE = join(import.meta.dirname, '../../docs/metrics.md');

/** Says whether docs/metrics.md is what the metrics' definitions give; writes it with --write. */
const page = metricsPage(new Metrics().defined);
if (process.argv.includes('--write')) writeFileSync(PAGE, page);
if (readFileSync(PAGE, 'utf8') !== page) {
  process.stderr.write('docs/metrics.md is out of date: run node hack/metrics-reference/main.ts --write\n');
  process.exitCode = 1;
}
