import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listSignatures, parseReference } from '../../src/oci/index.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { type IndexWriter, startIndexWriter } from '../support/index-writer.ts';
import {
  type InterleavingProxy,
  interleavings,
  type Step,
  startInterleavingProxy,
} from '../support/interleaving-proxy.ts';
import { type Registry, startRegistry } from '../support/registries.ts';
import { deadline, localClient, subjectOf } from '../support/signed-images.ts';

/** What a writer does until it has read back once; the second read back comes a while later. */
const stepsOf = (writer: string): readonly Step[] => [`${writer} GET`, `${writer} PUT`, `${writer} GET`];
const ALL = interleavings(stepsOf('A'), stepsOf('B')).map((order, i) => ({ order, name: order.join(', '), i }));

let registry: Registry;
let proxy: InterleavingProxy;
/** Two processes. */
let a: IndexWriter;
let b: IndexWriter;

beforeAll(async () => {
  registry = await startRegistry('no-referrers');
  proxy = await startInterleavingProxy(registry.host);
  [a, b] = [startIndexWriter('A'), startIndexWriter('B')];
});
afterAll(async () => {
  await a?.stop();
  await b?.stop();
  await proxy?.stop();
  await registry?.stop();
});

interface Target {
  readonly repository: string;
  readonly reference: string;
  readonly subject: ReturnType<typeof subjectOf>;
  readonly image: PushedImage;
}

async function push(repository: string): Promise<Target> {
  const image = await pushImage(registry.host, repository, 'v1');
  return { repository, image, reference: `${proxy.host}/${repository}@${image.digest}`, subject: subjectOf(image) };
}

async function listed({ image }: Target): Promise<readonly string[]> {
  const reference = parseReference(image.reference);
  const { signatures } = await listSignatures(localClient(), reference, subjectOf(image), { max: 100 }, deadline());
  return signatures.map(({ digest }) => digest).sort();
}

const sign = (writer: IndexWriter, { reference, subject }: Target, envelope: string): Promise<string> =>
  writer.run({ kind: 'push', reference, subject, envelope });
const remove = (writer: IndexWriter, { reference, subject }: Target, digest: string): Promise<string> =>
  writer.run({ kind: 'delete', reference, subject, digest });

it('two writers of three steps can meet in twenty ways (A5)', () => {
  expect(new Set(ALL.map(({ name }) => name)).size).toBe(20);
});

describe.concurrent('two processes that write one index, whatever their order (A5)', () => {
  it.each(ALL)('both sign an image that has no index yet: nothing is lost: $name', async ({ order, i }) => {
    const target = await push(`first/app-${i}`);
    proxy.order(target.repository, order);
    const made = await Promise.all([sign(a, target, 'a'), sign(b, target, 'b')]);
    expect(proxy.left(target.repository)).toEqual([]);
    expect(proxy.seen(target.repository).slice(0, 6)).toEqual(order);
    expect(await listed(target)).toEqual(made.sort());
  });

  it.each(ALL)('one signs, one deletes, and a third signature stays: $name', async ({ order, i }) => {
    const target = await push(`mixed/app-${i}`);
    const [kept, old] = [await sign(a, target, 'kept'), await sign(b, target, 'old')];
    proxy.order(target.repository, order);
    const [made] = await Promise.all([sign(a, target, 'a'), remove(b, target, old)]);
    expect(proxy.left(target.repository)).toEqual([]);
    expect(await listed(target)).toEqual([kept, made].sort());
  });
});

describe('the order that still loses an entry (A5)', () => {
  it('is a write held up until the other has looked twice; listing the signature again heals it, without signing', async () => {
    const target = await push('late/app');
    proxy.order(target.repository, ['A GET', 'B GET', 'B PUT', 'B GET', 'B GET', 'A PUT']);
    const [ofA, ofB] = await Promise.all([sign(a, target, 'a'), sign(b, target, 'b')]);
    expect(await listed(target)).toEqual([ofA]);
    const { reference, subject } = target;
    expect(await b.run({ kind: 'relist', reference, subject, digest: ofB })).toBe(ofB);
    expect(await listed(target)).toEqual([ofA, ofB].sort());
  });
});
