import { type Rule, rulesNamedIn } from './rules.ts';

/** A test, as vitest lists it. */
export interface ListedTest {
  /** With the names of the groups that it stands in. */
  readonly name: string;
  /** Relative to the repository. */
  readonly file: string;
}

/** A rule, and the tests that name it, by file. */
export interface Coverage {
  readonly rule: Rule;
  readonly files: ReadonlyMap<string, readonly string[]>;
}

const SHOWN = 2;
const MAX_TITLE = 160;

/** Which tests cover which rules, by the rules that their titles name. A letter covers its section only. */
export function coverageOf(rules: readonly Rule[], tests: readonly ListedTest[]): readonly Coverage[] {
  const named = tests.map((test) => ({ ...test, rules: rulesNamedIn(test.name) }));
  return rules.map((rule) => {
    const files = new Map<string, string[]>();
    for (const { name, file, rules: found } of named) {
      if (found.has(rule.id)) files.set(file, [...(files.get(file) ?? []), name]);
    }
    return { rule, files: new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1))) };
  });
}

/** docs/rule-coverage.md, whole. */
export function coveragePage(coverage: readonly Coverage[]): string {
  const total = ({ files }: Coverage): number => [...files.values()].reduce((sum, titles) => sum + titles.length, 0);
  const rows = coverage.map(
    (each) => `| [${each.rule.id}](#${each.rule.id.toLowerCase()}) | ${total(each)} | ${each.files.size} |`,
  );
  return `# Which tests cover which rule

Written by \`npm run rules -- --write\` from the titles of all tests, which name the rules of
[notary.md](notary.md) that they cover. \`./hack/test rules\` fails when a rule has no test, or this page is out of date.

| Rule | Tests | Files |
| --- | --- | --- |
${rows.join('\n')}
${coverage.map(sectionOf).join('')}`;
}

function sectionOf({ rule, files }: Coverage): string {
  const lines = [...files].map(([file, titles]) => {
    const shown = titles.slice(0, SHOWN).map((title) => `  - ${cut(title)}`);
    return [`- \`${file}\`: ${titles.length}${titles.length > SHOWN ? ', such as' : ''}`, ...shown].join('\n');
  });
  return `\n## ${rule.id}\n\n${rule.text}\n\n${lines.join('\n')}\n`;
}

function cut(title: string): string {
  const short = title.trim().length > MAX_TITLE ? `${title.slice(0, MAX_TITLE)}…` : title.trim();
  // What Markdown would take for its own.
  return short.replace(/[\\`*_<>[\]]/g, '\\$&');
}
