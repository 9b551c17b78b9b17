import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FaultTest, faultRows, faultsOf } from './fault-list.ts';
import { faultTable, isListWhole } from './fault-table.ts';
import type { VitestReport } from './report.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The fault list with what a run of its suite brought, and whether every fault has a test. */
export function faultListAfter(report: string): { readonly table: string; readonly isWhole: boolean } {
  const faults = faultsOf(readFileSync(join(ROOT, 'docs/faults.md'), 'utf8'));
  const rows = faultRows(faults, testsOf(JSON.parse(report) as VitestReport), testFiles());
  return { table: faultTable(rows), isWhole: isListWhole(rows) };
}

function testsOf({ testResults }: VitestReport): readonly FaultTest[] {
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status, meta }) => ({
      title: [...(ancestorTitles ?? []), title ?? ''].join(' > '),
      status,
      recoveryMs: meta?.recoveryMs,
    })),
  );
}

/** Names in tables and templates are read as they stand in the source. */
function testFiles(): readonly { readonly file: string; readonly text: string }[] {
  return readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => ({ file: `test/${file}`, text: readFileSync(join(ROOT, 'test', file), 'utf8') }));
}
