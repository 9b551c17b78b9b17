import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FaultTest, faultRows, faultsNamedIn, faultsOf } from '../../../hack/test-parts/fault-list.ts';
import { faultTable, isListWhole } from '../../../hack/test-parts/fault-table.ts';

const PAGE = `
| #   | Fault             | What Sealwatch does |
| --- | ----------------- | ------------------- |
| 1   | a watch is cut    | resumes             |
| 12  | 409 on a write    | tries again         |
| 43  | OCSP is down      | \`Unknown\`           |
`;
const FAULTS = faultsOf(PAGE);
const test = (title: string, status = 'passed', recoveryMs?: number): FaultTest => ({ title, status, recoveryMs });

it('docs/faults.md has every fault, 1 to 52', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/faults.md'), 'utf8');
  expect(faultsOf(page).map(({ number }) => number)).toEqual(Array.from({ length: 52 }, (_, index) => index + 1));
});

it('the list is read out of its page', () => {
  expect(FAULTS).toEqual([
    { number: 1, title: 'a watch is cut' },
    { number: 12, title: '409 on a write' },
    { number: 43, title: 'OCSP is down' },
  ]);
});

describe('a title names', () => {
  it.each([
    ['1: a watch', [1]],
    ['2, 7: the bounds', [2, 7]],
    ['a suite > 12: a test', [12]],
    ['12: a suite > and its test', [12]],
    ['resumes (faults.md 1)', [1]],
    ['says nothing (notary.md A4; faults.md 21, 22)', [21, 22]],
    ['the leader (faults.md 17-20)', [17, 18, 19, 20]],
    ['a registry that answers 500: Unknown', []],
    ['at 12:30, port 127.0.0.1:43: nothing', []],
  ])('%s', (title, numbers) => {
    expect([...faultsNamedIn(title)]).toEqual(numbers);
  });
});

describe('a fault', () => {
  const rowOf = (tests: readonly FaultTest[], text = '', file = 'test/faults/a.test.ts') =>
    faultRows(FAULTS, tests, [{ file, text }])[0];

  it.each([
    ['of which every test passed', [test('1: a'), test('1: b')], 'passed', 2],
    ['of which one test failed', [test('1: a'), test('1: b', 'failed')], 'FAILED', 2],
    ['of which every test was left out', [test('1: a', 'skipped')], 'skipped', 0],
    ['of which no test ran', [test('12: a')], 'NO TEST', 0],
  ])('%s', (_, tests, result, count) => {
    expect(rowOf(tests)).toMatchObject({ result, tests: count });
  });

  it('has the longest of its recoveries', () => {
    expect(rowOf([test('1: a', 'passed', 30), test('1: b', 'passed', 70), test('1: c')])?.recoveryMs).toBe(70);
    expect(rowOf([test('1: a')])?.recoveryMs).toBeUndefined();
  });

  it('that a test names which did not run is not run, and one that another suite has is said so', () => {
    expect(rowOf([], "it('1: a', …")).toMatchObject({ result: 'not run', elsewhere: [] });
    const cited = "it('resumes (faults.md 1)', …";
    expect(rowOf([], cited, 'test/unit/a.test.ts')).toMatchObject({ result: 'not run', elsewhere: ['unit'] });
    expect(rowOf([], "it('1: a', …", 'test/unit/a.test.ts')).toMatchObject({ result: 'NO TEST' });
  });
});

it('the table has a line a fault, and its end says which have no test', () => {
  const rows = faultRows(FAULTS, [test('1: a', 'passed', 1_234), test('12: b', 'failed')], []);
  expect(faultTable(rows).split('\n')).toEqual([
    ' #  fault           result   recovery  tests  also in',
    ' 1  a watch is cut  passed      1.2 s      1',
    '12  409 on a write  FAILED                 1',
    '43  OCSP is down    NO TEST',
    '',
    '3 faults: 1 passed, 1 failed, 0 not run; no test names 43',
  ]);
  expect(isListWhole(rows)).toBe(false);
  expect(isListWhole(rows.slice(0, 2))).toBe(true);
});
