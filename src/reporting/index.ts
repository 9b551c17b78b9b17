export { Metrics, type Observed, type PodReport } from './metrics.ts';
export { type PodConditionDecision, podCondition } from './pod-condition.ts';
export {
  containerSentence,
  type EventText,
  flagEvent,
  recoveryEvent,
  type VerdictedContainer,
} from './verdict-text.ts';
