import type { KubernetesObject } from '../api/object.ts';

/** What a person or another controller wrote counts; a status does not: our own writes come back through the watch. */
export function isWorthAReconcile(old: KubernetesObject, now: KubernetesObject): boolean {
  const [a, b] = [old.metadata, now.metadata];
  return (
    a.uid !== b.uid ||
    a.generation !== b.generation ||
    a.deletionTimestamp !== b.deletionTimestamp ||
    JSON.stringify(a.annotations ?? {}) !== JSON.stringify(b.annotations ?? {}) ||
    JSON.stringify(a.finalizers ?? []) !== JSON.stringify(b.finalizers ?? [])
  );
}

/** An object as it is kept: what only the API server needs of its metadata goes. */
export function withoutManagedFields(raw: KubernetesObject): KubernetesObject {
  return { ...raw, metadata: pickMetadata(raw.metadata, raw.metadata.annotations) };
}

/** Metadata alone that we read, with annotations only where they are given. */
export function pickMetadata(
  metadata: KubernetesObject['metadata'],
  annotations?: Readonly<Record<string, string>>,
): KubernetesObject['metadata'] {
  const {
    name,
    namespace,
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    deletionTimestamp,
    labels,
    finalizers,
  } = metadata;
  return {
    name,
    uid,
    resourceVersion,
    creationTimestamp,
    ...(namespace === undefined ? {} : { namespace }),
    ...(generation === undefined ? {} : { generation }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(labels === undefined ? {} : { labels }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
