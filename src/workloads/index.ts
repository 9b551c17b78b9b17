export { containersOf, type RunningContainer, type RunningImage } from './containers.ts';
export { type PodImagesCondition, type ProjectedContainer, type ProjectedPod, projectPod } from './pod.ts';
export { namespaceOfKey, WorkloadIndex } from './workload-index.ts';
