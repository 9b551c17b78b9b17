export { Observation } from './observation.ts';
export { createRuntime, type Runtime, type RuntimeOptions } from './runtime.ts';
export { createServices, type Services } from './services.ts';
export { type WatchedResources, type WatchOptions, watchResources } from './watch.ts';
