import { describe, expect, it } from 'vitest';
import type { KubernetesObject, ObjectKey } from '../../../src/api/object.ts';
import type { OnChange, Reflector } from '../../../src/kubernetes/index.ts';
import { type Watch, WatchedObjects } from '../../../src/runtime/watch.ts';
import { CONFIG_MAPS, configMap } from '../kubernetes/wire-server.ts';

/** What a reflector tells, by hand: it tells before its store changes. */
function source() {
  const feeds: {
    readonly namespace?: string;
    readonly put: (name: string, version: string) => void;
    readonly remove: (name: string) => void;
  }[] = [];
  const watch: Watch = <T extends KubernetesObject>(
    _: unknown,
    {
      namespace,
      project,
      onChange,
    }: { readonly namespace?: string; readonly project: (raw: KubernetesObject) => T; readonly onChange: OnChange<T> },
  ): Reflector<T> => {
    const store = new Map<ObjectKey, T>();
    feeds.push({
      ...(namespace === undefined ? {} : { namespace }),
      put: (name, version) => {
        const now = project(configMap(name, version));
        onChange(name, store.get(name), now);
        store.set(name, now);
      },
      remove: (name) => {
        onChange(name, store.get(name), undefined);
        store.delete(name);
      },
    });
    return { store } as unknown as Reflector<T>;
  };
  return { feeds, watch };
}

const told: string[] = [];
const listener: OnChange<KubernetesObject> = (key, old, now) =>
  told.push(`${key} ${old?.metadata.resourceVersion ?? '-'} ${now?.metadata.resourceVersion ?? '-'}`);

describe('WatchedObjects', () => {
  it('keeps its index while nobody listens, and tells who begins of all there is, then of changes', async () => {
    const { feeds, watch } = source();
    const objects = new WatchedObjects(watch, CONFIG_MAPS, (raw) => raw);
    const [feed] = feeds;
    told.length = 0;
    feed?.put('a', '1');
    feed?.put('b', '1');
    feed?.remove('b');
    expect([...objects.store.keys()]).toEqual(['a']);
    const term = new AbortController();
    await objects.listen(listener, term.signal);
    feed?.put('a', '2');
    feed?.put('c', '1');
    expect(told).toEqual(['a - 1', 'a 1 2', 'c - 1']);

    term.abort();
    feed?.put('a', '3');
    expect(told).toHaveLength(3);
    // The next term begins with what there is by then.
    await objects.listen(listener, new AbortController().signal);
    expect(told.slice(3)).toEqual(['a - 3', 'c - 1']);
  });

  it('tells many in turns, and misses nothing of what changes between them', async () => {
    const { feeds, watch } = source();
    const objects = new WatchedObjects(watch, CONFIG_MAPS, (raw) => raw);
    const [feed] = feeds;
    for (let i = 0; i < 1_200; i += 1) feed?.put(`o-${i}`, '1');
    told.length = 0;
    const listening = objects.listen(listener, new AbortController().signal);
    expect(told).toHaveLength(500);
    feed?.remove('o-1100');
    feed?.put('o-1101', '2');
    feed?.put('o-new', '1');
    await listening;
    expect(told.filter((line) => line.startsWith('o-1100 '))).toEqual(['o-1100 1 -']);
    expect(told.filter((line) => line.startsWith('o-1101 '))).toEqual(['o-1101 1 2', 'o-1101 - 2']);
    expect(told.filter((line) => line.startsWith('o-new '))[0]).toBe('o-new - 1');
    expect(new Set(told.map((line) => line.split(' ')[0])).size).toBe(1_201);
  });

  it('joins the objects of several namespaces', async () => {
    const { feeds, watch } = source();
    const objects = new WatchedObjects(watch, CONFIG_MAPS, (raw) => raw, ['x', 'y']);
    expect(feeds.map(({ namespace }) => namespace)).toEqual(['x', 'y']);
    feeds[0]?.put('a', '1');
    feeds[1]?.put('b', '1');
    expect([...objects.store.keys()]).toEqual(['a', 'b']);
    feeds[0]?.remove('a');
    expect([...objects.store.keys()]).toEqual(['b']);
  });
});
