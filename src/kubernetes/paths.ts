import type { ResourceType } from '../api/group.ts';
import { type ObjectKey, parseKey } from '../api/object.ts';

/**
 * Builds the path of a collection, all namespaces where none is given.
 *
 * Each part is escaped, so that a name from a tenant's object cannot lead to another path.
 */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root =
    type.group === '' ? `/api/${escaped(type.version)}` : `/apis/${escaped(type.group)}/${escaped(type.version)}`;
  const within = type.namespaced && namespace !== undefined ? `/namespaces/${escaped(namespace)}` : '';
  return `${root}${within}/${escaped(type.plural)}`;
}

/** Builds the path of one object, and of its subresource where one is given. */
export function objectPath(type: ResourceType, key: ObjectKey, subresource?: string): string {
  const { namespace, name } = parseKey(key);
  if (type.namespaced !== (namespace !== undefined)) {
    const expected = type.namespaced ? 'namespace/name' : 'name';
    throw new TypeError(`the key of a ${type.kind} must be "${expected}", found "${key}"`);
  }
  const tail = subresource === undefined ? '' : `/${escaped(subresource)}`;
  return `${collectionPath(type, namespace)}/${escaped(name)}${tail}`;
}

/** Appends the parameters that are set. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) {
      parameters.set(name, String(value));
    }
  }
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** encodeURIComponent leaves dots as they are, and "." or ".." alone would be resolved away by a URL parser. */
function escaped(part: string): string {
  if (part === '' || part === '.' || part === '..') {
    throw new TypeError(`"${part}" cannot be the name of a Kubernetes object`);
  }
  return encodeURIComponent(part);
}
