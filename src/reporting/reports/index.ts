export { type HeldReport, projectReport } from './held-report.ts';
export { contentDigest, PAGE_LIMITS, reportPages } from './pages.ts';
export {
  OMITTED_ANNOTATION,
  OPEN_REPORTS,
  POLICY_REPORTS,
  pageName,
  REPORT_LABELS,
  type ReportPage,
} from './report.ts';
export { type ReportedPod, reportResults } from './results.ts';
