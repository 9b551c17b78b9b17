import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../src/api/object.ts';
import { ObjectIndex, type Replacement } from '../../../src/kubernetes/object-index.ts';
import { configMap } from './wire-server.ts';

function create(options: { readonly refuse?: string; readonly throwFor?: string } = {}) {
  const changes: string[] = [];
  const faults: string[] = [];
  let projected = 0;
  const index = new ObjectIndex<KubernetesObject>(
    (raw) => {
      projected += 1;
      if (raw.metadata.resourceVersion === options.refuse) {
        throw new Error('cannot be projected');
      }
      return { metadata: raw.metadata };
    },
    (key, old, now) => {
      changes.push(`${key} ${old?.metadata.resourceVersion ?? '-'}>${now?.metadata.resourceVersion ?? '-'}`);
      if (key === options.throwFor) {
        throw new Error('a bug');
      }
    },
    (key) => faults.push(key),
  );
  const replace = (...objects: readonly KubernetesObject[]) => {
    const list: Replacement<KubernetesObject> = new Map();
    for (const object of objects) {
      index.gather(object, list);
    }
    index.replace(list);
  };
  return { index, changes, faults, replace, projected: () => projected };
}

describe('ObjectIndex', () => {
  it('tells only what differs, and projects nothing twice', () => {
    const { changes, replace, projected } = create();
    replace(configMap('a', '1'), configMap('b', '2'), configMap('c', '3'));
    replace(configMap('a', '1'), configMap('b', '9'), configMap('d', '4'));
    expect(changes.slice(3)).toEqual(['default/c 3>-', 'default/b 2>9', 'default/d ->4']);
    expect(projected()).toBe(5);
  });

  it('changes nothing while a list is being gathered', () => {
    const { index, changes, replace } = create();
    replace(configMap('a', '1'));
    index.gather(configMap('b', '2'), new Map());
    expect([...index.objects.keys()]).toEqual(['default/a']);
    expect(changes).toEqual(['default/a ->1']);
  });

  it('ignores an event of the version that it holds, and the deletion of what it does not hold', () => {
    const { index, changes } = create();
    index.put(configMap('a', '1'));
    index.put(configMap('a', '1'));
    index.remove(configMap('b', '2'));
    expect(changes).toEqual(['default/a ->1']);
  });

  it('keeps an object as it was when the new one cannot be projected', () => {
    const { index, changes, faults, replace } = create({ refuse: '7' });
    replace(configMap('a', '1'));
    index.put(configMap('a', '7'));
    replace(configMap('a', '7'));
    index.put(configMap('new', '7'));
    expect(changes).toEqual(['default/a ->1']);
    expect(faults).toEqual(['default/a', 'default/a', 'default/new']);
  });

  it('holds an object also when its handler throws (faults.md 10)', () => {
    const { index, faults, replace } = create({ throwFor: 'default/a' });
    replace(configMap('a', '1'), configMap('b', '1'));
    expect([...index.objects.keys()]).toEqual(['default/a', 'default/b']);
    expect(faults).toEqual(['default/a']);
  });
});
