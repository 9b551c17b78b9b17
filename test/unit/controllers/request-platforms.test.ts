import { describe, expect, it } from 'vitest';
import { planRequest, type RequestedImage } from '../../../src/controllers/request-plan.ts';
import { type PlatformsResult, RequestedPlatforms } from '../../../src/controllers/request-platforms.ts';
import type { RequestedImagesOptions, RequestWork } from '../../../src/controllers/request-work.ts';
import { parseReference, repositoryName } from '../../../src/oci/index.ts';
import { startMemoryRegistry } from '../oci/memory-registry.ts';
import { clientOf, digestOf, INDEX, MANIFEST, signal } from '../oci/wire-client.ts';

/** Nothing is to be verified or signed: whoever tries fails. */
const UNUSED = new Proxy({} as RequestedImagesOptions, {
  get: (_, name) => {
    throw new Error(`${String(name)} is not to be used`);
  },
});
const BEFORE = [
  { platform: 'linux/amd64', digest: `sha256:${'a'.repeat(64)}`, verdict: 'Trusted', signatures: 1 },
] as const;

/** Processes an index of so many platforms, of a request that may sign so many more. */
async function processed(platforms: number | undefined, platformsLeft: number): Promise<PlatformsResult> {
  const registry = await startMemoryRegistry();
  const manifests = Array.from({ length: platforms ?? 0 }, (_, n) => ({
    mediaType: MANIFEST,
    digest: `sha256:${String(n).padStart(64, '0')}`,
    size: 1,
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
  if (platforms !== undefined) registry.manifests.set(digestOf(bytes), { bytes, mediaType: INDEX });
  const reference = parseReference(`${registry.host}/team/app:v1`);
  const image: RequestedImage = { text: 'team/app:v1', reference, repository: repositoryName(reference) };
  const request = {
    metadata: { name: 'r', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { images: ['r.example/app:v1'] },
  };
  const planned = planRequest(request);
  if (planned.kind !== 'plan') throw new Error(planned.message);
  const work: RequestWork = { request, plan: planned.plan, client: clientOf(), own: [], platformsLeft, forced: false };
  const at = { digest: digestOf(bytes), list: 'registry', now: new Date() } as const;
  return new RequestedPlatforms(UNUSED).process(work, image, at, BEFORE, signal());
}

describe('the platforms of an image that are not signed', () => {
  it.each<[string, number | undefined, number, object]>([
    [
      'for there are more than any image has',
      33,
      200,
      {
        reason: 'TooManyPlatforms',
        terminal: true,
        message: expect.stringContaining('it has 33 platforms, and at most 32'),
      },
    ],
    [
      'for the request would sign more than it can keep account of',
      5,
      4,
      { reason: 'TooManyPlatforms', terminal: true, message: expect.stringContaining('more than 256 manifests') },
    ],
    [
      'for the index cannot be read',
      undefined,
      200,
      {
        reason: 'RetryingAfterFault',
        terminal: false,
        message: expect.stringContaining('team/app:v1: which platforms'),
      },
    ],
  ])('%s: that is told, and what was known of them stays', async (_, platforms, left, problem) => {
    const result = await processed(platforms, left);
    expect(result).toMatchObject({ signed: false, statuses: BEFORE, problem });
    expect(result.keys).toHaveLength(1);
  });

  it('are none where the index lists none', async () => {
    expect(await processed(0, 200)).toMatchObject({ signed: true, statuses: [], keys: [] });
  });
});
