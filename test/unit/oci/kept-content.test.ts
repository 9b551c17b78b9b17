import { describe, expect, it } from 'vitest';
import { type ArtifactStore, type ContentCache, digestOf, withContent } from '../../../src/oci/index.ts';

const TYPE = 'application/vnd.oci.image.manifest.v1+json';
const REFERENCE = { registry: 'r.example', repository: 'team/app' };
const REPOSITORY = 'r.example/team/app';
const manifestBytes = (fields: object = { mediaType: TYPE }): Buffer =>
  Buffer.from(JSON.stringify({ schemaVersion: 2, ...fields }));
const signal = new AbortController().signal;

/** A store of one content, and a cache in memory. */
function world(content: Buffer, mediaType = TYPE) {
  const asked: string[] = [];
  const descriptor = { mediaType, digest: digestOf(content), size: content.byteLength };
  const refuse = (): never => expect.fail('not asked for');
  const store: ArtifactStore = {
    signatureForm: 'artifactType',
    resolve: async (reference) => {
      asked.push(`resolve ${reference.digest ?? reference.tag}`);
      return descriptor;
    },
    getManifest: async (reference) => {
      asked.push(`manifest ${reference.digest ?? reference.tag}`);
      return { descriptor, bytes: content };
    },
    fetchBlob: async (_reference, blob) => {
      asked.push(`blob ${blob.digest}`);
      return content;
    },
    listReferrers: refuse,
    pushBlob: refuse,
    pushReferrer: refuse,
  };
  const kept = new Map<string, Buffer>();
  const cache: ContentCache = {
    readContent: async (repository, digest) => kept.get(`${repository}@${digest}`),
    writeContent: (repository, digest, bytes) => kept.set(`${repository}@${digest}`, Buffer.from(bytes)),
  };
  return { asked, kept, descriptor, cached: withContent(store, cache) };
}

describe('a store with content that was read before', () => {
  it('asks once for a manifest by digest, whether it was named by digest, by tag, or only resolved', async () => {
    const { cached, asked, descriptor } = world(manifestBytes());
    const named = { ...REFERENCE, digest: descriptor.digest };
    const manifest = await cached.getManifest({ ...REFERENCE, tag: 'v1' }, signal);
    expect(await cached.getManifest(named, signal)).toEqual(manifest);
    expect(await cached.resolve(named, signal)).toEqual(descriptor);
    expect(asked).toEqual(['manifest v1']);
  });

  it('asks each time what a tag names', async () => {
    const { cached, asked } = world(manifestBytes());
    for (const _ of [1, 2]) {
      await cached.getManifest({ ...REFERENCE, tag: 'v1' }, signal);
      await cached.resolve({ ...REFERENCE, tag: 'v1' }, signal);
    }
    expect(asked).toEqual(['manifest v1', 'resolve v1', 'manifest v1', 'resolve v1']);
  });

  it.each<[string, Buffer]>([
    ['does not say its media type', manifestBytes({})],
    ['has more than a mebibyte', manifestBytes({ mediaType: TYPE, filler: 'x'.repeat(1024 * 1024) })],
  ])('a manifest that %s is asked for each time', async (_name, bytes) => {
    const { cached, asked, kept, descriptor } = world(bytes);
    const named = { ...REFERENCE, digest: descriptor.digest };
    await cached.getManifest(named, signal);
    await cached.getManifest(named, signal);
    expect(asked.length).toBe(2);
    expect(kept.size).toBe(0);
  });

  it('what is kept and calls itself no manifest is not taken for one', async () => {
    const { cached, asked, kept, descriptor } = world(manifestBytes());
    kept.set(`${REPOSITORY}@${descriptor.digest}`, manifestBytes({ mediaType: 'text/html' }));
    await cached.getManifest({ ...REFERENCE, digest: descriptor.digest }, signal);
    expect(asked.length).toBe(1);
  });

  it('asks once for a blob; one that is listed with another size is asked for', async () => {
    const { cached, asked, descriptor } = world(Buffer.from('envelope'));
    await cached.fetchBlob(REFERENCE, descriptor, 100, signal);
    expect(await cached.fetchBlob(REFERENCE, descriptor, 100, signal)).toEqual(Buffer.from('envelope'));
    expect(asked.length).toBe(1);
    await cached.fetchBlob(REFERENCE, { ...descriptor, size: 7 }, 100, signal);
    expect(asked.length).toBe(2);
  });

  it('leaves a blob that is larger than it may be to the store, which refuses it', async () => {
    const { cached, asked, kept, descriptor } = world(Buffer.from('envelope'));
    kept.set(`${REPOSITORY}@${descriptor.digest}`, Buffer.from('envelope'));
    await cached.fetchBlob(REFERENCE, descriptor, 7, signal);
    expect(asked.length).toBe(1);
  });
});
