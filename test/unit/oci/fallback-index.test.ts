import { describe, expect, it } from 'vitest';
import { fallbackTag } from '../../../src/oci/fallback-index.ts';
import {
  deleteSignature,
  fetchSignature,
  listSignatures,
  pushSignature,
  relistSignature,
} from '../../../src/oci/index.ts';
import { type MemoryRegistry, startMemoryRegistry } from './memory-registry.ts';
import { clientOf, digestOf, failureOf, imageAt, MANIFEST, SUBJECT, signal, start } from './wire-client.ts';
import { answer } from './wire-registry.ts';

const TAG = fallbackTag(SUBJECT.digest);
function tagged(registry: MemoryRegistry): readonly object[] {
  const found = registry.manifests.get(registry.tags.get(TAG) ?? '');
  return found === undefined ? [] : JSON.parse(found.bytes.toString('utf8')).manifests;
}

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
    await deleteSignature(client, image, SUBJECT.digest, pushed.digest, signal());
    expect([tagged(registry), registry.manifests.has(pushed.digest)]).toEqual([[], false]);
    await deleteSignature(client, image, SUBJECT.digest, pushed.digest, signal());
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

  it('is deleted with its entry also where the image is gone', async () => {
    const registry = await startMemoryRegistry();
    const [client, image] = [clientOf(), imageAt(registry, SUBJECT.digest)];
    const pushed = await pushSignature(client, image, SUBJECT, signature, signal());
    expect(registry.manifests.has(SUBJECT.digest)).toBe(false);
    await deleteSignature(client, image, SUBJECT.digest, pushed.digest, signal());
    expect([...registry.manifests]).toEqual([]);
  });

  it('is listed no more where the registry refuses deletion, which is told with what to do', async () => {
    const registry = await startMemoryRegistry();
    const [client, image] = [clientOf(), imageAt(registry, SUBJECT.digest)];
    const pushed = await pushSignature(client, image, SUBJECT, signature, signal());
    registry.fault = ({ method }) => (method === 'DELETE' ? { status: 405, code: 'UNSUPPORTED' } : undefined);
    const deletion = deleteSignature(client, image, SUBJECT.digest, pushed.digest, signal());
    expect(await failureOf(deletion)).toMatchObject({
      code: 'Denied',
      status: 405,
      registryCode: 'UNSUPPORTED',
      message: expect.stringContaining('storage.delete.enabled'),
    });
    expect([tagged(registry), registry.manifests.has(pushed.digest)]).toEqual([[], true]);
  });

  it('that was taken out of the index is listed again, the same manifest, entry and all', async () => {
    const registry = await startMemoryRegistry();
    const [client, image] = [clientOf(), imageAt(registry, SUBJECT.digest)];
    const pushed = await pushSignature(client, image, SUBJECT, signature, signal());
    const listed = tagged(registry);
    registry.tags.delete(TAG);
    expect(await relistSignature(client, image, SUBJECT, pushed.digest, signal())).toBe(true);
    expect(tagged(registry)).toEqual(listed);
  });

  it('that the registry does not have any more, or that is none of this image, is not listed again', async () => {
    const registry = await startMemoryRegistry();
    const [client, image] = [clientOf(), imageAt(registry, SUBJECT.digest)];
    const other = { ...SUBJECT, digest: `sha256:${'b'.repeat(64)}` };
    const foreign = await pushSignature(client, image, other, signature, signal());
    for (const digest of [`sha256:${'0'.repeat(64)}`, foreign.digest])
      expect(await relistSignature(client, image, SUBJECT, digest, signal())).toBe(false);
    expect(tagged(registry)).toEqual([]);
  });

  it('is not taken for gone where the registry fails: that is a fault', async () => {
    const registry = await startMemoryRegistry();
    registry.fault = () => ({ status: 503, code: 'UNAVAILABLE' });
    const relisting = relistSignature(clientOf(), imageAt(registry), SUBJECT, SUBJECT.digest, signal());
    expect((await failureOf(relisting)).code).toBe('ServerError');
  });

  it('is not deleted when the digest names something else, an image say (design.md, "Cleanup")', async () => {
    const registry = await startMemoryRegistry();
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: {}, layers: [] }));
    registry.manifests.set(digestOf(bytes), { bytes, mediaType: MANIFEST });
    const deletion = deleteSignature(clientOf(), imageAt(registry), SUBJECT.digest, digestOf(bytes), signal());
    expect((await failureOf(deletion)).code).toBe('InvalidAnswer');
    expect(registry.manifests.has(digestOf(bytes))).toBe(true);
  });

  it('is not taken for deleted when a host without a registry says 404', async () => {
    const registry = await start((_request, response) => answer(response, 404, '<h1>default backend</h1>'));
    const deletion = deleteSignature(clientOf(), imageAt(registry), SUBJECT.digest, SUBJECT.digest, signal());
    expect((await failureOf(deletion)).code).toBe('ServerError');
  });
});
