import { afterEach, describe, expect, it, vi } from 'vitest';
import { listSignatures, pushSignature, RegistryMemory } from '../../../src/oci/index.ts';
import { clientOf, failureOf, INDEX, imageAt, NOTATION, SUBJECT, signal, start } from './wire-client.ts';
import { answer } from './wire-registry.ts';

const ENTRY = { mediaType: SUBJECT.mediaType, digest: `sha256:${'b'.repeat(64)}`, size: 900, artifactType: NOTATION };
const LISTED = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [ENTRY] });
const UNKNOWN = '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}';

/** A registry whose tag lists a signature; it takes pushes as one with the Referrers API does. */
async function world(statuses: { api: number; tag: number }) {
  const registry = await start(({ method, url = '' }, response) => {
    if (method === 'HEAD') return answer(response, 200);
    if (method === 'PUT') return answer(response, 201, '', { 'oci-subject': SUBJECT.digest });
    const status = url.includes('/referrers/') ? statuses.api : statuses.tag;
    return status === 200
      ? answer(response, 200, LISTED, { 'content-type': INDEX })
      : answer(response, status, UNKNOWN);
  });
  const memory = new RegistryMemory();
  const client = clientOf({ memory });
  const image = imageAt(registry, SUBJECT.digest);
  const options = { max: 10, mayBeByTagAlone: true };
  return { memory, client, image, registry, list: () => listSignatures(client, image, SUBJECT, options, signal()) };
}

describe('that a registry lacks the Referrers API', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is known once the API and the tag schema were answered, and is told with the list', async () => {
    const { list, memory, registry } = await world({ api: 404, tag: 200 });
    expect(await list()).not.toHaveProperty('byTagAlone');
    expect(memory.lacksReferrersApi(registry.host)).toBe(true);
    expect(await list()).toMatchObject({ byTagAlone: true, signatures: [{ digest: ENTRY.digest }] });
  });

  it('is not learnt from a host that answers the tag with a fault: it may have lost its backend', async () => {
    const { list, memory, registry } = await world({ api: 404, tag: 503 });
    await failureOf(list());
    expect(memory.lacksReferrersApi(registry.host)).toBe(false);
  });

  it('is forgotten when it takes note of the subject of a push: then it has the API', async () => {
    const { list, memory, registry, client, image } = await world({ api: 404, tag: 200 });
    await list();
    const signature = { envelope: Buffer.from('{}'), mediaType: 'application/jose+json', annotations: {} };
    await pushSignature(client, image, SUBJECT, signature, signal());
    expect(memory.lacksReferrersApi(registry.host)).toBe(false);
  });

  it('is believed for a day, and of a thousand registries at most', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const memory = new RegistryMemory();
    memory.noteReferrersApi('a', false);
    vi.advanceTimersByTime(24 * 60 * 60_000 - 1);
    expect(memory.lacksReferrersApi('a')).toBe(true);
    vi.advanceTimersByTime(1);
    expect(memory.lacksReferrersApi('a')).toBe(false);
    memory.noteReferrersApi('a', false);
    for (let i = 0; i < 1_000; i += 1) memory.noteReferrersApi(`r${i}`, false);
    expect([memory.lacksReferrersApi('a'), memory.lacksReferrersApi('r999')]).toEqual([false, true]);
  });
});
