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
    return index.replace(list);
  };
  return { index, changes, faults, replace, projected: () => projected };
}

describe('ObjectIndex', () => {
  it('tells only what differs, and projects nothing twice', async () => {
    const { changes, replace, projected } = create();
    await replace(configMap('a', '1'), configMap('b', '2'), configMap('c', '3'));
    await replace(configMap('a', '1'), configMap('b', '9'), configMap('d', '4'));
    expect(changes.slice(3)).toEqual(['default/c 3>-', 'default/b 2>9', 'default/d ->4']);
    expect(projected()).toBe(5);
  });

  it('changes nothing while a list is being gathered', async () => {
    const { index, changes, replace } = create();
    await replace(configMap('a', '1'));
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

  it('keeps an object as it was when the new one cannot be projected', async () => {
    const { index, changes, faults, replace } = create({ refuse: '7' });
    await replace(configMap('a', '1'));
    index.put(configMap('a', '7'));
    await replace(configMap('a', '7'));
    index.put(configMap('new', '7'));
    expect(changes).toEqual(['default/a ->1']);
    expect(faults).toEqual(['default/a', 'default/a', 'default/new']);
  });

  it('holds an object also when its handler throws (faults.md 10)', async () => {
    const { index, faults, replace } = create({ throwFor: 'default/a' });
    await replace(configMap('a', '1'), configMap('b', '1'));
    expect([...index.objects.keys()]).toEqual(['default/a', 'default/b']);
    expect(faults).toEqual(['default/a']);
  });

  it('lets other work have its turn while a long list is told of', async () => {
    let turns = 0;
    let told = 0;
    const index = new ObjectIndex<KubernetesObject>(
      (raw) => ({ metadata: raw.metadata }),
      () => {
        told += 1;
        const began = performance.now();
        while (performance.now() - began < 1);
      },
      () => undefined,
    );
    const list: Replacement<KubernetesObject> = new Map();
    for (let i = 0; i < 100; i += 1) index.gather(configMap(`o${i}`, '1'), list);
    const count = (): void => {
      turns += 1;
      if (told < 100) setImmediate(count);
    };
    setImmediate(count);
    await index.replace(list);
    expect(told).toBe(100);
    expect(turns).toBeGreaterThan(4);
    await index.replace(new Map());
    expect(index.objects.size).toBe(0);
  });
});
