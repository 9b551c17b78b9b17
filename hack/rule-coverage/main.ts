import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { coverageOf, coveragePage, type ListedTest } from './page.ts';
import { rulesOf } from './rules.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/rule-coverage.md');

const tests = listTests();
const coverage = coverageOf(rulesOf(readFileSync(join(ROOT, 'docs/notary.md'), 'utf8')), tests);
const page = coveragePage(coverage);
const bare = coverage.filter(({ files }) => files.size === 0).map(({ rule }) => rule.id);

if (process.argv.includes('--write')) writeFileSync(PAGE, page);
const isStale = read(PAGE) !== page;
if (bare.length > 0) process.stderr.write(`no test names these rules of docs/notary.md: ${bare.join(', ')}\n`);
if (isStale) {
  process.stderr.write('docs/rule-coverage.md is out of date: run npm run rules -- --write\n');
}
if (bare.length === 0 && !isStale) {
  process.stdout.write(`${coverage.length} rules, each with a test; ${tests.length} tests read\n`);
}
process.exitCode = bare.length > 0 || isStale ? 1 : 0;

/** All tests of all suites under their whole titles, tables included: so the test files are loaded, and nothing is run. */
function listTests(): readonly ListedTest[] {
  const folder = mkdtempSync(join(tmpdir(), 'sealwatch-rules-'));
  try {
    const file = join(folder, 'tests.json');
    // One process for all files: nothing that they do while they are loaded disturbs another.
    const parameters = ['list', '--no-static-parse', '--no-isolate', `--json=${file}`];
    const { status, error } = spawnSync('vitest', parameters, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`vitest list ended with ${status}`);
    const listed = JSON.parse(readFileSync(file, 'utf8')) as readonly ListedTest[];
    return listed.map((test) => ({ name: test.name, file: relative(ROOT, test.file) }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not written yet.
    return undefined;
  }
}
