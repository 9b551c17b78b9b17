export {
  createLogger,
  imageFields,
  type LoggedImage,
  type LoggedObject,
  setLogLevel,
} from './log.ts';
export { type CacheName, type DefinedMetric, Metrics, type Observed, type PodReport } from './metrics/index.ts';
export { type PodConditionDecision, podCondition } from './pod-condition.ts';
export {
  contentDigest,
  type HeldReport,
  OMITTED_ANNOTATION,
  OPEN_REPORTS,
  PAGE_LIMITS,
  POLICY_REPORTS,
  pageName,
  projectReport,
  REPORT_LABELS,
  type ReportedPod,
  type ReportPage,
  reportPages,
  reportResults,
} from './reports/index.ts';
export {
  containerSentence,
  type EventText,
  flagEvent,
  recoveryEvent,
  toldVerdict,
  type VerdictedContainer,
} from './verdict-text.ts';
