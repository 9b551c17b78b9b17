/** Tests that passed and failed. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** What is read of vitest's JSON report. */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title?: string;
      readonly ancestorTitles?: readonly string[];
      /** What test/support/recovered.ts puts there. */
      readonly meta?: { readonly recoveryMs?: number };
    }[];
  }[];
}

/**
 * Reads the JSON report of a vitest run.
 * A file that fails as a whole, say because it cannot be loaded, has no failed test: it counts as one, and so does a
 * run that failed in any other way, so that a failed run never says that none failed.
 */
export function countsOf(report: string | undefined, exitCode: number): Counts {
  const { passed, failed } = report === undefined ? { passed: 0, failed: 0 } : read(JSON.parse(report) as VitestReport);
  return { passed, failed: exitCode !== 0 && failed === 0 ? 1 : failed };
}

function read(report: VitestReport): Counts {
  const wholeFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + wholeFiles.length };
}
