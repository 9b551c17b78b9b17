import type { ObjectKey } from '../api/object.ts';
import { containersOf, type RunningContainer } from './containers.ts';
import type { ProjectedPod } from './pod.ts';

/** `registry/repository@digest`. */
type ImageKey = string;

const NONE: readonly RunningContainer[] = [];

/** Which pods run which image, both ways. */
export class WorkloadIndex {
  readonly #containers = new Map<ObjectKey, readonly RunningContainer[]>();
  readonly #pods = new Map<ImageKey, Set<ObjectKey>>();

  /** Takes a pod in, or out where it is undefined. Returns the images that it began or ceased to run. */
  update(key: ObjectKey, pod: ProjectedPod | undefined): { readonly changedImages: readonly ImageKey[] } {
    const before = imagesOf(this.containersOfPod(key));
    const containers = pod === undefined ? NONE : containersOf(pod);
    if (containers.length === 0) this.#containers.delete(key);
    else this.#containers.set(key, containers);
    const now = imagesOf(containers);
    const changed: ImageKey[] = [];
    for (const image of before) {
      if (now.has(image)) continue;
      changed.push(image);
      const pods = this.#pods.get(image);
      pods?.delete(key);
      if (pods?.size === 0) this.#pods.delete(image);
    }
    for (const image of now) {
      if (before.has(image)) continue;
      const pods = this.#pods.get(image);
      // An image that already runs elsewhere has its verdict: nothing to verify anew.
      if (pods === undefined) changed.push(image);
      this.#pods.set(image, (pods ?? new Set<ObjectKey>()).add(key));
    }
    return { changedImages: changed };
  }

  podsOf(image: ImageKey): readonly ObjectKey[] {
    return [...(this.#pods.get(image) ?? [])];
  }

  containersOfPod(key: ObjectKey): readonly RunningContainer[] {
    return this.#containers.get(key) ?? NONE;
  }

  /** Every image that runs. */
  images(): IterableIterator<ImageKey> {
    return this.#pods.keys();
  }
}

function imagesOf(containers: readonly RunningContainer[]): ReadonlySet<ImageKey> {
  return new Set(
    containers.flatMap(({ image }) => (image.kind === 'resolved' ? [`${image.repository}@${image.digest}`] : [])),
  );
}
