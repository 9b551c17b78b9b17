import { describe, expect, it } from 'vitest';
import { fallbackTag } from '../../../src/oci/fallback-index.ts';
import { changeFallbackIndex } from '../../../src/oci/fallback-writer.ts';
import { Mirrors } from '../../../src/oci/index.ts';
import { type MemoryRegistry, startMemoryRegistry } from './memory-registry.ts';
import { clientOf, digestOf, failureOf, INDEX, imageAt, MANIFEST, SUBJECT, signal } from './wire-client.ts';

const TAG = fallbackTag(SUBJECT.digest);
const TAG_PATH = `/v2/team/app/manifests/${TAG}`;
const entry = (n: number) => ({ mediaType: MANIFEST, digest: `sha256:${String(n).padStart(64, '0')}`, size: 1 });

function tagged(registry: MemoryRegistry): readonly object[] {
  const found = registry.manifests.get(registry.tags.get(TAG) ?? '');
  return found === undefined ? [] : JSON.parse(found.bytes.toString('utf8')).manifests;
}

/** Writes the tag as another tool does. @returns the digest of the index */
function put(registry: MemoryRegistry, ...manifests: readonly object[]): string {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
  registry.manifests.set(digestOf(bytes), { bytes, mediaType: INDEX });
  registry.tags.set(TAG, digestOf(bytes));
  return digestOf(bytes);
}

/** A manifest that exists, as an entry of an index. */
function stored(registry: MemoryRegistry, name: string): ReturnType<typeof entry> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, name }));
  registry.manifests.set(digestOf(bytes), { bytes, mediaType: MANIFEST });
  return { mediaType: MANIFEST, digest: digestOf(bytes), size: bytes.length };
}

const add = (registry: MemoryRegistry, added: ReturnType<typeof entry>): Promise<void> =>
  changeFallbackIndex(clientOf(), imageAt(registry), SUBJECT.digest, { add: added }, signal());
const remove = (registry: MemoryRegistry, { digest }: ReturnType<typeof entry>): Promise<void> =>
  changeFallbackIndex(clientOf(), imageAt(registry), SUBJECT.digest, { remove: digest }, signal());

/** Runs what another writer does just before the n-th request of a kind for the tag is worked on. */
function justBefore(registry: MemoryRegistry, method: 'GET' | 'PUT', n: number, act: () => void): void {
  let count = 0;
  registry.hold = async (request) => {
    if (request.method !== method || request.url !== TAG_PATH) return;
    count += 1;
    if (count === n) act();
  };
}

const writesOf = (registry: MemoryRegistry): readonly string[] =>
  registry.requests.filter((request) => /^(PUT|DELETE)/.test(request));

describe('the fallback index (notary.md A5)', () => {
  it("keeps other tools' entries as they are, drops what stands twice, and the old index goes after the new one is there", async () => {
    const registry = await startMemoryRegistry();
    const foreign = {
      ...entry(1),
      artifactType: 'x/y',
      platform: { os: 'linux' },
      data: 'e30=',
      annotations: { a: 'b' },
    };
    const odd = { note: 'no descriptor' };
    const old = put(registry, foreign, odd, foreign);
    await add(registry, entry(2));
    expect(tagged(registry)).toEqual([foreign, odd, entry(2)]);
    expect(registry.manifests.has(old)).toBe(false);
    expect(writesOf(registry)).toEqual([`PUT ${TAG_PATH}`, `DELETE /v2/team/app/manifests/${old}`]);
  });

  it('is not written where there is nothing to take out', async () => {
    const registry = await startMemoryRegistry();
    await remove(registry, entry(1));
    expect(registry.requests).toEqual([`GET ${TAG_PATH}`]);
  });

  it('is deleted, tag and all, with its last entry', async () => {
    const registry = await startMemoryRegistry();
    await add(registry, entry(1));
    await remove(registry, entry(1));
    expect([...registry.tags, ...registry.manifests]).toEqual([]);
  });

  it('stays where another writer adds to what is about to be deleted for its last entry', async () => {
    const registry = await startMemoryRegistry();
    const theirs = stored(registry, 'theirs');
    await add(registry, entry(1));
    registry.hold = async ({ method }) => {
      if (method === 'DELETE' && tagged(registry).length === 0) put(registry, theirs);
    };
    await remove(registry, entry(1));
    expect(tagged(registry)).toEqual([theirs]);
  });
});

describe('the fallback index with other writers (notary.md A5)', () => {
  it('loses nothing when another process that read before our write writes after it', async () => {
    const registry = await startMemoryRegistry();
    put(registry, entry(1));
    // First read, read back after our write, and then: the other's write, which knows nothing of ours.
    justBefore(registry, 'GET', 3, () => put(registry, entry(1), entry(9)));
    await add(registry, entry(2));
    expect(tagged(registry)).toEqual([entry(1), entry(9), entry(2)]);
    // Nothing of what either wrote before is left behind.
    expect([...registry.manifests.keys()]).toEqual([registry.tags.get(TAG)]);
  });

  it('loses nothing when three writers of this process read and write at once', async () => {
    const registry = await startMemoryRegistry();
    await Promise.all([1, 2, 3].map((n) => add(registry, entry(n))));
    expect(tagged(registry)).toEqual([entry(1), entry(2), entry(3)]);
  });

  it('is written by one at a time in this process, also under two names of one place: its own, and by a mirror', async () => {
    const registry = await startMemoryRegistry();
    const client = clientOf({ mirrors: new Mirrors([{ prefix: 'hub.example', mirror: registry.host }]) });
    const change = (host: string, n: number): Promise<void> => {
      const reference = { registry: host, repository: 'team/app' };
      return changeFallbackIndex(client, reference, SUBJECT.digest, { add: entry(n) }, signal());
    };
    await Promise.all([change(registry.host, 1), change('hub.example', 2)]);
    expect(tagged(registry)).toEqual([entry(1), entry(2)]);
    const ofTag = registry.requests.filter((request) => request.includes(TAG)).map((request) => request.split(' ')[0]);
    // Read, written, read back twice; then the other.
    expect(ofTag).toEqual(['GET', 'PUT', 'GET', 'GET', 'GET', 'PUT', 'GET', 'GET']);
  });

  it("puts back another's entry that was there, vanished with our own, and whose manifest exists", async () => {
    const registry = await startMemoryRegistry();
    const theirs = stored(registry, 'theirs');
    put(registry, theirs);
    justBefore(registry, 'GET', 2, () => put(registry, entry(9)));
    await add(registry, entry(2));
    expect(tagged(registry)).toEqual([entry(9), theirs, entry(2)]);
  });

  it("puts back another's entry also where our own is still there", async () => {
    const registry = await startMemoryRegistry();
    const theirs = stored(registry, 'theirs');
    put(registry, theirs);
    justBefore(registry, 'GET', 3, () => put(registry, entry(2)));
    await add(registry, entry(2));
    expect(tagged(registry)).toEqual([theirs, entry(2)]);
  });

  it('does not put back what was removed: its manifest is gone', async () => {
    const registry = await startMemoryRegistry();
    const theirs = stored(registry, 'theirs');
    put(registry, theirs);
    justBefore(registry, 'GET', 2, () => {
      registry.manifests.delete(theirs.digest);
      put(registry, entry(9));
    });
    await add(registry, entry(2));
    expect(tagged(registry)).toEqual([entry(9), entry(2)]);
  });

  it('takes out again what a writer that read before wrote after the removal', async () => {
    const registry = await startMemoryRegistry();
    const kept = stored(registry, 'kept');
    put(registry, entry(1), kept);
    justBefore(registry, 'GET', 3, () => put(registry, entry(1), kept, entry(9)));
    await remove(registry, entry(1));
    expect(tagged(registry)).toEqual([kept, entry(9)]);
  });

  it('never has the same content twice, so that the index which the tag names is not deleted as an old one', async () => {
    const registry = await startMemoryRegistry();
    const [one, two] = [stored(registry, 'one'), stored(registry, 'two')];
    await add(registry, one);
    const first = registry.tags.get(TAG);
    await add(registry, two);
    registry.manifests.delete(two.digest);
    await remove(registry, two);
    expect(tagged(registry)).toEqual([one]);
    expect(registry.tags.get(TAG)).not.toBe(first);
  });

  it("leaves another tool's old index where somebody has written the tag after us: it may be put back", async () => {
    const registry = await startMemoryRegistry();
    const old = put(registry, entry(1));
    justBefore(registry, 'GET', 3, () => put(registry, entry(1), entry(2), entry(9)));
    await add(registry, entry(2));
    expect(registry.manifests.has(old)).toBe(true);
    expect(tagged(registry)).toEqual([entry(1), entry(2), entry(9)]);
  });

  it('gives up with an error, not in silence, when other writers undo it for ever', async () => {
    const registry = await startMemoryRegistry();
    registry.hold = async ({ method }) => {
      if (method === 'GET') put(registry, entry(1));
    };
    const { code, message } = await failureOf(add(registry, entry(2)));
    expect([code, message]).toEqual(['ServerError', expect.stringContaining('other writers replaced it 8 times')]);
  });
});

describe('the fallback index on a registry that refuses entries which lead nowhere (notary.md A5)', () => {
  it('is written without them, else the image could not be signed any more', async () => {
    const registry = await startMemoryRegistry();
    const [theirs, ours] = [stored(registry, 'theirs'), stored(registry, 'ours')];
    put(registry, entry(1), theirs, entry(3));
    registry.checksEntries = true;
    await add(registry, ours);
    expect(tagged(registry)).toEqual([theirs, ours]);
  });

  it('is told as refused where the new entry itself is not there', async () => {
    const registry = await startMemoryRegistry();
    put(registry, stored(registry, 'theirs'));
    registry.checksEntries = true;
    expect((await failureOf(add(registry, entry(2)))).registryCode).toBe('MANIFEST_BLOB_UNKNOWN');
  });
});

describe('the fallback index on a registry that compares ETags (notary.md A5)', () => {
  it('is not overwritten by a writer that read before: the registry refuses, and it reads again', async () => {
    const registry = await startMemoryRegistry();
    registry.etags = 'compared';
    put(registry, entry(1));
    // After everything that the other does, its second look included: only the registry can refuse this write.
    justBefore(registry, 'PUT', 1, () => put(registry, entry(1), entry(9)));
    await add(registry, entry(2));
    expect(tagged(registry)).toEqual([entry(1), entry(9), entry(2)]);
  });

  it('is not made twice by two writers that both found none', async () => {
    const registry = await startMemoryRegistry();
    registry.etags = 'compared';
    justBefore(registry, 'PUT', 1, () => put(registry, entry(9)));
    await add(registry, entry(2));
    expect(tagged(registry)).toEqual([entry(9), entry(2)]);
  });

  it('is written without a condition where one is refused although the tag has not moved', async () => {
    const registry = await startMemoryRegistry();
    registry.etags = 'refused';
    await add(registry, entry(1));
    await add(registry, entry(2));
    expect(tagged(registry)).toEqual([entry(1), entry(2)]);
  });
});

describe('a write of the fallback index that fails (notary.md A5)', () => {
  const failFirst = (registry: MemoryRegistry, times: number, status: number, code: string): void => {
    let left = times;
    registry.fault = ({ method, url }) => {
      if (method !== 'PUT' || url !== TAG_PATH || left === 0) return undefined;
      left -= 1;
      return { status, code };
    };
  };

  it('is made anew from what the tag names by then, never sent again as it was', async () => {
    const registry = await startMemoryRegistry();
    put(registry, entry(1));
    failFirst(registry, 1, 503, 'UNAVAILABLE');
    justBefore(registry, 'GET', 2, () => put(registry, entry(1), entry(9)));
    const client = clientOf({ maxAttempts: 3 });
    await changeFallbackIndex(client, imageAt(registry), SUBJECT.digest, { add: entry(2) }, signal());
    expect(tagged(registry)).toEqual([entry(1), entry(9), entry(2)]);
    const onTag = registry.requests.filter((request) => request.endsWith(TAG)).map((request) => request.slice(0, 3));
    expect(onTag).toEqual(['GET', 'PUT', 'GET', 'PUT', 'GET', 'GET']);
  });

  it.each([
    ['after three of them', 3, 503, 'UNAVAILABLE', 'ServerError'],
    ['at once when it is refused', 1, 403, 'DENIED', 'Denied'],
  ])('is told %s', async (_, times, status, code, expected) => {
    const registry = await startMemoryRegistry();
    failFirst(registry, times, status, code);
    expect((await failureOf(add(registry, entry(2)))).code).toBe(expected);
    expect(writesOf(registry)).toHaveLength(times);
  });
});
