import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ImageVerdict } from '../../src/api/image-verdict.ts';
import { ARTIFACT_TYPE_NOTATION } from '../../src/notary/index.ts';
import { parseReference, type RegistryClient } from '../../src/oci/index.ts';
import { createDispatcher, HostLimiter } from '../../src/transport/index.ts';
import { type ImageEvaluation, imageKey, VerdictStore } from '../../src/verification/index.ts';
import { runBurst } from '../support/burst.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { type Chain, createChain } from '../support/pki.ts';
import { waitFor } from '../support/processes.ts';
import { REGISTRY_KINDS, type Registry, type RegistryKind, startRegistry } from '../support/registries.ts';
import { attach, deadline, evaluate, localClient, localVerifier, signImage } from '../support/signed-images.ts';
import { rewriteJson, status, throttle, type WireAnswer, type WireFault } from '../support/wire-faults.ts';

const JOSE = 'application/jose+json';
/** No fault may make us read so much: the largest limit is 32 MiB, and buffers of sockets hold a few more. */
const MUCH_BYTES = 64 * 1024 * 1024;

let chain: Chain;
const registries = new Map<RegistryKind, Registry>();
let counter = 0;

beforeAll(async () => {
  chain = await createChain();
  for (const kind of REGISTRY_KINDS) registries.set(kind, await startRegistry(kind));
});
afterAll(async () => {
  for (const registry of registries.values()) await registry.stop();
});

function hostOf(kind: RegistryKind): string {
  return registries.get(kind)?.host ?? '';
}

/** A new image, seen through a proxy, with a good signature unless it is to have none. */
async function signedImage(proxy: FaultProxy, isSigned = true): Promise<PushedImage> {
  counter += 1;
  const image = await pushImage(proxy.host, `faults/app${counter}`, 'v1');
  if (isSigned) await signImage(localClient(), image, chain);
  proxy.requests.length = 0;
  return image;
}

/** Judges as at first sight: nothing is kept of the image. */
function judge(image: PushedImage, client: RegistryClient = localClient()): Promise<ImageEvaluation> {
  return evaluate(client, image, { roots: chain.rootPem });
}

/** What a person sees after a good verdict and then this one. */
function told(image: PushedImage, good: ImageEvaluation, now: ImageEvaluation): ImageVerdict {
  const store = new VerdictStore();
  const key = imageKey(image.repository, image.digest);
  store.update(key, good);
  return store.update(key, now);
}

function expectLastKnown(verdict: ImageVerdict, good: ImageEvaluation, reason: string): void {
  expect(verdict).toMatchObject({
    verdict: 'Unknown',
    cause: { reason },
    lastKnown: { verdict: 'Trusted', verifiedAt: good.evaluatedAt },
  });
}

/** Sorts the referrers in an answer of either API, so that one digest is the last. */
function listedLast(digest: string): WireFault {
  return rewriteJson((json) => {
    const { manifests } = json as { readonly manifests?: readonly { readonly digest: string }[] };
    if (manifests === undefined) return json;
    return {
      ...json,
      manifests: manifests.toSorted((a, b) => Number(a.digest === digest) - Number(b.digest === digest)),
    };
  });
}

describe.each(REGISTRY_KINDS)('a registry with %s', (kind) => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await startFaultProxy(hostOf(kind));
  });
  afterEach(() => proxy.stop());

  it('21: a registry that refuses connections makes the verdict Unknown, keeps the last known one and its age, and is Trusted again when it is back', async () => {
    const image = await signedImage(proxy);
    const good = await judge(image);
    expect(good.verdict).toBe('Trusted');
    await proxy.refuse();
    expectLastKnown(told(image, good, await judge(image)), good, 'RegistryUnreachable');
    await proxy.listen();
    expect((await judge(image)).verdict).toBe('Trusted');
  });

  it.each([
    ['a reset connection', { kind: 'reset' }, 'RegistryUnreachable'],
    ['500', status(500), 'RegistryUnreachable'],
    ['503 for a day', status(503, { 'retry-after': '86400' }), 'RegistryUnreachable'],
    ['half an answer', { kind: 'truncate' }, 'RegistryUnreachable'],
    ['401 without a challenge', status(401), 'RegistryDenied'],
    ['403', status(403), 'RegistryDenied'],
  ] as const)(
    '21: %s at any step makes the verdict Unknown, never Unsigned or Untrusted',
    async (_name, fault, reason) => {
      const image = await signedImage(proxy);
      const good = await judge(image);
      const steps = [...proxy.requests];
      for (const { operation, url } of steps) {
        const exactly = { operation, url: new RegExp(`^${url.replaceAll(/[.?+]/g, '\\$&')}$`) };
        const injected = proxy.inject(exactly, fault);
        const evaluation = await judge(image, localClient({ maxAttempts: 1 }));
        expect(injected.hits(), `${operation} ${url}`).toBeGreaterThan(0);
        expectLastKnown(told(image, good, evaluation), good, reason);
        injected.remove();
      }
    },
  );

  it('22: a 429 storm keeps the verdict of a known image, and a new one waits and ends Trusted', async () => {
    const [known, fresh] = [await signedImage(proxy), await signedImage(proxy)];
    const verifier = localVerifier([known.repository, fresh.repository], {
      roots: chain.rootPem,
      keptListMaxAgeMs: 60_000,
    });
    const verify = (image: PushedImage, client: RegistryClient): Promise<ImageEvaluation> => {
      const { registry, repository } = parseReference(image.reference);
      return verifier.verify(
        { reference: { registry, repository, digest: image.digest }, client, list: 'registry' },
        deadline(),
      );
    };
    expect((await verify(known, localClient())).verdict).toBe('Trusted');
    const storm = proxy.inject({}, status(429, { 'retry-after': '3600' }));
    expect((await verify(known, localClient())).verdict).toBe('Trusted');
    expect((await verify(fresh, localClient())).cause?.reason).toBe('RegistryRateLimited');
    storm.remove();
    // Now it bears two requests a second, and says so.
    const limit = proxy.inject(
      {},
      throttle(2, () => '1'),
    );
    const client = localClient({ maxAttempts: 3, timeoutMs: 30_000 });
    expect((await verify(fresh, client)).verdict).toBe('Trusted');
    expect((await verify(known, client)).verdict).toBe('Trusted');
    expect(limit.hits()).toBeGreaterThan(4);
  });

  it.each([
    ['in seconds', (): string => '2', 2_000],
    // HTTP dates have whole seconds: between one and two are left.
    ['as a date', (): string => new Date(Date.now() + 2_000).toUTCString(), 1_000],
  ])(
    '22: Retry-After %s is obeyed by every request to that host, and other hosts are not held up',
    async (_form, retryAfter, atLeastMs) => {
      const other = await startFaultProxy(hostOf(kind));
      try {
        const [image, second, elsewhere] = [
          await signedImage(proxy),
          await signedImage(proxy),
          await signedImage(other),
        ];
        const limiter = new HostLimiter({ concurrency: 8 });
        const client = localClient({ maxAttempts: 2, limiter });
        const refusal = proxy.inject(
          {},
          { kind: 'answer', answer: () => ({ status: 429, headers: { 'retry-after': retryAfter() } }) },
          1,
        );
        const done: string[] = [];
        const verdict = judge(image, client).finally(() => done.push('throttled'));
        await waitFor('the refusal', async () => refusal.hits() === 1);
        const refusedAt = proxy.requests[0]?.at ?? Number.NaN;
        const also = judge(second, localClient({ limiter })).finally(() => done.push('throttled'));
        expect((await judge(elsewhere, client)).verdict).toBe('Trusted');
        done.push('elsewhere');
        expect([(await verdict).verdict, (await also).verdict]).toEqual(['Trusted', 'Trusted']);
        expect(done[0]).toBe('elsewhere');
        expect(other.requests.at(-1)?.at).toBeLessThan(proxy.requests[1]?.at ?? 0);
        expect((proxy.requests[1]?.at ?? 0) - refusedAt).toBeGreaterThanOrEqual(atLeastMs - 5);
      } finally {
        await other.stop();
      }
    },
  );

  it('22: without Retry-After it backs off longer and longer, and not in step with others', async () => {
    const image = await signedImage(proxy);
    proxy.inject({}, status(429), 3);
    const limiter = new HostLimiter({ concurrency: 8, random: () => 0.5 });
    const client = localClient({ maxAttempts: 3, timeoutMs: 30_000, limiter });
    expect((await judge(image, client)).verdict).toBe('Trusted');
    const [a = 0, b = 0, c = 0, d = 0] = proxy.requests.map(({ at }) => at);
    expect(b - a).toBeGreaterThanOrEqual(495);
    expect(c - b).toBeGreaterThanOrEqual(995);
    expect(d - c).toBeGreaterThanOrEqual(1_995);
  });

  it('25: an envelope that is not what its digest says is malformed: alone the image is Untrusted, and another signature is tried', async () => {
    const image = await signedImage(proxy);
    const first = proxy.inject({ operation: 'blob' }, { kind: 'corrupt' });
    const alone = await judge(image);
    expect([alone.verdict, alone.cause?.reason]).toEqual(['Untrusted', 'SignatureMalformed']);
    first.remove();
    await signImage(localClient(), image, chain);
    proxy.inject({ operation: 'blob' }, { kind: 'corrupt' }, 1);
    const both = await judge(image);
    expect(both.verdict).toBe('Trusted');
    expect(both.signatures.map((signature) => signature.kind)).toEqual(['malformed', 'evaluated']);
  });

  it('25: a signature manifest of another digest, or of another size than listed, is malformed; an image manifest of another digest makes it Unknown', async () => {
    const image = await signedImage(proxy);
    const good = await judge(image);
    const signature = good.signatures[0]?.digest ?? '';
    const manifest = { operation: 'manifest', url: new RegExp(`${signature}$`) } as const;
    const corrupted = proxy.inject(manifest, { kind: 'corrupt' });
    expect((await judge(image)).cause?.reason).toBe('SignatureMalformed');
    corrupted.remove();
    const list = kind === 'referrers' ? { operation: 'referrers' as const } : { url: /manifests\/sha256-/ };
    const resized = proxy.inject(
      list,
      rewriteJson((json) => ({
        ...json,
        manifests: (json['manifests'] as readonly { readonly size: number }[]).map((entry) => ({
          ...entry,
          size: entry.size + 1,
        })),
      })),
    );
    const wrongSize = await judge(image);
    expect([wrongSize.verdict, wrongSize.cause?.reason]).toEqual(['Untrusted', 'SignatureMalformed']);
    resized.remove();
    proxy.inject({ operation: 'manifest', url: new RegExp(`${image.digest}$`) }, { kind: 'corrupt' });
    expectLastKnown(told(image, good, await judge(image)), good, 'RegistryAnswerInvalid');
  });

  it('26: what is too large is refused while it is read: an image manifest, a list, a signature manifest, an envelope', async () => {
    const image = await signedImage(proxy);
    const good = await judge(image);
    const signature = good.signatures[0]?.digest ?? '';
    const flood: WireFault = { kind: 'oversize', bytes: 4 * MUCH_BYTES };
    const list = kind === 'referrers' ? { operation: 'referrers' as const } : { url: /manifests\/sha256-/ };
    for (const [matcher, verdict, reason] of [
      [{ url: new RegExp(`manifests/${image.digest}$`) }, 'Unknown', 'RegistryAnswerInvalid'],
      [list, 'Unknown', 'RegistryAnswerInvalid'],
      [{ url: new RegExp(`manifests/${signature}$`) }, 'Untrusted', 'SignatureMalformed'],
      [{ operation: 'blob' as const }, 'Untrusted', 'SignatureMalformed'],
    ] as const) {
      const injected = proxy.inject(matcher, flood);
      const evaluation = await judge(image);
      expect([evaluation.verdict, evaluation.cause?.reason]).toEqual([verdict, reason]);
      await waitFor('the flood to end', async () => injected.sentBytes() > 0);
      expect(injected.sentBytes()).toBeLessThan(MUCH_BYTES);
      injected.remove();
    }
  });

  it('26: content under an encoding is refused, not decompressed: the verdict is Unknown', async () => {
    const image = await signedImage(proxy);
    const bomb = gzipSync(Buffer.alloc(MUCH_BYTES));
    const encode = (answer: WireAnswer): WireAnswer => ({
      ...answer,
      headers: { ...answer.headers, 'content-encoding': 'gzip' },
      body: bomb,
    });
    for (const operation of ['manifest', 'blob'] as const) {
      const injected = proxy.inject({ operation }, { kind: 'rewrite', rewrite: encode });
      expect((await judge(image, localClient({ maxAttempts: 1 }))).verdict).toBe('Unknown');
      expect(injected.hits()).toBeGreaterThan(0);
      injected.remove();
    }
    expect(new Set(proxy.requests.map(({ headers }) => headers['accept-encoding']))).toEqual(new Set(['identity']));
  });

  it('31: a good signature behind junk, a corrupted and an unreadable one makes the image Trusted', async () => {
    const image = await signedImage(proxy, false);
    const client = localClient();
    await attach(client, image, Buffer.from('junk'), JOSE);
    const corrupted = await signImage(client, image, chain);
    const unreadable = await signImage(client, image, chain);
    const good = await signImage(client, image, chain);
    proxy.inject(kind === 'referrers' ? { operation: 'referrers' } : { url: /manifests\/sha256-/ }, listedLast(good));
    proxy.inject({ url: new RegExp(`manifests/${corrupted}$`) }, { kind: 'corrupt' });
    const broken = proxy.inject({ url: new RegExp(`manifests/${unreadable}$`) }, status(500));
    const evaluation = await judge(image, localClient({ maxAttempts: 1 }));
    expect(evaluation.verdict).toBe('Trusted');
    expect(evaluation.signatures.at(-1)?.digest).toBe(good);
    expect(evaluation.signatures).toHaveLength(4);
    expect(broken.hits()).toBe(1);
  });

  it('34: an answer that drips ends at the deadline: Unknown, with the last known verdict', async () => {
    const image = await signedImage(proxy);
    const good = await judge(image);
    for (const operation of ['manifest', 'blob'] as const) {
      const drip = proxy.inject({ operation }, { kind: 'drip', everyMs: 50 });
      const evaluation = await judge(image, localClient({ timeoutMs: 600 }));
      expectLastKnown(told(image, good, evaluation), good, 'RegistryUnreachable');
      await waitFor('the end of the drip', async () => drip.sentBytes() > 0);
      expect(drip.sentBytes()).toBeLessThan(300);
      drip.remove();
    }
  });

  it('34: signatures that are each just fast enough have one deadline together', async () => {
    const image = await signedImage(proxy, false);
    for (let i = 0; i < 5; i += 1) await attach(localClient(), image, Buffer.from(`junk ${i}`), JOSE);
    proxy.requests.length = 0;
    proxy.inject({ operation: 'blob' }, { kind: 'delay', ms: 400 });
    const evaluation = await evaluate(localClient(), image, { roots: chain.rootPem, timeoutMs: 1_000 });
    expect(evaluation.signatures).toHaveLength(5);
    expect([evaluation.verdict, evaluation.cause?.reason]).toEqual(['Unknown', 'RegistryUnreachable']);
    expect(proxy.counts().blob).toBeLessThan(5);
  });
});

it('22: a burst of new images on a host that throttles ends Trusted, tells nothing else before, and holds up no other host', async () => {
  const images = 30;
  const result = await runBurst({ images, perSecond: 10, others: 5, timeoutMs: 120_000 });
  expect(result.trusted).toBe(images);
  expect(result.flaps).toEqual([]);
  expect(result.refused).toBeGreaterThan(0);
  // Those of the other host were done while most of the burst still waited.
  expect(result.pendingAfterOthers).toBeGreaterThan(images / 2);
  // Four a verification; a refusal is answered by waiting, not by asking again and again.
  expect(result.requests - result.refused).toBe(4 * images);
  expect(result.refused).toBeLessThan(4 * images);
});

it('21: a registry whose name is not found makes the verdict Unknown', async () => {
  const image = { repository: 'no-such-registry.invalid/team/app', digest: `sha256:${'a'.repeat(64)}` };
  const client = localClient({ dispatcher: createDispatcher({ proxy: { http: '', https: '', none: '' } }) });
  const { verdict, cause } = await evaluate(client, image, { roots: chain.rootPem });
  expect([verdict, cause?.reason]).toEqual(['Unknown', 'RegistryUnreachable']);
});

describe('lists of referrers', () => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await startFaultProxy(hostOf('referrers'));
  });
  afterEach(() => proxy.stop());

  const junk = (i: number): object => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/spdx+json',
    digest: `sha256:${i.toString(16).padStart(64, '0')}`,
    size: 500,
  });

  /** One entry a page, as a server may do it. */
  const paged: WireFault = {
    kind: 'rewrite',
    rewrite: (answer, { url }) => {
      const json = JSON.parse(answer.body.toString('utf8')) as { readonly manifests: { readonly digest: string }[] };
      // This registry lists them in another order each time.
      json.manifests.sort((a, b) => (a.digest < b.digest ? -1 : 1));
      const page = Number(new URL(url, 'http://registry').searchParams.get('page') ?? '0');
      const link = `<${url.replace(/&page=\d+$/, '')}&page=${page + 1}>; rel="next"`;
      return {
        ...answer,
        headers: { ...answer.headers, ...(page + 1 < json.manifests.length ? { link } : {}) },
        body: Buffer.from(JSON.stringify({ ...json, manifests: json.manifests.slice(page, page + 1) })),
      };
    },
  };

  it('27: all pages are read, and what a server that ignores the filter lists beside is passed over here', async () => {
    const image = await signedImage(proxy, false);
    await attach(localClient(), image, Buffer.from('junk'), JOSE);
    await attach(localClient(), image, Buffer.from('more junk'), JOSE);
    const good = await signImage(localClient(), image, chain);
    proxy.inject({ operation: 'referrers' }, paged);
    const paginated = await judge(image);
    expect(paginated.verdict).toBe('Trusted');
    expect(proxy.counts().referrers).toBe(3);
    proxy.heal();
    proxy.requests.length = 0;
    proxy.inject(
      { operation: 'referrers' },
      {
        kind: 'rewrite',
        rewrite: (answer) => {
          const json = JSON.parse(answer.body.toString('utf8')) as { readonly manifests: readonly object[] };
          const { 'oci-filters-applied': _, ...headers } = answer.headers;
          const manifests = [...Array.from({ length: 200 }, (_each, i) => junk(i)), ...json.manifests];
          return { ...answer, headers, body: Buffer.from(JSON.stringify({ ...json, manifests })) };
        },
      },
    );
    const filtered = await judge(image);
    expect(filtered.verdict).toBe('Trusted');
    expect(filtered.signatures.map(({ digest }) => digest)).toContain(good);
    expect(filtered.signatures.length).toBeLessThanOrEqual(3);
    expect(proxy.requests[1]?.url).toContain(`artifactType=${encodeURIComponent(ARTIFACT_TYPE_NOTATION)}`);
  });

  it('28: where the Referrers API answers 404, the tag schema is read', async () => {
    const tags = await startFaultProxy(hostOf('no-referrers'));
    try {
      const image = await signedImage(tags);
      expect((await judge(image)).verdict).toBe('Trusted');
      expect(tags.requests.map(({ operation }) => operation)).toEqual([
        'manifest',
        'referrers',
        'manifest',
        'manifest',
        'blob',
      ]);
      expect(tags.requests[2]?.url).toMatch(/\/manifests\/sha256-[0-9a-f]{64}$/);
      // A host that has lost its registry says 404 to everything: that is no image without signatures.
      let passed = 0;
      tags.inject(
        {},
        {
          kind: 'answer',
          answer: () => {
            passed += 1;
            return passed === 1 ? undefined : { status: 404, body: Buffer.from('no backend') };
          },
        },
      );
      expect((await judge(image)).verdict).toBe('Unknown');
    } finally {
      await tags.stop();
    }
  });

  it.each([
    ['to itself', (url: string): string => url],
    ['in a circle of two', (url: string): string => (url.endsWith('&b') ? url.slice(0, -2) : `${url}&b`)],
    ['on without end', (url: string): string => `${url.replace(/&n=\d+$/, '')}&n=${Math.random().toString().slice(2)}`],
  ])('29: Link headers that lead %s stop after 100 pages at most: Unknown', async (_name, next) => {
    const image = await signedImage(proxy, false);
    proxy.inject(
      { operation: 'referrers' },
      {
        kind: 'rewrite',
        rewrite: (answer, { url }) => ({
          ...answer,
          headers: { ...answer.headers, link: `<${next(url)}>; rel="next"` },
        }),
      },
    );
    const evaluation = await judge(image);
    expect([evaluation.verdict, evaluation.cause?.reason]).toEqual(['Unknown', 'RegistryAnswerInvalid']);
    expect(proxy.counts().referrers).toBeLessThanOrEqual(100);
  });

  it('29: a Link to another origin is not followed: Unknown', async () => {
    const stranger = await startFaultProxy(hostOf('referrers'));
    try {
      const image = await signedImage(proxy);
      proxy.inject(
        { operation: 'referrers' },
        {
          kind: 'rewrite',
          rewrite: (answer, { url }) => ({
            ...answer,
            headers: { ...answer.headers, link: `<${stranger.origin}${url}>; rel="next"` },
          }),
        },
      );
      const { verdict, cause } = await judge(image);
      expect([verdict, cause?.reason]).toEqual(['Unknown', 'RegistryAnswerInvalid']);
      expect(stranger.requests).toEqual([]);
    } finally {
      await stranger.stop();
    }
  });
});

it.each(REGISTRY_KINDS)(
  '29: a blob that %s redirects to another origin is read there, without credentials',
  async (kind) => {
    const basic = { username: 'robot', password: 'secret' };
    const registry = await startRegistry(kind, { basic });
    const open = await startRegistry(kind);
    const proxy = await startFaultProxy(registry.host);
    const storage = await startFaultProxy(open.host);
    try {
      const image = await pushImage(proxy.host, 'faults/private', 'v1', { basic });
      const client = localClient({ credentials: { credentialsFor: async () => ({ kind: 'basic', ...basic }) } });
      await signImage(client, image, chain);
      // The storage has the same blobs, and asks for nothing.
      const copy = await pushImage(storage.host, 'faults/private', 'v1');
      const artifact = await evaluate(client, image, { roots: chain.rootPem });
      expect(artifact.verdict).toBe('Trusted');
      const blob = proxy.requests.findLast(({ operation, method }) => operation === 'blob' && method === 'GET');
      const { body } = await readBlob(proxy, blob?.url ?? '', basic);
      await localClient().pushBlob(parseReference(copy.reference), body, JOSE, deadline());
      storage.requests.length = 0;
      proxy.inject({ operation: 'blob' }, { kind: 'redirect', origin: storage.origin });
      expect((await judge(image, client)).verdict).toBe('Trusted');
      expect(storage.requests.map(({ operation }) => operation)).toEqual(['blob']);
      expect(storage.requests[0]?.headers.authorization).toBeUndefined();
      expect(storage.requests[0]?.headers.cookie).toBeUndefined();
      // One that asks for credentials gets none either.
      storage.inject({ operation: 'blob' }, status(401, { 'www-authenticate': 'Basic realm="storage"' }));
      expect((await judge(image, client)).verdict).toBe('Unknown');
      expect(storage.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    } finally {
      for (const each of [proxy, storage, registry, open]) await each.stop();
    }
  },
);

async function readBlob(
  proxy: FaultProxy,
  path: string,
  basic: { readonly username: string; readonly password: string },
): Promise<{ readonly body: Buffer }> {
  const authorization = `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
  const response = await fetch(`${proxy.origin}${path}`, { headers: { authorization } });
  expect(response.status).toBe(200);
  return { body: Buffer.from(await response.arrayBuffer()) };
}

it('30: a thousand junk signatures are tried up to the limit, and told with a reason of its own', async () => {
  const proxy = await startFaultProxy(hostOf('referrers'));
  try {
    const image = await signedImage(proxy, false);
    const client = localClient();
    const push = async (first: number): Promise<void> => {
      for (let junk = first; junk < 1_000; junk += 10) await attach(client, image, Buffer.from(`junk ${junk}`), JOSE);
    };
    await Promise.all(Array.from({ length: 10 }, (_, first) => push(first)));
    proxy.requests.length = 0;
    const { verdict, cause, signatures, truncated } = await judge(image);
    expect([verdict, cause?.reason, truncated]).toEqual(['Untrusted', 'TooManySignatures', true]);
    expect(signatures).toHaveLength(100);
    // The image, its signatures' list, and a manifest and an envelope of each that is tried: no more is asked for.
    expect(proxy.requests.length).toBeLessThanOrEqual(2 + 2 * 100);
  } finally {
    await proxy.stop();
  }
});
