import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseReference, type RegistryClient } from '../../src/oci/index.ts';
import { type FaultProxy, type RegistryOperation, startFaultProxy } from '../support/fault-proxy.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { type Chain, createChain } from '../support/pki.ts';
import { REGISTRY_KINDS, type Registry, startRegistry } from '../support/registries.ts';
import { deadline, localClient, localVerifier, signImage } from '../support/signed-images.ts';
import type { WireFault } from '../support/wire-faults.ts';

const USER = { username: 'robot', password: 'secret' };

/** What a registry with bearer tokens does before it answers: asks for one, gives one, and wants it for its scope. */
function bearerTokens(proxy: FaultProxy): WireFault {
  return {
    kind: 'answer',
    answer: ({ operation, url, headers }) => {
      if (operation === 'token') {
        const scope = new URL(url, proxy.origin).searchParams.get('scope') ?? '';
        const basic = `Basic ${Buffer.from(`${USER.username}:${USER.password}`).toString('base64')}`;
        if (headers.authorization !== basic) return { status: 401 };
        const body = Buffer.from(JSON.stringify({ token: Buffer.from(scope).toString('base64url'), expires_in: 300 }));
        return { status: 200, headers: { 'content-type': 'application/json' }, body };
      }
      const repository = /^\/v2\/(.+)\/(?:manifests|blobs|referrers)\//.exec(url)?.[1] ?? '';
      const token = Buffer.from(`repository:${repository}:pull`).toString('base64url');
      if (headers.authorization === `Bearer ${token}`) return undefined;
      const challenge = `Bearer realm="${proxy.origin}/token",service="test",scope="repository:${repository}:pull"`;
      return { status: 401, headers: { 'www-authenticate': challenge } };
    },
  };
}

describe.each(REGISTRY_KINDS)('requests to a registry with %s', (kind) => {
  let registry: Registry;
  let proxy: FaultProxy;
  let chain: Chain;
  const isByTag = kind === 'no-referrers';
  /** Of a registry that nobody asked before: that it lacks the Referrers API can only be found out by asking. */
  const first: readonly RegistryOperation[] = [
    'manifest',
    'referrers',
    ...(isByTag ? (['manifest'] as const) : []),
    'manifest',
    'blob',
  ];
  const list: RegistryOperation = isByTag ? 'manifest' : 'referrers';
  const cold: readonly RegistryOperation[] = ['manifest', list, 'manifest', 'blob'];

  beforeAll(async () => {
    registry = await startRegistry(kind);
    proxy = await startFaultProxy(registry.host);
    chain = await createChain();
  });
  afterAll(async () => {
    await proxy?.stop();
    await registry?.stop();
  });

  async function signed(repository: string): Promise<PushedImage> {
    const image = await pushImage(proxy.host, repository, 'v1');
    await signImage(localClient(), image, chain);
    return image;
  }

  /** One verification, and what it asked for. */
  async function asked(
    verifier: ReturnType<typeof localVerifier>,
    client: RegistryClient,
    image: PushedImage,
    from: 'registry' | 'kept',
  ): Promise<readonly RegistryOperation[]> {
    proxy.requests.length = 0;
    const { registry: host, repository } = parseReference(image.reference);
    const reference = { registry: host, repository, digest: image.digest };
    expect((await verifier.verify({ reference, client, list: from }, deadline())).verdict).toBe('Trusted');
    return proxy.requests.map(({ operation }) => operation);
  }

  it('a cold verification of one image with one signature is four, and at the first of a registry the refusal of the Referrers API besides; a recheck is one; a tick of expiry or revocation is none', async () => {
    const [image, other] = [await signed('counts/cold'), await signed('counts/other')];
    const verifier = localVerifier([image.repository, other.repository], { roots: chain.rootPem });
    const client = localClient();
    expect(await asked(verifier, client, image, 'registry')).toEqual(first);
    expect(await asked(verifier, client, image, 'registry')).toEqual([list]);
    expect(await asked(verifier, client, image, 'kept')).toEqual([]);
    expect(await asked(verifier, client, other, 'registry')).toEqual(cold);
    expect(await asked(verifier, client, other, 'registry')).toEqual([list]);
  });

  it('bearer tokens add one request a scope, and one a registry to learn what it asks for', async () => {
    const [one, two] = [await signed('counts/one'), await signed('counts/two')];
    const tokens = proxy.inject({}, bearerTokens(proxy));
    try {
      const verifier = localVerifier([one.repository, two.repository], { roots: chain.rootPem });
      const client = localClient({ credentials: { credentialsFor: async () => ({ kind: 'basic', ...USER }) } });
      expect(await asked(verifier, client, one, 'registry')).toEqual(['manifest', 'token', ...first]);
      expect(await asked(verifier, client, two, 'registry')).toEqual(['token', ...cold]);
      expect(await asked(verifier, client, one, 'registry')).toEqual([list]);
      expect(await asked(verifier, client, two, 'kept')).toEqual([]);
    } finally {
      tokens.remove();
    }
  });
});
