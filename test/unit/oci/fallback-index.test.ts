import { describe, expect, it } from 'vitest';
import { changeFallbackIndex, fallbackTag } from '../../../src/oci/fallback-index.ts';
import { deleteSignature, fetchSignature, listSignatures, pushSignature } from '../../../src/oci/index.ts';
import { type MemoryRegistry, startMemoryRegistry } from './memory-registry.ts';
import { clientOf, digestOf, failureOf, INDEX, imageAt, MANIFEST, SUBJECT, signal, start } from './wire-client.ts';
import { answer } from './wire-registry.ts';

const TAG = fallbackTag(SUBJECT.digest);
const entry = (n: number) => ({ mediaType: MANIFEST, digest: `sha256:${String(n).padStart(64, '0')}`, size: 1 });

function tagged(registry: MemoryRegistry): readonly object[] {
  const found = registry.manifests.get(registry.tags.get(TAG) ?? '');
  return found === undefined ? [] : JSON.parse(found.bytes.toString('utf8')).manifests;
}

function put(registry: MemoryRegistry, ...manifests: readonly object[]): void {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
  registry.manifests.set(digestOf(bytes), { bytes, mediaType: INDEX });
  registry.tags.set(TAG, digestOf(bytes));
}

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
    put(registry, foreign, odd, foreign);
    const old = registry.tags.get(TAG) ?? '';
    await changeFallbackIndex(clientOf(), imageAt(registry), SUBJECT.digest, { add: entry(2) }, signal());
    expect(tagged(registry)).toEqual([foreign, odd, entry(2)]);
    expect(registry.manifests.has(old)).toBe(false);
    const writes = registry.requests.filter((request) => /^(PUT|DELETE)/.test(request));
    expect(writes).toEqual([`PUT /v2/team/app/manifests/${TAG}`, `DELETE /v2/team/app/manifests/${old}`]);
  });

  it('loses nothing when another process that read before our write writes after it', async () => {
    const registry = await startMemoryRegistry();
    put(registry, entry(1));
    let gets = 0;
    registry.hold = async (request) => {
      if (request.method !== 'GET' || request.url?.endsWith(TAG) !== true) return;
      gets += 1;
      // First read, read back after our write, and then: the other's write, which knows nothing of ours.
      if (gets === 3) put(registry, entry(1), entry(9));
    };
    await changeFallbackIndex(clientOf(), imageAt(registry), SUBJECT.digest, { add: entry(2) }, signal());
    expect(tagged(registry)).toEqual([entry(1), entry(9), entry(2)]);
  });

  it('loses nothing when two writers of this process read and write at once', async () => {
    const registry = await startMemoryRegistry();
    const add = (n: number) =>
      changeFallbackIndex(clientOf(), imageAt(registry), SUBJECT.digest, { add: entry(n) }, signal());
    await Promise.all([add(1), add(2), add(3)]);
    expect(tagged(registry)).toEqual([entry(1), entry(2), entry(3)]);
  });

  it('does not delete an old index that another writer has put back', async () => {
    const registry = await startMemoryRegistry();
    put(registry, entry(1));
    const old = registry.tags.get(TAG) ?? '';
    const client = clientOf();
    await changeFallbackIndex(client, imageAt(registry), SUBJECT.digest, { add: entry(2) }, signal());
    await changeFallbackIndex(client, imageAt(registry), SUBJECT.digest, { remove: entry(2).digest }, signal());
    expect(registry.tags.get(TAG)).toBe(old);
    expect(tagged(registry)).toEqual([entry(1)]);
  });

  it('is not written where there is nothing to take out', async () => {
    const registry = await startMemoryRegistry();
    await changeFallbackIndex(clientOf(), imageAt(registry), SUBJECT.digest, { remove: entry(1).digest }, signal());
    expect(registry.requests).toEqual([`GET /v2/team/app/manifests/${TAG}`]);
  });

  it('gives up with an error, not in silence, when other writers undo it for ever', async () => {
    const registry = await startMemoryRegistry();
    put(registry, entry(1));
    registry.hold = async (request) => {
      if (request.method === 'GET') put(registry, entry(1));
    };
    const change = changeFallbackIndex(clientOf(), imageAt(registry), SUBJECT.digest, { add: entry(2) }, signal());
    expect((await failureOf(change)).code).toBe('ServerError');
  });
});

describe('a 404 for the fallback tag (notary.md A4)', () => {
  const body = '{"schemaVersion":2}';
  const subject = { mediaType: MANIFEST, digest: digestOf(body), size: body.length };

  /** Lists on a registry that has nothing but, perhaps, the image; `notFound` is the body of its 404s. */
  async function list(notFound: string, hasImage: boolean) {
    const registry = await start((request, response) =>
      hasImage && request.url === `/v2/team/app/manifests/${subject.digest}`
        ? answer(response, 200, body, { 'content-type': MANIFEST })
        : answer(response, 404, notFound),
    );
    return listSignatures(clientOf(), imageAt(registry, subject.digest), subject, { max: 10 }, signal());
  }

  it('is an error, never "unsigned", when no registry says so and the image cannot be read either', async () => {
    expect((await failureOf(list('<h1>default backend</h1>', false))).code).toBe('ServerError');
  });

  it("is none when the registry's own code says so", async () => {
    expect((await list('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', false)).signatures).toEqual([]);
  });

  it('is none without a code, when the image itself can be read', async () => {
    expect((await list('not found', true)).signatures).toEqual([]);
  });
});

describe('a signature on a registry without the Referrers API', () => {
  const signature = {
    envelope: Buffer.from('{"payload":""}'),
    mediaType: 'application/jose+json',
    annotations: { 'org.opencontainers.image.created': '2026-01-01T00:00:00Z' },
  };

  it('is pushed, listed, read and deleted; what it left in the index goes too', async () => {
    const registry = await startMemoryRegistry();
    const [client, image] = [clientOf(), imageAt(registry, SUBJECT.digest)];
    const pushed = await pushSignature(client, image, SUBJECT, signature, signal());
    const { signatures } = await listSignatures(client, image, SUBJECT, { max: 10 }, signal());
    expect(signatures.map(({ digest }) => digest)).toEqual([pushed.digest]);
    const read = await fetchSignature(client, image, SUBJECT, pushed, signal());
    expect(Buffer.from(read.envelope)).toEqual(signature.envelope);
    await deleteSignature(client, image, SUBJECT, pushed.digest, signal());
    expect([tagged(registry), registry.manifests.has(pushed.digest)]).toEqual([[], false]);
    await deleteSignature(client, image, SUBJECT, pushed.digest, signal());
  });

  it('has the manifest of A1: notary type, empty config, one layer, the image alone as subject (A1, A3, A5)', async () => {
    const registry = await startMemoryRegistry();
    const [client, image] = [clientOf(), imageAt(registry, SUBJECT.digest)];
    const subject = { ...SUBJECT, annotations: { team: 'a' } };
    const pushed = await pushSignature(client, image, subject, signature, signal());
    expect(JSON.parse(registry.manifests.get(pushed.digest)?.bytes.toString() ?? '')).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.cncf.notary.signature',
      config: {
        mediaType: 'application/vnd.oci.empty.v1+json',
        digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
        size: 2,
        data: 'e30=',
      },
      layers: [
        { mediaType: 'application/jose+json', digest: digestOf(signature.envelope), size: signature.envelope.length },
      ],
      subject: SUBJECT,
      annotations: signature.annotations,
    });
    const puts = registry.requests
      .filter((request) => request.startsWith('PUT'))
      .map((request) => request.split('/')[4]);
    expect(puts).toEqual(['uploads', 'uploads', 'manifests', 'manifests']);
    expect(tagged(registry)).toMatchObject([{ artifactType: 'application/vnd.cncf.notary.signature' }]);
  });

  it("sends the upload's address back byte for byte, with the digest behind it", async () => {
    const registry = await startMemoryRegistry();
    await clientOf().pushBlob(imageAt(registry), Buffer.from('x'), 'text/plain', signal());
    const digest = encodeURIComponent(digestOf('x'));
    expect(registry.requests.at(-1)).toBe(`PUT /v2/team/app/uploads/1?_state=a%2Bb+c&digest=${digest}`);
  });

  it('is not deleted when the digest names something else, an image say (design.md, "Cleanup")', async () => {
    const registry = await startMemoryRegistry();
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: {}, layers: [] }));
    registry.manifests.set(digestOf(bytes), { bytes, mediaType: MANIFEST });
    const deletion = deleteSignature(clientOf(), imageAt(registry), SUBJECT, digestOf(bytes), signal());
    expect((await failureOf(deletion)).code).toBe('InvalidAnswer');
    expect(registry.manifests.has(digestOf(bytes))).toBe(true);
  });

  it('is not taken for deleted when a host without a registry says 404', async () => {
    const registry = await start((_request, response) => answer(response, 404, '<h1>default backend</h1>'));
    const deletion = deleteSignature(clientOf(), imageAt(registry), SUBJECT, SUBJECT.digest, signal());
    expect((await failureOf(deletion)).code).toBe('ServerError');
  });
});
