export { type Standing, type WorldImage, worldImage } from './images.ts';
export { cpuSecondsOf, memoryOf } from './process-memory.ts';
export { startWorld, World, type WorldOptions } from './world.ts';
export { type Sample, sumOf, WorldOperator } from './world-operator.ts';
