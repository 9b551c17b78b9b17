import { afterEach, expect, it } from 'vitest';
import { LeaseFence } from '../../../src/kubernetes/index.ts';
import { anonymous, RegistryClient } from '../../../src/oci/index.ts';
import { createDispatcher, NotLeaderError } from '../../../src/transport/index.ts';
import { waitFor } from '../../support/processes.ts';
import { MANIFEST, signal, start } from './wire-client.ts';
import { answer, type Handler } from './wire-registry.ts';

const fence = new LeaseFence();
afterEach(() => fence.end());

async function open(handler: Handler) {
  const registry = await start(handler);
  const client = new RegistryClient({
    dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
    credentials: anonymous,
    plainHTTPHosts: () => true,
    userAgent: 'test',
    maxAttempts: 3,
    timeoutMs: 5_000,
    fence,
  });
  const image = { registry: registry.host, repository: 'team/app', tag: 'v1' };
  return { registry, client, image };
}
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

it('nothing is uploaded or deleted by who does not lead, and what is there can be read (faults.md 18)', async () => {
  const { registry, client, image } = await open((_, response) => answer(response, 404));
  const manifest = new TextEncoder().encode('{}');
  expect(await failure(client.pushManifest(image, manifest, MANIFEST, 'v1', signal()))).toBeInstanceOf(NotLeaderError);
  expect(await failure(client.pushBlob(image, manifest, 'text/plain', signal()))).toBeInstanceOf(NotLeaderError);
  expect(await failure(client.deleteManifest(image, 'v1', signal()))).toBeInstanceOf(NotLeaderError);
  expect(registry.requests.filter((request) => !request.startsWith('HEAD '))).toEqual([]);
  await failure(client.getManifest(image, signal()));
  expect(registry.requests.at(-1)).toBe('GET /v2/team/app/manifests/v1');
});

it('what a leader uploads arrives whole, and a deletion without a body', async () => {
  const bodies: string[] = [];
  const { registry, client, image } = await open((_, response, body) => {
    bodies.push(body.toString('utf8'));
    answer(response, 202);
  });
  fence.begin(performance.now() + 60_000);
  const text = JSON.stringify({ filling: 'x'.repeat(50_000) });
  await client.pushManifest(image, new TextEncoder().encode(text), MANIFEST, 'v1', signal());
  await client.deleteManifest(image, 'v1', signal());
  expect(bodies).toEqual([text, '']);
  expect(registry.requests).toEqual(['PUT /v2/team/app/manifests/v1', 'DELETE /v2/team/app/manifests/v1']);
});

it('an upload ends with the term: it is no fault of the registry, and is not tried again', async () => {
  const { registry, client, image } = await open(() => undefined);
  fence.begin(performance.now() + 60_000);
  const upload = failure(client.pushManifest(image, new TextEncoder().encode('{}'), MANIFEST, 'v1', signal()));
  await waitFor('the upload to arrive', () => registry.requests.length === 1);
  fence.end();
  expect(await upload).toBeInstanceOf(NotLeaderError);
  expect(registry.requests).toHaveLength(1);
});
