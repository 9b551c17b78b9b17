import { describe, expect, it } from 'vitest';
import {
  type ChainRevocationChecker,
  createChainRevocationChecker,
  FetchError,
  type RevocationCache,
  type RevocationResult,
} from '../../../../src/notary/index.ts';
import { AnswerStore } from '../../../../src/notary/revocation/answer-store.ts';
import type { Chain } from '../../../support/pki.ts';
import { DAY_MS, NOW } from '../harness.ts';
import {
  authority,
  CRL_URL,
  CURRENT,
  createChainOfThree,
  createRevocableChain,
  crl,
  entry,
  HOUR_MS,
  network,
  OCSP_URL,
  ocspAnswer,
  REVOKED_AT,
  told,
} from './world.ts';

const ocspOnly = await createRevocableChain({ ocsp: [OCSP_URL] });
const crlOnly = await createRevocableChain({ crl: [CRL_URL] });
const unreachable = new FetchError('Unreachable', 'nobody answers');

function ask(checker: ChainRevocationChecker, chain: Chain, afterMs = 0): Promise<RevocationResult> {
  const now = new Date(NOW.getTime() + afterMs);
  return checker({ certificates: chain.certificates }, { now, signal: AbortSignal.timeout(10_000) });
}

/** A cache that keeps what it is given, and that tests may spoil. */
function memoryCache(): { cache: RevocationCache; entries: Map<string, { bytes: Uint8Array; fetchedAt: Date }> } {
  const entries = new Map<string, { bytes: Uint8Array; fetchedAt: Date }>();
  return {
    entries,
    cache: {
      read: async (key) => entries.get(key),
      write: async (key, bytes, fetchedAt) => {
        entries.set(key, { bytes, fetchedAt });
      },
    },
  };
}

describe.each<readonly [string, Chain, string, (changes?: object) => Buffer, (chain: Chain) => object]>([
  [
    'an OCSP answer',
    ocspOnly,
    OCSP_URL,
    (changes) => ocspAnswer(ocspOnly, changes),
    () => ({ status: { at: REVOKED_AT } }),
  ],
  ['a CRL', crlOnly, CRL_URL, (changes) => crl(crlOnly, changes), (chain) => ({ entries: [entry(chain)] })],
])('%s is kept (notary.md H6)', (_what, chain, url, answer, revoking) => {
  it('and not asked for again before the refresh is due (H6)', async () => {
    const { fetch, asked } = network({ [url]: answer() });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    expect(told(await ask(checker, chain))).toBe('good');
    expect(told(await ask(checker, chain, HOUR_MS - 1))).toBe('good');
    expect(asked.length).toBe(1);
    await ask(checker, chain, HOUR_MS);
    expect(asked.length).toBe(2);
  });

  it('a revocation is seen at the refresh, although the first answer would stand for a week (H6)', async () => {
    let current = answer();
    const { fetch } = network({ [url]: () => current });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    expect(told(await ask(checker, chain))).toBe('good');
    current = answer({ ...revoking(chain), thisUpdate: NOW });
    expect(told(await ask(checker, chain, HOUR_MS))).toBe('revoked');
  });

  it('until its nextUpdate where the refresh fails, and no longer (H6)', async () => {
    let up = true;
    const { fetch, asked } = network({
      [url]: () => {
        if (up) return answer();
        throw unreachable;
      },
    });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    await ask(checker, chain);
    up = false;
    const kept = await ask(checker, chain, 2 * HOUR_MS);
    // It says when it will be asked for again: within a minute, not after another hour.
    expect(kept).toMatchObject({ status: 'good', validUntil: new Date(NOW.getTime() + 2 * HOUR_MS + 60_000) });
    await ask(checker, chain, 2 * HOUR_MS + 30_000);
    expect(asked.length).toBe(2);
    expect(told(await ask(checker, chain, 7 * DAY_MS - 1))).toBe('good');
    expect(told(await ask(checker, chain, 7 * DAY_MS))).toMatch(/^unknown: .*nobody answers/);
  });

  it('and an older answer does not take its place: a revocation cannot be replayed away (H6)', async () => {
    let current = answer({ ...revoking(chain), thisUpdate: NOW });
    const { fetch, asked } = network({ [url]: () => current });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    expect(told(await ask(checker, chain))).toBe('revoked');
    current = answer();
    expect(told(await ask(checker, chain, HOUR_MS))).toBe('revoked');
    expect(asked.length).toBe(2);
  });

  it('one exchange serves all who ask at once (H6)', async () => {
    const go = Promise.withResolvers<void>();
    const { fetch, asked } = network({
      [url]: async () => {
        await go.promise;
        return answer();
      },
    });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    const all = Promise.all([ask(checker, chain), ask(checker, chain), ask(checker, chain)]);
    go.resolve();
    expect((await all).map(told)).toEqual(['good', 'good', 'good']);
    expect(asked.length).toBe(1);
  });

  it('one who gives up leaves the exchange to the others (H6)', async () => {
    const go = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const { fetch, asked } = network({
      [url]: async () => {
        begun.resolve();
        await go.promise;
        return answer();
      },
    });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    const controller = new AbortController();
    const first = checker({ certificates: chain.certificates }, { now: NOW, signal: controller.signal });
    const second = ask(checker, chain);
    await begun.promise;
    controller.abort(new Error('gave up'));
    await expect(first).rejects.toThrow('gave up');
    go.resolve();
    expect(told(await second)).toBe('good');
    expect(asked.length).toBe(1);
  });

  it('a failure is remembered for five seconds, so that nobody is hammered (H6)', async () => {
    const { fetch, asked } = network({ [url]: unreachable });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    for (const afterMs of [0, 1_000, 4_999]) expect((await ask(checker, chain, afterMs)).status).toBe('unknown');
    expect(asked.length).toBe(1);
    await ask(checker, chain, 5_000);
    expect(asked.length).toBe(2);
  });

  it('outlives the process in a cache, and is verified again when it comes from there (H6)', async () => {
    const { cache, entries } = memoryCache();
    const first = createChainRevocationChecker({
      fetch: network({ [url]: answer() }).fetch,
      refreshMs: HOUR_MS,
      cache,
    });
    await ask(first, chain);
    expect(entries.size).toBe(1);
    const [key] = entries.keys();
    const stored = entries.get(key ?? '');
    if (key === undefined || stored === undefined) throw new Error('nothing was kept');
    expect(key).toMatch(/^[a-z0-9-]+$/);

    const restarted = () => createChainRevocationChecker({ fetch: network({}).fetch, refreshMs: HOUR_MS, cache });
    expect(told(await ask(restarted(), chain, 1_000))).toBe('good');
    const forged = Buffer.from(stored.bytes);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    for (const bytes of [forged, Buffer.from('garbage'), Buffer.alloc(0)]) {
      entries.set(key, { ...stored, bytes });
      expect((await ask(restarted(), chain, 1_000)).status).toBe('unknown');
      // It is as if nothing were there: the answer is fetched anew.
      const { fetch } = network({ [url]: answer() });
      const online = createChainRevocationChecker({
        fetch,
        refreshMs: HOUR_MS,
        cache: { ...cache, write: async () => {} },
      });
      expect(told(await ask(online, chain, 1_000))).toBe('good');
    }
    entries.set(key, stored);
    // Stale is stale, wherever it comes from.
    expect((await ask(restarted(), chain, 7 * DAY_MS)).status).toBe('unknown');
  });

  it('a time of fetching that is still to come does not put off the next question (H6)', async () => {
    const { cache, entries } = memoryCache();
    await ask(
      createChainRevocationChecker({ fetch: network({ [url]: answer() }).fetch, refreshMs: HOUR_MS, cache }),
      chain,
    );
    for (const [key, value] of entries) entries.set(key, { ...value, fetchedAt: new Date(NOW.getTime() + DAY_MS) });
    const { fetch, asked } = network({ [url]: answer() });
    await ask(createChainRevocationChecker({ fetch, refreshMs: HOUR_MS, cache }), chain, 1_000);
    expect(asked.length).toBe(1);
  });
});

describe('what is kept belongs to one question (notary.md H6)', () => {
  it('the CRL of another issuer at the same address does not serve (H4, H6)', async () => {
    const two = await createRevocableChain({ crl: [CRL_URL] });
    const { fetch } = network({ [CRL_URL]: crl(crlOnly) });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    expect(told(await ask(checker, crlOnly))).toBe('good');
    expect(told(await ask(checker, two))).toMatch(/^unknown: .*signature does not verify/);
  });

  it('one CRL serves all certificates of its issuer (H6)', async () => {
    const chain = await createChainOfThree({ crl: [CRL_URL] }, {});
    const [leaf, ca, root] = chain.certificates;
    if (leaf === undefined || ca === undefined || root === undefined) throw new Error('no chain');
    const { fetch, asked } = network({ [CRL_URL]: crl(chain, { entries: [entry(chain)] }) });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    const signal = AbortSignal.timeout(10_000);
    expect((await checker({ certificates: [leaf, ca, root] }, { now: NOW, signal })).status).toBe('revoked');
    expect((await checker({ certificates: [leaf, ca, root] }, { now: NOW, signal })).status).toBe('revoked');
    expect(asked.length).toBe(1);
    expect(authority(chain, 0).certificate).toBe(leaf);
  });

  it('a signed "unknown" is asked for again after five seconds: the certificate may be new (H6)', async () => {
    let status: 'good' | 'unknown' = 'unknown';
    const { fetch, asked } = network({ [OCSP_URL]: () => ocspAnswer(ocspOnly, { status }) });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    expect((await ask(checker, ocspOnly)).status).toBe('unknown');
    status = 'good';
    expect((await ask(checker, ocspOnly, 4_999)).status).toBe('unknown');
    expect((await ask(checker, ocspOnly, 5_000)).status).toBe('good');
    expect(asked.length).toBe(2);
  });
});

describe('AnswerStore (notary.md H6)', () => {
  const answerOf = (byteLength: number) => ({ ...CURRENT, byteLength });
  const refuse = (): never => {
    throw new Error('nothing is read');
  };

  it('keeps at most so many bytes; what was used least recently goes first (H6)', async () => {
    const store = new AnswerStore<ReturnType<typeof answerOf>>({ maxBytes: 10_000, refreshMs: HOUR_MS });
    for (const key of ['a', 'b', 'c']) await store.put(key, answerOf(2_000), Buffer.alloc(0), NOW);
    await store.find('a', NOW, refuse);
    await store.put('d', answerOf(2_000), Buffer.alloc(0), NOW);
    const kept = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (key) => (await store.find(key, NOW, refuse)) !== undefined),
    );
    expect(kept).toEqual([true, false, true, true]);
  });

  it('does not keep what is larger than it may be, and uses it once (H6)', async () => {
    const store = new AnswerStore<ReturnType<typeof answerOf>>({ maxBytes: 10_000, refreshMs: HOUR_MS });
    await store.put('small', answerOf(10), Buffer.alloc(0), NOW);
    expect((await store.put('large', answerOf(20_000), Buffer.alloc(0), NOW)).answer.byteLength).toBe(20_000);
    expect(await store.find('large', NOW, refuse)).toBeUndefined();
    expect(await store.find('small', NOW, refuse)).toBeDefined();
  });
});

it('what is looked for is told, and whether a fresh answer was kept', async () => {
  const lookups: boolean[] = [];
  const { fetch } = network({ [OCSP_URL]: ocspAnswer(ocspOnly) });
  const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS, onLookup: (isHit) => lookups.push(isHit) });
  await ask(checker, ocspOnly);
  await ask(checker, ocspOnly);
  await ask(checker, ocspOnly, HOUR_MS);
  expect(lookups).toEqual([false, true, false]);
});
