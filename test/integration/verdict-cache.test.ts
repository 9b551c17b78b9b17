import { readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../src/api/object.ts';
import { deleteSignature, parseReference } from '../../src/oci/index.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Registry, startRegistry } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { deadline, localClient, signImage } from '../support/signed-images.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const REPOSITORY = 'team/app';

let registry: Registry;
let proxy: FaultProxy;
let scenario: Scenario;
let folder: TemporaryFolder;
/** By tag, as the proxy's host names them. */
const images = new Map<string, PushedImage>();

beforeAll(async () => {
  folder = await temporaryFolder('verdicts');
  registry = await startRegistry('referrers');
  proxy = await startFaultProxy(registry.host);
  scenario = await startScenario(sharedControlPlane(), 'cached', {
    registry: { host: proxy.host, kind: 'referrers', stop: () => proxy.stop() },
    args: ['--verdict-cache-dir', folder.path, '--request-timeout', '5s'],
  });
  await scenario.trust({ repositories: [REPOSITORY] });
});
afterAll(async () => {
  await scenario?.stop();
  await registry?.stop();
  await folder?.remove();
});

/** Pushed past the proxy, which counts what the operator asks. */
async function push(tag: string): Promise<PushedImage> {
  const direct = await pushImage(registry.host, REPOSITORY, tag, { content: tag });
  const repository = `${proxy.host}/${REPOSITORY}`;
  const image = { ...direct, repository, reference: `${repository}:${tag}` };
  images.set(tag, image);
  return image;
}

function pushed(tag: string): PushedImage {
  return images.get(tag) ?? expect.fail(`no image ${tag}`);
}

async function sign(tag: string): Promise<string> {
  const { registry: host, repository } = parseReference(`${registry.host}/${REPOSITORY}:${tag}`);
  const image = { ...pushed(tag), reference: `${host}/${repository}:${tag}`, repository: `${host}/${repository}` };
  return signImage(localClient(), image, scenario.chain);
}

async function run(tag: string): Promise<void> {
  const image = pushed(tag);
  await scenario.runPod(tag, { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
}

/** Waits until so many containers have that verdict. */
function running(verdict: string, count: number): Promise<unknown> {
  return waitFor(`${count} containers to be ${verdict}`, async () => {
    const prefix = `sealwatch_running_containers{namespace="${scenario.id}",verdict="${verdict}"}`;
    return (await scenario.operator.metric(prefix)) === count;
  });
}

/** What any write changes, of all that the operator writes to. */
async function versions(): Promise<Readonly<Record<string, string>>> {
  const { plane, id } = scenario;
  const lists = [
    plane.get<{ readonly items: readonly KubernetesObject[] }>('pods', '-n', id),
    plane.get<{ readonly items: readonly KubernetesObject[] }>('isr', '-n', id),
  ];
  const objects = [
    ...(await Promise.all(lists)).flatMap(({ items }) => items),
    await plane.get<KubernetesObject>('tp', id),
    await plane.get<KubernetesObject>('tst', `${id}-ca`),
    await plane.get<KubernetesObject>('tst', `${id}-signingauthority`),
  ];
  return Object.fromEntries(objects.map(({ metadata }) => [metadata.uid, String(metadata.resourceVersion)]));
}

/** Waits until nothing was written for a while. */
async function settled(): Promise<Readonly<Record<string, string>>> {
  let [last, since] = [JSON.stringify(await versions()), Date.now()];
  return waitFor(
    'the operator to have written all',
    async () => {
      const now = await versions();
      if (JSON.stringify(now) !== last) [last, since] = [JSON.stringify(now), Date.now()];
      return Date.now() - since > 4_000 ? now : undefined;
    },
    60_000,
    250,
  );
}

/** Ends the operator, does something, starts it again and counts what it asks from then on. */
async function restart(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  await scenario.restartOperator(async () => {
    await meanwhile();
    proxy.requests.length = 0;
  });
}

const asked = (): readonly string[] =>
  proxy.requests.map(({ method, url }) => `${method} ${url.replace(/\?.*/, '')}`).sort();
const lists = (...tags: readonly string[]): readonly string[] =>
  tags.map((tag) => `GET /v2/${REPOSITORY}/referrers/${pushed(tag).digest}`).sort();

describe('a restart with a verdict cache', () => {
  beforeAll(async () => {
    for (const tag of ['one', 'two', 'asked', 'unsigned', 'refused']) await push(tag);
    for (const tag of ['one', 'two', 'asked']) await sign(tag);
    await scenario.request('asked', { images: [pushed('asked').reference] });
    await scenario.request('refused', { images: [pushed('refused').reference] });
    await scenario.waitForRequest('asked', 'Verified', 'True');
    await scenario.waitForRequest('refused', 'Verified', 'False');
    for (const tag of ['one', 'two', 'unsigned']) await run(tag);
    await running('Trusted', 2);
    await running('Unsigned', 1);
  });

  it('costs one request for an image, and writes nothing', async () => {
    const before = await settled();
    await restart();
    await running('Trusted', 2);
    await running('Unsigned', 1);
    expect(await settled()).toEqual(before);
    // Of what is not trusted it is asked besides whether an index covers it, by its tag (notary.md A9).
    const tags = ['refused', 'unsigned'].map((tag) => `GET /v2/${REPOSITORY}/manifests/${tag}`);
    expect(asked()).toEqual([...lists('one', 'two', 'asked', 'unsigned', 'refused'), ...tags].sort());
    expect(await scenario.operator.metric('sealwatch_verdict_cache_reads_total{result="dropped"}')).toBeUndefined();
  });

  it('while the registry is down: what was trusted stays so, with its age; what was not is Unknown', async () => {
    await restart(() => proxy.refuse());
    await running('Trusted', 2);
    const flagged = await scenario.waitForPod('unsigned', 'False', 'Unknown');
    expect(flagged.message).toContain('last known: Unsigned');
    expect(await scenario.operator.metric('sealwatch_oldest_verdict_age_seconds')).toBeGreaterThan(3);
    await proxy.listen();
    await scenario.waitForPod('unsigned', 'False', 'Unsigned', 90_000);
  });

  it('with files that were cut short or forged: they are dropped and counted, and asked for again', async () => {
    await restart(async () => {
      for (const [i, name] of (await readdir(folder.path)).entries()) {
        const path = join(folder.path, name);
        await (i % 2 === 0 ? truncate(path, 20) : writeFile(path, 'Trusted'));
      }
    });
    await running('Trusted', 2);
    await running('Unsigned', 1);
    await scenario.waitForRequest('asked', 'Verified', 'True');
    expect(await scenario.operator.metric('sealwatch_verdict_cache_reads_total{result="dropped"}')).toBeGreaterThan(8);
    expect(asked()).toEqual(
      expect.arrayContaining([...lists('one', 'two'), `GET /v2/${REPOSITORY}/manifests/${pushed('one').digest}`]),
    );
  });

  it('a signature that was taken away meanwhile is told', async () => {
    await push('removed');
    const signature = await sign('removed');
    await run('removed');
    await running('Trusted', 3);
    await restart(async () => {
      const at = parseReference(`${registry.host}/${REPOSITORY}:removed`);
      await deleteSignature(localClient(), at, pushed('removed').digest, signature, deadline());
    });
    await scenario.waitForPod('removed', 'False', 'Unsigned');
    await scenario.plane.ok(['delete', 'pod', 'removed', '-n', scenario.id, '--grace-period=0', '--force']);
  });

  it('a signing job that was revoked meanwhile is told', async () => {
    await push('revoked');
    const profile = scenario.profileArn(scenario.id.replaceAll('-', '_'));
    await scenario.request('revoked', {
      images: [pushed('revoked').reference],
      sign: { awsSigner: { profileArn: profile } },
    });
    const signed = await scenario.waitForRequest('revoked', 'Verified', 'True');
    await run('revoked');
    await running('Trusted', 3);
    await restart(async () => scenario.aws.revokeSignature(signed.status?.ownSignatures?.[0]?.jobArn ?? ''));
    await scenario.waitForPod('revoked', 'False', 'Revoked');
    await scenario.plane.ok(['delete', 'isr', 'revoked', '-n', scenario.id]);
    await scenario.plane.ok(['delete', 'pod', 'revoked', '-n', scenario.id, '--grace-period=0', '--force']);
  });

  it('a signature that expired meanwhile is told', async () => {
    await push('expired');
    await scenario.keySecret('signer');
    const sign = { key: { secretRef: { name: 'signer' } }, expiry: '20s', renewBefore: '1s' };
    await scenario.request('expired', { images: [pushed('expired').reference], sign });
    const signed = await scenario.waitForRequest('expired', 'Verified', 'True');
    await scenario.plane.ok(['delete', 'isr', 'expired', '-n', scenario.id]);
    await run('expired');
    await running('Trusted', 3);
    const expiresAt = Date.parse(signed.status?.ownSignatures?.[0]?.expiresAt ?? '');
    await restart(() => waitFor('the signature to expire', async () => Date.now() > expiresAt).then(() => undefined));
    await scenario.waitForPod('expired', 'False', 'Expired');
    await scenario.plane.ok(['delete', 'pod', 'expired', '-n', scenario.id, '--grace-period=0', '--force']);
  });

  it('a policy that was taken away meanwhile is told: its images are covered by none', async () => {
    await restart(() => scenario.plane.ok(['delete', 'tp', scenario.id]).then(() => undefined));
    await running('Uncovered', 3);
    await scenario.waitForPod('unsigned', 'True', 'AllTrusted');
  });
});
