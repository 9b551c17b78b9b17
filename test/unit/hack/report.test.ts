import { describe, expect, it } from 'vitest';
import { countsOf } from '../../../hack/test-parts/report.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});
const report = (numPassedTests: number, numFailedTests: number, ...testResults: object[]): string =>
  JSON.stringify({ numPassedTests, numFailedTests, testResults });

describe('the counts of a suite', () => {
  it.each([
    ['all passed', report(2, 0, file('passed', 'passed', 'passed')), 0, { passed: 2, failed: 0 }],
    ['one failed', report(1, 1, file('failed', 'passed', 'failed')), 1, { passed: 1, failed: 1 }],
    ['a file cannot be loaded', report(1, 0, file('passed', 'passed'), file('failed')), 1, { passed: 1, failed: 1 }],
    ['a hook after the tests fails', report(1, 0, file('failed', 'passed')), 1, { passed: 1, failed: 1 }],
    ['the run fails outside tests', report(1, 0, file('passed', 'passed')), 1, { passed: 1, failed: 1 }],
    ['the run ends without a report', undefined, 137, { passed: 0, failed: 1 }],
    ['nothing fits a filter', undefined, 0, { passed: 0, failed: 0 }],
  ])('when %s', (_, text, exitCode, counts) => {
    expect(countsOf(text, exitCode)).toEqual(counts);
  });
});
