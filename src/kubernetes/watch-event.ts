import type { KubernetesObject } from '../api/object.ts';
import type { StatusBody } from './api-error.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubernetesObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }
  | { readonly type: 'ERROR'; readonly status: StatusBody };

/** Reads one line of a watch stream; undefined where it is none that the API defines (faults.md 9). */
export function parseWatchEvent(line: string): WatchEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !isRecord(value['object'])) {
    return undefined;
  }
  const object = value['object'];
  switch (value['type']) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return isKubernetesObject(object) ? { type: value['type'], object } : undefined;
    case 'BOOKMARK': {
      const metadata = object['metadata'];
      const resourceVersion = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
      return isText(resourceVersion) ? { type: 'BOOKMARK', resourceVersion } : undefined;
    }
    case 'ERROR':
      return { type: 'ERROR', status: object };
    default:
      return undefined;
  }
}

/** Says whether a value has the metadata that an index needs: name, uid and resourceVersion. */
export function isKubernetesObject(value: unknown): value is KubernetesObject {
  if (!isRecord(value) || !isRecord(value['metadata'])) {
    return false;
  }
  const { name, uid, resourceVersion, namespace } = value['metadata'];
  return isText(name) && isText(uid) && isText(resourceVersion) && (namespace === undefined || isText(namespace));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
