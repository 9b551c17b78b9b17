/** A line of docs/faults.md. */
export interface Fault {
  readonly number: number;
  readonly title: string;
}

/** A test that names faults, as it ran. */
export interface FaultTest {
  /** Its whole title, with those of the suites around it. */
  readonly title: string;
  readonly status: string;
  /** How long it took to recover, milliseconds; absent where the test measures none. */
  readonly recoveryMs?: number | undefined;
}

/** Where a test file names faults, whether or not it ran. */
export interface FaultMention {
  /** `test/unit/...`. */
  readonly file: string;
  readonly text: string;
}

export type FaultResult = 'passed' | 'FAILED' | 'skipped' | 'not run' | 'NO TEST';

export interface FaultRow extends Fault {
  readonly result: FaultResult;
  /** Tests that ran. */
  readonly tests: number;
  /** The longest recovery, milliseconds. */
  readonly recoveryMs: number | undefined;
  /** Other suites with tests of it: `unit, integration`. */
  readonly elsewhere: readonly string[];
}

const ROW = /^\| (\d+) +\| (.*?) +\|/;
/** `(faults.md 2)`, `(H4; faults.md 43, 44)`, `(faults.md 17-20)`. */
const CITED = /faults\.md (\d+(?:(?:, | and |-)\d+)*)/g;
/** `12: …`, `2, 7: …`: how tests of test/faults begin, or the suites around them; and so in their source. */
const PREFIXED = /(?:^| > )((?:\d{1,2}, )*\d{1,2}): /g;
const PREFIXED_IN_SOURCE = /['"`]((?:\d{1,2}, )*\d{1,2}): /g;

/** Reads the list out of docs/faults.md. */
export function faultsOf(markdown: string): readonly Fault[] {
  return markdown.split('\n').flatMap((line) => {
    const [, number, title] = ROW.exec(line) ?? [];
    return number === undefined || title === undefined ? [] : [{ number: Number(number), title }];
  });
}

/** The faults that a test's title names. @param title with those of the suites around it, joined by ` > ` */
export function faultsNamedIn(title: string): ReadonlySet<number> {
  return numbersOf(title, PREFIXED, CITED);
}

function numbersOf(text: string, ...patterns: readonly RegExp[]): ReadonlySet<number> {
  const lists = patterns.flatMap((pattern) => [...text.matchAll(pattern)]);
  return new Set(lists.flatMap(([, list = '']) => list.split(/, | and /).flatMap(range)));
}

function range(part: string): readonly number[] {
  const [from = 0, to = from] = part.split('-').map(Number);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Joins the list with what ran and with what stands in the test files. A title of no listed fault counts for none. */
export function faultRows(
  faults: readonly Fault[],
  ran: readonly FaultTest[],
  mentions: readonly FaultMention[],
): readonly FaultRow[] {
  return faults.map((fault) => {
    const tests = ran.filter(({ title }) => faultsNamedIn(title).has(fault.number));
    const suites = mentions
      .filter(({ file, text }) => namedIn(file, text).has(fault.number))
      .map(({ file }) => suiteOf(file));
    const recoveries = tests.flatMap(({ recoveryMs }) => (recoveryMs === undefined ? [] : [recoveryMs]));
    return {
      ...fault,
      result: resultOf(tests, suites.length > 0),
      tests: tests.filter(({ status }) => status === 'passed' || status === 'failed').length,
      recoveryMs: recoveries.length === 0 ? undefined : Math.max(...recoveries),
      elsewhere: [...new Set(suites.filter((suite) => suite !== 'faults'))].sort(),
    };
  });
}

function namedIn(file: string, text: string): ReadonlySet<number> {
  return suiteOf(file) === 'faults' ? numbersOf(text, PREFIXED_IN_SOURCE, CITED) : numbersOf(text, CITED);
}

function suiteOf(file: string): string {
  return file.split('/')[1] ?? '';
}

function resultOf(tests: readonly FaultTest[], isNamed: boolean): FaultResult {
  if (tests.some(({ status }) => status === 'failed')) return 'FAILED';
  if (tests.some(({ status }) => status === 'passed')) return 'passed';
  if (tests.length > 0) return 'skipped';
  return isNamed ? 'not run' : 'NO TEST';
}
