import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listSignatures, parseReference } from '../../src/oci/index.ts';
import { runCli } from '../support/cli.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { type IndexWriter, startIndexWriter } from '../support/index-writer.ts';
import {
  type InterleavingProxy,
  interleavings,
  type Step,
  startInterleavingProxy,
} from '../support/interleaving-proxy.ts';
import { createChain } from '../support/pki.ts';
import { waitFor } from '../support/processes.ts';
import { type Registry, startRegistry } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { deadline, localClient, subjectOf } from '../support/signed-images.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

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

describe('requests that sign on a registry without the Referrers API', () => {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), 'writers', { registry: 'no-referrers', deletion: false });
    await scenario.trust({ repositories: ['team/app'] });
    await scenario.keySecret('signer');
    await scenario.keySecret('other', await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Other' }));
  });
  afterAll(() => scenario?.stop());

  const KEY = { key: { secretRef: { name: 'signer' } } };
  const listedOf = async ({ reference, ...image }: PushedImage): Promise<readonly string[]> => {
    const limit = { max: 100 };
    const found = await listSignatures(
      localClient(),
      parseReference(reference),
      subjectOf({ reference, ...image }),
      limit,
      deadline(),
    );
    return found.signatures.map(({ digest }) => digest).sort();
  };
  const tagOf = (image: PushedImage): string =>
    `http://${scenario.registry.host}/v2/team/app/manifests/${image.digest.replace(':', '-')}`;

  it('lose nothing when two sign an image at once, and a command beside them (A5)', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'both');
    const folder = await temporaryFolder('writers');
    try {
      const [key, chain] = [join(folder.path, 'key.pem'), join(folder.path, 'chain.pem')];
      const third = await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Third' });
      await writeFile(key, third.keyPem);
      await writeFile(chain, third.pem);
      const target = [`${image.repository}@${image.digest}`, '--plain-http', '--allow-addresses', '127.0.0.0/8'];
      const [command] = await Promise.all([
        runCli(['sign', ...target, '--key', key, '--chain', chain, '-o', 'json'], { DOCKER_CONFIG: folder.path }),
        scenario.request('one', { images: [image.reference], sign: KEY }),
        scenario.request('two', { images: [image.reference], sign: { key: { secretRef: { name: 'other' } } } }),
      ]);
      expect(command).toMatchObject({ code: 0 });
      const made = [(JSON.parse(command.stdout) as { signature: { digest: string } }).signature.digest];
      for (const name of ['one', 'two']) {
        const { status } = await scenario.waitForRequest(name, 'Signed', 'True');
        made.push(...(status?.ownSignatures ?? []).map(({ digest }) => digest));
      }
      expect(made).toHaveLength(3);
      expect(await listedOf(image)).toEqual(made.sort());
    } finally {
      await folder.remove();
    }
  });

  it('list their signature again, without signing anew, when another tool has taken it out (A5)', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'heal');
    await scenario.request('heal', { images: [image.reference], sign: KEY });
    const { status } = await scenario.waitForRequest('heal', 'Ready', 'True');
    const [own] = status?.ownSignatures ?? [];
    const contentType = 'application/vnd.oci.image.index.v1+json';
    const body = JSON.stringify({ schemaVersion: 2, mediaType: contentType, manifests: [] });
    await fetch(tagOf(image), { method: 'PUT', body, headers: { 'content-type': contentType } });
    expect(await listedOf(image)).toEqual([]);
    const healed = await scenario.reconcileNow('heal', 'healed');
    expect(healed.status?.images?.[0]).toMatchObject({ verdict: 'Trusted', signatures: [{ digest: own?.digest }] });
    expect(healed.status?.ownSignatures).toEqual([own]);
    expect(await listedOf(image)).toEqual([own?.digest]);
    const notes = await waitFor('the event', async () => {
      const found = await scenario.eventNotes('ImageSignatureRequest', 'heal', 'SignatureRelisted');
      return found.length > 0 ? found : undefined;
    });
    expect(notes[0]).toContain(`the registry had signature ${own?.digest.slice(0, 19)} and listed it no more`);
  });

  it('that delete with the request say so where the registry deletes nothing; what they made is listed no more', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'kept');
    await scenario.request('kept', { images: [image.reference], sign: KEY, deletionPolicy: 'DeleteSignature' });
    await scenario.waitForRequest('kept', 'Ready', 'True');
    expect(await listedOf(image)).toHaveLength(1);
    await scenario.plane.ok(['delete', 'isr', 'kept', '-n', scenario.id, '--wait=false']);
    const refused = await scenario.waitForRequest('kept', 'Stalled', 'True', 'CleanupFailed');
    const message = refused.status?.conditions?.find(({ type }) => type === 'Stalled')?.message;
    expect(message).toContain('405 UNSUPPORTED');
    expect(message).toContain('storage.delete.enabled');
    expect(message).toContain('sealwatch.dev/skip-cleanup=true');
    expect(await listedOf(image)).toEqual([]);
    await scenario.plane.ok(['annotate', 'isr', 'kept', '-n', scenario.id, 'sealwatch.dev/skip-cleanup=true']);
    await scenario.plane.ok(['wait', '--for=delete', 'isr/kept', '-n', scenario.id, '--timeout=30s']);
  });
});
