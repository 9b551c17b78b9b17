import { type KubernetesObject, keyOf, type ObjectKey } from '../api/object.ts';

/** Told of each difference; `old` absent: added, `now` absent: deleted. */
export type OnChange<T> = (key: ObjectKey, old: T | undefined, now: T | undefined) => void;

/** Told where `project` or `onChange` threw: the other objects go on. */
export type OnFault = (key: ObjectKey, error: unknown) => void;

/** Ten thousand objects told of in one turn of the event loop would hold up probes and timers. */
const MAX_TURN_MS = 10;

/** Cuts long work into turns of the event loop. */
class Turns {
  #began = performance.now();

  get isOver(): boolean {
    return performance.now() - this.#began > MAX_TURN_MS;
  }

  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#began = performance.now();
  }
}

/** The objects of a list that is still being read. */
export type Replacement<T> = Map<ObjectKey, T>;

/** The objects of one resource as last seen, and the differences that led there. */
export class ObjectIndex<T extends KubernetesObject> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #project: (raw: KubernetesObject) => T;
  readonly #onChange: OnChange<T>;
  readonly #onFault: OnFault;

  constructor(project: (raw: KubernetesObject) => T, onChange: OnChange<T>, onFault: OnFault) {
    this.#project = project;
    this.#onChange = onChange;
    this.#onFault = onFault;
  }

  get objects(): ReadonlyMap<ObjectKey, T> {
    return this.#objects;
  }

  /**
   * Adds one raw object of a list to a replacement that is being gathered.
   *
   * An object that is held in the same version is taken from the index, so that a relist costs no second copy.
   */
  gather(raw: KubernetesObject, into: Replacement<T>): void {
    const key = keyOf(raw);
    const held = this.#objects.get(key);
    const now = held !== undefined && sameVersion(held, raw) ? held : this.#projected(key, raw);
    if (now !== undefined) {
      into.set(key, now);
    }
  }

  /**
   * Takes a complete list: what it lacks is deleted, what differs is told. Other work has its turn between: whoever
   * replaces waits until it is done, and puts and removes nothing meanwhile.
   */
  async replace(list: Replacement<T>): Promise<void> {
    const turns = new Turns();
    for (const key of [...this.#objects.keys()]) {
      if (!list.has(key)) {
        this.#remove(key);
      }
      if (turns.isOver) await turns.next();
    }
    for (const [key, now] of list) {
      this.#put(key, now);
      if (turns.isOver) await turns.next();
    }
  }

  /** Takes an ADDED or MODIFIED object. */
  put(raw: KubernetesObject): void {
    const key = keyOf(raw);
    const held = this.#objects.get(key);
    const now = held !== undefined && sameVersion(held, raw) ? held : this.#projected(key, raw);
    if (now !== undefined) {
      this.#put(key, now);
    }
  }

  /** Takes a DELETED object. */
  remove(raw: KubernetesObject): void {
    this.#remove(keyOf(raw));
  }

  /** Where `project` throws, the object stays as it was last understood. */
  #projected(key: ObjectKey, raw: KubernetesObject): T | undefined {
    try {
      return this.#project(raw);
    } catch (error) {
      this.#onFault(key, error);
      return this.#objects.get(key);
    }
  }

  #tell(key: ObjectKey, old: T | undefined, now: T | undefined): void {
    try {
      this.#onChange(key, old, now);
    } catch (error) {
      this.#onFault(key, error);
    }
  }

  #put(key: ObjectKey, now: T): void {
    const old = this.#objects.get(key);
    if (old === now) {
      return;
    }
    // The same name with another UID is another object (faults.md 11).
    if (old !== undefined && old.metadata.uid !== now.metadata.uid) {
      this.#remove(key);
      this.#put(key, now);
      return;
    }
    this.#objects.set(key, now);
    this.#tell(key, old, now);
  }

  #remove(key: ObjectKey): void {
    const old = this.#objects.get(key);
    if (old !== undefined) {
      this.#objects.delete(key);
      this.#tell(key, old, undefined);
    }
  }
}

function sameVersion(held: KubernetesObject, raw: KubernetesObject): boolean {
  return held.metadata.uid === raw.metadata.uid && held.metadata.resourceVersion === raw.metadata.resourceVersion;
}
