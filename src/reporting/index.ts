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
  containerSentence,
  type EventText,
  flagEvent,
  recoveryEvent,
  type VerdictedContainer,
} from './verdict-text.ts';
