import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');

/** Text files of the repository, new ones too. */
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((file) => /\.(?:ts|md|ya?ml|sh|go)$|^hack\/[a-z-]+$/.test(file) && existsSync(join(ROOT, file)))
  .map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));
const PAGES = new Map(
  FILES.filter(({ file }) => file.endsWith('.md')).map(({ file, text }) => [basename(file), text] as const),
);
const SELF = 'test/unit/docs/citations.test.ts';
const CITING = FILES.filter(({ file }) => file !== SELF);

/** Every match of a pattern in the repository that `holds` does not hold for, as `file: match`. */
function wrong(pattern: RegExp, holds: (match: RegExpMatchArray, file: string) => boolean): string[] {
  return CITING.flatMap(({ file, text }) =>
    [...text.matchAll(pattern)].filter((match) => !holds(match, file)).map((match) => `${file}: ${match[0]}`),
  );
}

describe('what the repository cites', () => {
  it('is a page of docs/ or of its top', () => {
    expect(wrong(/\b([A-Za-z-]+\.md)\b/g, ([, page = '']) => PAGES.has(page))).toEqual([]);
  });

  it('is a section of that page, where one is named', () => {
    const hasSection = ([, page = '', section = '']: RegExpMatchArray): boolean =>
      (PAGES.get(page) ?? '')
        .split('\n')
        .some((line) => line.endsWith(`# ${section}`) || line.includes(`**${section}**`));
    expect(wrong(/\b([a-z-]+\.md), "([^"]+)"/g, hasSection)).toEqual([]);
  });

  it('is a rule of docs/notary.md', () => {
    const notary = PAGES.get('notary.md') ?? '';
    const isRule = (rule: string): boolean => notary.includes(`**${rule}**`) || notary.includes(`\n## ${rule}. `);
    expect(
      wrong(/\bnotary\.md ([A-Z]\d{0,2}(?:(?:, | and )[A-Z]\d{0,2})*)\b/g, ([, rules = '']) =>
        rules.split(/, | and /).every(isRule),
      ),
    ).toEqual([]);
  });

  it('is a row of docs/faults.md', () => {
    const isRow = (number: string): boolean =>
      new RegExp(`^\\| ${number} +\\|`, 'm').test(PAGES.get('faults.md') ?? '');
    const numbersOf = (text: string): string[] =>
      text.split(/,\s*|\s+and\s+/).flatMap((part) => {
        const [from = 0, to = from] = part.split('-').map(Number);
        return Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
      });
    expect(
      wrong(/\bfaults\.md (\d+(?:-\d+)?(?:(?:,\s+|\s+and\s+)\d+(?:-\d+)?)*)/g, ([, numbers = '']) =>
        numbersOf(numbers).every(isRow),
      ),
    ).toEqual([]);
  });
});

describe('the pages', () => {
  it('link to files that are there, and to headings that are there', () => {
    const anchorsOf = (text: string): string[] =>
      [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replace(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      );
    const dangling = FILES.filter(({ file }) => file.endsWith('.md')).flatMap(({ file, text }) =>
      [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g)]
        .filter(([, path = '', anchor]) => {
          const target = path === '' ? file : join(dirname(file), path);
          if (!existsSync(join(ROOT, target))) return true;
          return anchor !== undefined && !anchorsOf(readFileSync(join(ROOT, target), 'utf8')).includes(anchor);
        })
        .map(([link]) => `${file}: ${link}`),
    );
    expect(dangling).toEqual([]);
  });

  it('give the reason for every dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    const named = new Set(
      [...(PAGES.get('dependencies.md') ?? '').matchAll(/^\| ([^|]+?) +\|/gm)].flatMap(([, names = '']) =>
        names.split(', '),
      ),
    );
    const missing = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !named.has(name));
    expect(missing).toEqual([]);
  });
});
