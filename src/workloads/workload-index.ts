import type { ObjectKey } from '../api/object.ts';
import { containersOf, type RunningContainer } from './containers.ts';
import type { ProjectedPod } from './pod.ts';

/** `registry/repository@digest`. */
type ImageKey = string;

const NONE: readonly RunningContainer[] = [];
/** Kept for one image at most: tags are cheap to make. */
const MAX_REFERENCES = 16;

/** Which pods run which image, both ways. */
export class WorkloadIndex {
  readonly #containers = new Map<ObjectKey, readonly RunningContainer[]>();
  readonly #pods = new Map<ImageKey, Set<ObjectKey>>();
  readonly #references = new Map<ImageKey, Set<string>>();

  /**
   * Takes a pod in, or out where it is undefined. Returns the images that it began or ceased to run, or runs under a
   * reference that no other pod had for it: an index may stand behind that one.
   */
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
      if (pods?.size === 0) {
        this.#pods.delete(image);
        this.#references.delete(image);
      }
    }
    for (const image of now) {
      const isNewReference = this.#addReferences(image, containers);
      if (before.has(image) && !isNewReference) continue;
      const pods = this.#pods.get(image);
      // An image that already runs elsewhere has its verdict: nothing to verify anew.
      if (pods === undefined || isNewReference) changed.push(image);
      this.#pods.set(image, (pods ?? new Set<ObjectKey>()).add(key));
    }
    return { changedImages: changed };
  }

  /** The namespace of a pod that runs an image, of the first one; empty where none does. */
  namespaceOf(image: ImageKey): string {
    const [pod = ''] = this.#pods.get(image) ?? [];
    return namespaceOfKey(pod);
  }

  podsOf(image: ImageKey): readonly ObjectKey[] {
    return [...(this.#pods.get(image) ?? [])];
  }

  /** What an image was asked for by, as pods' specs have it; of a great many references only the first. */
  referencesOf(image: ImageKey): Iterable<string> {
    return this.#references.get(image) ?? [];
  }

  containersOfPod(key: ObjectKey): readonly RunningContainer[] {
    return this.#containers.get(key) ?? NONE;
  }

  /** Every image that runs. */
  images(): IterableIterator<ImageKey> {
    return this.#pods.keys();
  }

  #addReferences(image: ImageKey, containers: readonly RunningContainer[]): boolean {
    const references = this.#references.get(image) ?? new Set();
    const sizeBefore = references.size;
    for (const container of containers) {
      if (references.size >= MAX_REFERENCES) break;
      if (keyOf(container) === image) references.add(container.reference);
    }
    this.#references.set(image, references);
    return references.size > sizeBefore;
  }
}

/** The namespace in an object's key; empty where it has none. */
export function namespaceOfKey(key: ObjectKey): string {
  return key.slice(0, Math.max(key.indexOf('/'), 0));
}

function imagesOf(containers: readonly RunningContainer[]): ReadonlySet<ImageKey> {
  return new Set(containers.map(keyOf).filter((key) => key !== undefined));
}

function keyOf({ image }: RunningContainer): ImageKey | undefined {
  return image.kind === 'resolved' ? `${image.repository}@${image.digest}` : undefined;
}
