/** A value of JSON. An undefined property counts as absent. */
type Json = unknown;

/** Compares two values as JSON has them: the order of keys does not matter, that of arrays does. */
export function jsonEquals(a: Json, b: Json): boolean {
  if (Object.is(a, b)) {
    return true;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => jsonEquals(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) {
    return false;
  }
  const keys = new Set([...definedKeys(a), ...definedKeys(b)]);
  return [...keys].every((key) => jsonEquals(a[key], b[key]));
}

/** One text for all values that `jsonEquals` holds equal. */
export function canonicalJson(value: Json): string {
  return (
    JSON.stringify(value, (_key, each: Json) =>
      isObject(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each,
    ) ?? ''
  );
}

/**
 * Gives the JSON merge patch (RFC 7396) that leads from one value to another, or undefined where they are equal.
 * Keys that go are null; arrays are replaced whole.
 */
export function mergePatch(from: Json, to: Json): Json {
  if (jsonEquals(from, to)) {
    return undefined;
  }
  if (!isObject(from) || !isObject(to)) {
    return to;
  }
  const patch: Record<string, Json> = {};
  for (const key of definedKeys(to)) {
    const change = mergePatch(from[key], to[key]);
    if (change !== undefined) {
      patch[key] = change;
    }
  }
  for (const key of definedKeys(from)) {
    if (to[key] === undefined) {
      patch[key] = null;
    }
  }
  return patch;
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function definedKeys(value: Record<string, Json>): string[] {
  return Object.keys(value).filter((key) => value[key] !== undefined);
}
