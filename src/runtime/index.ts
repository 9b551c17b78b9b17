export { Observation } from './observation.ts';
export { createRuntime, type Runtime, type RuntimeOptions } from './runtime.ts';
