import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Descriptor } from '../../../src/notary/index.ts';
import { type Chain, createChain } from '../../support/pki.ts';
import { RegistryWorld } from './registry-world.ts';

const DAY_MS = 86_400_000;

describe('signatures on a registry that was found to lack the Referrers API (notary.md A4, A5)', () => {
  let chain: Chain;
  let stranger: Chain;
  let world: RegistryWorld;
  /** Known and Trusted: by its verification it is known that the registry has no Referrers API. */
  let known: Descriptor;
  let image: Descriptor;

  beforeAll(async () => {
    [chain, stranger] = [await createChain(), await createChain()];
  });
  beforeEach(async () => {
    world = await new RegistryWorld(chain).start();
    world.faults.set('/referrers/', 404);
    [known, image] = [world.platform('known'), world.platform('image')];
    world.tag(known, [world.sign(known)]);
    expect(await verdictOn(known)).toEqual(['Trusted', ['resolve', 'api', 'tag', 'resolve', 'blob']]);
  });
  afterEach(() => world.stop());

  /** The verdict, and what was asked for it: the tag, the API, or content by digest. */
  async function verdictOn(
    subject: Descriptor,
    more: Parameters<RegistryWorld['verify']>[2] = {},
  ): Promise<readonly [string, readonly string[]]> {
    const before = world.requests();
    const { verdict } = await world.verify(subject, [], more);
    const asked = (world.registry?.requests ?? []).slice(before).map((request) => {
      if (request.includes('/referrers/')) return 'api';
      if (request.includes('/manifests/sha256-')) return 'tag';
      return request.includes('/blobs/') ? 'blob' : 'resolve';
    });
    return [verdict, asked];
  }

  it('are listed by the tag alone where one of them passes: four requests, then one, then none', async () => {
    world.tag(image, [world.sign(image)]);
    expect(await verdictOn(image)).toEqual(['Trusted', ['resolve', 'tag', 'resolve', 'blob']]);
    expect(await verdictOn(image)).toEqual(['Trusted', ['tag']]);
    expect(await verdictOn(image, { list: 'kept' })).toEqual(['Trusted', []]);
  });

  it('tell of what is looked for in the caches, a list only where a kept one would do', async () => {
    world.tag(image, [world.sign(image)]);
    world.lookups.length = 0;
    await verdictOn(image);
    expect(world.lookups).toEqual(['signature miss']);
    await verdictOn(image, { list: 'kept' });
    expect(world.lookups.slice(1)).toEqual(['list hit', 'signature hit']);
  });

  it('are never called none before both were asked', async () => {
    const { verdict } = await world.verify(image, []);
    expect(verdict).toBe('Unsigned');
    expect(world.registry?.requests.slice(-2).map((request) => request.includes('/referrers/'))).toEqual([false, true]);
  });

  it('that only the API lists count as soon as the registry has it: where the tag lists nothing', async () => {
    world.sign(image);
    world.faults.clear();
    expect(await verdictOn(image)).toEqual(['Trusted', ['resolve', 'tag', 'api', 'resolve', 'blob']]);
    // It is known now: nobody asks by the tag any more.
    expect(await verdictOn(image)).toEqual(['Trusted', ['api']]);
  });

  it('that only the API lists count as soon as the registry has it: where none that the tag lists passes', async () => {
    world.tag(image, [world.sign(image, stranger)]);
    expect((await verdictOn(image))[0]).toBe('Untrusted');
    world.sign(image);
    world.faults.clear();
    const [verdict, asked] = await verdictOn(image);
    expect([verdict, asked.slice(0, 2)]).toEqual(['Trusted', ['tag', 'api']]);
  });

  it('that only the API lists count when the one that the tag lists does not hold any more, at that very tick', async () => {
    world.tag(image, [world.sign(image)]);
    const judged: string[] = [];
    world.checkRevocation = async ({ signature }) => {
      judged.push(Buffer.from(signature).toString('base64'));
      return { status: 'good', reason: 'not revoked' };
    };
    expect((await verdictOn(image))[0]).toBe('Trusted');
    world.sign(image);
    world.faults.clear();
    world.checkRevocation = async ({ signature }) =>
      judged.includes(Buffer.from(signature).toString('base64'))
        ? { status: 'revoked', reason: 'its key was lost', kind: 'certificate', revoked: ['CN=leaf'] }
        : { status: 'good', reason: 'not revoked' };
    const [verdict, asked] = await verdictOn(image, { list: 'kept' });
    expect([verdict, asked.slice(0, 1)]).toEqual(['Trusted', ['api']]);
  });

  it('a fault of the API is Unknown where none that the tag lists passes, never Untrusted', async () => {
    world.tag(image, [world.sign(image, stranger)]);
    world.faults.set('/referrers/', 503);
    expect((await verdictOn(image))[0]).toBe('Unknown');
  });

  it('a list by the tag alone does not stand in for an API that throttles: the one that passes may be listed there', async () => {
    world.tag(image, [world.sign(image, stranger)]);
    world.faults.set('/referrers/', 429);
    expect((await verdictOn(image))[0]).toBe('Unknown');
    expect((await verdictOn(image))[0]).toBe('Unknown');
  });

  it('a kept list by the tag is judged without the registry when that is down: what does not hold any more is told', async () => {
    world.tag(image, [world.sign(image)]);
    expect((await verdictOn(image))[0]).toBe('Trusted');
    world.faults.set('/', 503);
    world.now = new Date(world.now.getTime() + 10_000 * DAY_MS);
    expect((await verdictOn(image, { list: 'kept' }))[0]).toBe('Expired');
  });

  it('whoever signs is given those of both', async () => {
    world.tag(image, [world.sign(image)]);
    expect(await verdictOn(image, { exhaustive: true })).toEqual([
      'Trusted',
      ['resolve', 'api', 'tag', 'resolve', 'blob'],
    ]);
  });
});
