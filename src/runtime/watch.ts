import type { ResourceType } from '../api/group.ts';
import type { KubernetesObject, ObjectKey } from '../api/object.ts';
import type { OnChange, Reflector, WorkQueue } from '../kubernetes/index.ts';

/** Objects of one resource, whether it is watched in all namespaces or in several. */
export type Objects<T> = ReadonlyMap<ObjectKey, T>;

/** Starts a reflector. */
export type Watch = <T extends KubernetesObject>(
  type: ResourceType,
  options: {
    readonly namespace?: string;
    readonly project: (raw: KubernetesObject) => T;
    readonly onChange: OnChange<T>;
  },
) => Reflector<T>;

/** One map over all watched namespaces. */
export function watchNamespaces<T extends KubernetesObject>(
  options: { readonly watch: Watch; readonly names: readonly string[] },
  type: ResourceType,
  watch: { readonly project: (raw: KubernetesObject) => T; readonly onChange: OnChange<T> },
): Objects<T> {
  const { names } = options;
  if (names.length === 0) return options.watch(type, watch).store;
  if (names.length === 1) return options.watch(type, { ...watch, namespace: String(names[0]) }).store;
  const joined = new Map<ObjectKey, T>();
  for (const namespace of names) {
    options.watch<T>(type, {
      ...watch,
      namespace,
      onChange: (key, old, now) => {
        if (now === undefined) joined.delete(key);
        else joined.set(key, now);
        watch.onChange(key, old, now);
      },
    });
  }
  return joined;
}

/** Makes every object's key ready. */
export function queueAll(objects: ReadonlyMap<ObjectKey, unknown>, queue: WorkQueue): void {
  for (const key of objects.keys()) queue.add(key);
}
