import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ImageVerdict } from '../../../src/api/image-verdict.ts';
import type { Descriptor } from '../../../src/notary/index.ts';
import {
  type CacheRead,
  type ImageEvaluation,
  imageKey,
  openVerdictCache,
  type VerdictCache,
  VerdictStore,
} from '../../../src/verification/index.ts';
import { type Chain, createChain } from '../../support/pki.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';
import { RegistryWorld } from './registry-world.ts';

const MINUTE_MS = 60_000;

let chain: Chain;
beforeAll(async () => {
  chain = await createChain();
});

let world: RegistryWorld;
let folder: TemporaryFolder;
let cache: VerdictCache;
let verdicts: VerdictStore;
let reads: CacheRead[];
let faults: unknown[];
let image: Descriptor;
let signature: string;

beforeEach(async () => {
  world = await new RegistryWorld(chain).start();
  folder = await temporaryFolder('restart');
  faults = [];
  image = world.platform('amd64');
  signature = world.sign(image);
  start();
});
afterEach(async () => {
  await world.stop();
  await cache.flush();
  expect(faults).toEqual([]);
  await folder.remove();
});

const key = (of: Descriptor): string => imageKey(`${world.registry?.host}/app`, of.digest);

/** A verifier and verdicts that know nothing but what the folder gives them. */
function start(): void {
  reads = [];
  cache = openVerdictCache({
    folder: folder.path,
    clock: () => world.now,
    onFault: (error) => faults.push(error),
    onRead: (result) => reads.push(result),
  });
  world.verifier = world.newVerifier({ verdictCache: cache });
  verdicts = new VerdictStore();
  verdicts.onUpdate((each, verdict) => world.verifier.keep(each, verdict));
}

async function restart(laterMs = 0): Promise<void> {
  await cache.flush();
  world.now = new Date(world.now.getTime() + laterMs);
  start();
}

/** Verifies an image as the operator does. @returns the verdict, the evaluation, and how many requests that cost */
async function look(
  of = image,
  named?: readonly string[],
): Promise<{ verdict: ImageVerdict; evaluation: ImageEvaluation; asked: readonly string[] }> {
  const from = world.requests();
  const evaluation = await world.verify(of, named);
  const asked = (world.registry?.requests ?? []).slice(from).map((request) => request.replace(/\?.*/, ''));
  return { verdict: verdicts.update(key(of), evaluation), evaluation, asked };
}

describe('a restart with the verdict cache', () => {
  it('costs one request for an image: which signatures it has now', async () => {
    expect((await look()).asked.length).toBe(4);
    await restart();
    const { verdict, asked } = await look();
    expect(verdict.verdict).toBe('Trusted');
    expect(asked).toEqual([`GET /v2/app/referrers/${image.digest}`]);
    expect(reads).not.toContain('dropped');
    // And then none, as ever.
    const from = world.requests();
    await world.verify(image, [], { list: 'kept' });
    expect(world.requests()).toBe(from);
  });

  it('also where only the time to list again is not there yet: what the registry lists is confirmed once', async () => {
    await look();
    await restart();
    const from = world.requests();
    expect((await world.verify(image, [], { list: 'kept' })).verdict).toBe('Trusted');
    expect(world.requests()).toBe(from + 1);
  });

  it('a signature that was removed meanwhile counts no more', async () => {
    await look();
    await restart();
    world.unsign(image, signature);
    expect((await look()).verdict.verdict).toBe('Unsigned');
  });

  it('a cause keeps its beginning, and an Unknown what was known before', async () => {
    world.unsign(image, signature);
    const first = await look();
    await restart(MINUTE_MS);
    expect((await look()).verdict.cause?.since).toBe(first.verdict.cause?.since);
    await restart(3 * 60 * MINUTE_MS);
    world.faults.set('/referrers/', 503);
    const unknown = (await look()).verdict;
    expect(unknown.verdict).toBe('Unknown');
    expect(unknown.lastKnown?.verdict).toBe('Unsigned');
    await restart(MINUTE_MS);
    expect((await look()).verdict).toMatchObject({
      lastKnown: unknown.lastKnown,
      cause: { since: unknown.cause?.since },
    });
  });

  it('a certificate that was revoked meanwhile is told, the registry down or not', async () => {
    await look();
    await restart(MINUTE_MS);
    world.checkRevocation = async () => ({
      status: 'revoked',
      kind: 'certificate',
      reason: 'revoked',
      revoked: ['CN=x'],
    });
    world.faults.set('/v2/', 503);
    expect((await look()).verdict.verdict).toBe('Revoked');
    world.faults.clear();
    expect((await look()).verdict.verdict).toBe('Revoked');
  });

  it('an image that is forgotten leaves no list and nothing told behind', async () => {
    await look();
    world.verifier.forget(key(image));
    await restart();
    expect(await cache.readList(key(image))).toBeUndefined();
    expect(await cache.readVerdict(key(image))).toBeUndefined();
  });
});

describe('while the registry is out of reach at a restart', () => {
  it.each<[string, number]>([
    ['answers 503', 503],
    ['throttles', 429],
    ['refuses the credentials', 403],
  ])('and %s, the list of before stands in, with its age, until it is too old', async (_name, status) => {
    const { evaluatedAt } = (await look()).evaluation;
    await restart(59 * MINUTE_MS);
    world.faults.set('/v2/', status);
    const { verdict, evaluation } = await look();
    expect(verdict).toMatchObject({ verdict: 'Trusted', verifiedAt: evaluatedAt });
    expect(evaluation.changesAt).toEqual(new Date(world.now.getTime() + MINUTE_MS));
    // It is never kept as if it had been confirmed.
    const from = world.requests();
    await world.verify(image, [], { list: 'kept' });
    expect(world.requests()).toBeGreaterThan(from);
    world.now = new Date(world.now.getTime() + MINUTE_MS);
    const late = (await look()).verdict;
    expect(late.verdict).toBe('Unknown');
    expect(late.lastKnown).toEqual({ verdict: 'Trusted', verifiedAt: evaluatedAt });
    world.faults.clear();
    expect((await look()).verdict).toMatchObject({ verdict: 'Trusted', verifiedAt: world.now });
  });

  it('nothing stands in for a registry that is there, and whose answer is none', async () => {
    await look();
    await restart();
    world.faults.set('/referrers/', 404);
    world.faults.set('/manifests/sha256-', 200);
    const { verdict } = await look();
    expect(verdict).toMatchObject({ verdict: 'Unknown', lastKnown: { verdict: 'Trusted' } });
  });

  it('that an image was unsigned, or no signature passed, is not told of a list of before', async () => {
    world.unsign(image, signature);
    expect((await look()).verdict.verdict).toBe('Unsigned');
    await restart();
    world.faults.set('/v2/', 503);
    expect((await look()).verdict).toMatchObject({
      verdict: 'Unknown',
      cause: { reason: 'RegistryUnreachable' },
      lastKnown: { verdict: 'Unsigned' },
    });
  });

  it('what was Unknown before for the registry stays so: a restart brings no news', async () => {
    await look();
    world.faults.set('/v2/', 503);
    expect((await look()).verdict.verdict).toBe('Unknown');
    await restart();
    expect((await look()).verdict).toMatchObject({ verdict: 'Unknown', lastKnown: { verdict: 'Trusted' } });
  });

  it('without a cache nothing stands in', async () => {
    await look();
    world.verifier = world.newVerifier();
    world.faults.set('/v2/', 503);
    expect((await world.verify(image)).verdict).toBe('Unknown');
  });
});

describe('an image that an index covers, after a restart', () => {
  let index: Descriptor;
  beforeEach(() => {
    world.unsign(image, signature);
    index = world.index([image]);
    world.tags.set('v1', index.digest);
    world.sign(index);
  });

  it('is found covered again although its tag moved on (A9)', async () => {
    expect((await look()).verdict.coveredBy).toEqual({ digest: index.digest });
    await restart();
    world.tags.set('v1', world.platform('another').digest);
    const { verdict, asked } = await look();
    expect(verdict).toMatchObject({ verdict: 'Trusted', coveredBy: { digest: index.digest } });
    expect(asked).toEqual([`GET /v2/app/referrers/${image.digest}`, `GET /v2/app/referrers/${index.digest}`]);
  });

  it('is covered by no index that the cache names and that does not list it', async () => {
    const other = world.platform('evil');
    expect((await look()).verdict.verdict).toBe('Trusted');
    expect((await look(other, [])).verdict.verdict).toBe('Unsigned');
    const told = { verdict: 'Trusted', verifiedAt: world.now } as const;
    cache.writeVerdict(key(other), { verdict: told, indexes: [index.digest] });
    await restart();
    expect((await look(other, [])).verdict.verdict).toBe('Unsigned');
  });
});

describe('whoever can write the folder', () => {
  /** Rewrites each file's content, with a header that fits it. */
  async function forge(change: (kind: string, content: string) => string): Promise<void> {
    await cache.flush();
    for (const name of await readdir(folder.path)) {
      const path = join(folder.path, name);
      const bytes = await readFile(path);
      const end = bytes.indexOf(0x0a);
      const header = JSON.parse(bytes.toString('utf8', 0, end)) as { readonly kind: string };
      const content = Buffer.from(change(header.kind, bytes.toString('latin1', end + 1)), 'latin1');
      const sha256 = createHash('sha256').update(content).digest('hex');
      await writeFile(path, Buffer.concat([Buffer.from(`${JSON.stringify({ ...header, sha256 })}\n`), content]));
    }
  }

  it('makes us ask again, and no more', async () => {
    await look();
    await forge((kind, content) => (kind === 'content' ? content.replace('schemaVersion', 'schemaVersi0n') : content));
    await restart();
    const { verdict, asked } = await look();
    expect(verdict.verdict).toBe('Trusted');
    // Both manifests, whose bytes were changed; the envelope is as it was.
    expect(asked.length).toBe(3);
    expect(reads.filter((result) => result === 'dropped').length).toBe(2);
  });

  it('makes no unsigned image trusted by what it says was told, nor by a list with a signature of another', async () => {
    const other = world.platform('evil');
    await look();
    await look(other, []);
    cache.writeVerdict(key(other), { verdict: { verdict: 'Trusted', verifiedAt: world.now }, indexes: [] });
    await cache.flush();
    const list = await cache.readList(key(image));
    cache.writeList(key(other), list ?? expect.fail('no list'));
    await restart();
    expect((await look(other, [])).verdict.verdict).toBe('Unsigned');
    await restart();
    world.faults.set('/v2/', 503);
    cache.writeList(key(other), list ?? expect.fail('no list'));
    await cache.flush();
    expect((await look(other, [])).verdict.verdict).toBe('Unknown');
  });
});

describe('several verifications of one image at once', () => {
  it('fetch once, each is judged for itself', async () => {
    const from = world.requests();
    const found = await Promise.all([
      world.verify(image),
      world.verify(image, [], { list: 'kept' }),
      world.verify(image, [], { requiredMetadata: { a: 'b' } }),
      world.verify(image),
    ]);
    expect(found.map(({ verdict }) => verdict)).toEqual(['Trusted', 'Trusted', 'Untrusted', 'Trusted']);
    // The one that does not find what it looks for asks once more for the list.
    expect(world.requests() - from).toBe(5);
  });

  it('who signs sees what was pushed last, and asks for itself', async () => {
    const from = world.requests();
    await Promise.all([world.verify(image), world.verify(image, [], { exhaustive: true })]);
    expect(world.requests() - from).toBe(5);
  });

  it('one that is refused takes no other down with it', async () => {
    world.faults.set('/referrers/', 403);
    const first = world.verify(image);
    const second = world.verify(image).then((evaluation) => evaluation.verdict);
    expect((await first).verdict).toBe('Unknown');
    world.faults.clear();
    expect(await second).toBe('Trusted');
  });

  it('a list from before the one that was waited for will not do', async () => {
    await look();
    world.faults.set('/referrers/', 503);
    const found = await Promise.all([world.verify(image), world.verify(image)]);
    expect(found.map(({ verdict }) => verdict)).toEqual(['Unknown', 'Unknown']);
  });

  it('what changed while one waited counts for it', async () => {
    const first = world.verify(image);
    const second = world.verify(image);
    expect((await first).verdict).toBe('Trusted');
    world.checkRevocation = async () => ({
      status: 'revoked',
      kind: 'certificate',
      reason: 'revoked',
      revoked: ['CN=x'],
    });
    expect((await second).verdict).toBe('Revoked');
  });
});
