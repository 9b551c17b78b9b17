import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, jsonEquals, mergePatch } from '../../../src/kubernetes/merge-patch.ts';

/** RFC 7396 §2, as written there. */
function apply(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    return patch;
  }
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      delete result[key];
    } else {
      result[key] = apply(result[key], value);
    }
  }
  return result;
}

/** JSON without null: in a Kubernetes status a null is an absent key, and a merge patch cannot say it. */
const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ maxLength: 3 }),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value')),
  ),
}));
const status = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), json);

describe('mergePatch', () => {
  it('leads from any status to any other (RFC 7396)', () => {
    fc.assert(
      fc.property(status, status, (from, to) => {
        expect(apply(from, mergePatch(from, to) ?? {})).toEqual(to);
      }),
    );
  });

  it('is undefined for what is equal, whatever the order of keys', () => {
    expect(mergePatch({ a: 1, b: { c: [1], d: undefined } }, { b: { c: [1] }, a: 1 })).toBeUndefined();
  });

  it('names only what differs, with null for what goes', () => {
    const from = { kept: { x: 1 }, gone: 1, list: [1, 2], deep: { a: 1, b: 2 } };
    const to = { kept: { x: 1 }, list: [2, 1], deep: { a: 1, b: 3 } };
    expect(mergePatch(from, to)).toEqual({ gone: null, list: [2, 1], deep: { b: 3 } });
  });
});

describe('jsonEquals', () => {
  it.each([
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{ a: 1 }, { a: 1, b: null }, false],
    [[1, 2], [2, 1], false],
    [[], {}, false],
    [null, {}, false],
    [undefined, undefined, true],
    ['1', 1, false],
  ])('%j and %j: %s', (a, b, equal) => {
    expect(jsonEquals(a, b)).toBe(equal);
    expect(jsonEquals(b, a)).toBe(equal);
  });
});

describe('canonicalJson', () => {
  it('is one text for equal values, and another for others', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(canonicalJson(a) === canonicalJson(b)).toBe(jsonEquals(a, b));
      }),
    );
    expect(canonicalJson({ b: 1, a: { d: undefined, c: [1] } })).toBe('{"a":{"c":[1]},"b":1}');
  });
});
