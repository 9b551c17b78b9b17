import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Registry, startRegistry } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { localClient, signImage } from '../support/signed-images.ts';

let registry: Registry;
let proxy: FaultProxy;
let scenario: Scenario;

beforeAll(async () => {
  registry = await startRegistry('referrers');
  proxy = await startFaultProxy(registry.host);
  scenario = await startScenario(sharedControlPlane(), 'anew', {
    registry: { host: proxy.host, kind: 'referrers', stop: () => proxy.stop() },
  });
  await scenario.trust({ repositories: ['team/app'] });
  await applyOther({ level: 'strict' });
});
afterAll(async () => {
  await scenario?.plane.kubectl(['delete', 'tp', other(), '--ignore-not-found']);
  await scenario?.plane.kubectl(['delete', 'tst', other(), '--ignore-not-found']);
  await scenario?.stop();
  await registry?.stop();
});

const other = (): string => `${scenario.id}-other`;

/** A policy and a store of their own for `team/web`. */
async function applyOther({
  level,
  caBundle = scenario.chain.rootPem,
}: {
  level: string;
  caBundle?: string;
}): Promise<void> {
  const apiVersion = 'sealwatch.dev/v1alpha1';
  const statement = {
    name: 'web',
    registryScopes: [`${proxy.host}/team/web`],
    signatureVerification: { level },
    trustStores: [`ca:${other()}`],
    trustedIdentities: ['*'],
  };
  await scenario.apply(
    { apiVersion, kind: 'TrustStore', metadata: { name: other() }, spec: { type: 'ca', caBundle } },
    {
      apiVersion,
      kind: 'TrustPolicy',
      metadata: { name: other() },
      spec: { version: '1.0', trustPolicies: [statement] },
    },
  );
}

async function signed(repository: string, tag: string): Promise<PushedImage> {
  const direct = await pushImage(registry.host, repository, tag, { content: tag });
  await signImage(localClient(), direct, scenario.chain);
  return { ...direct, repository: `${proxy.host}/${repository}`, reference: `${proxy.host}/${repository}:${tag}` };
}

const runPod = (name: string, image: PushedImage): Promise<void> =>
  scenario.runPod(name, { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });

/** Verifications so far, for pods and for requests. */
async function verifications(): Promise<number> {
  const { text } = await scenario.operator.fetch('/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith('sealwatch_verifications_total{'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

function trusted(count: number): Promise<unknown> {
  const prefix = `sealwatch_running_containers{namespace="${scenario.id}",verdict="Trusted"}`;
  return waitFor(`${count} trusted containers`, async () => (await scenario.operator.metric(prefix)) === count);
}

it('pods and a request that ask for one image at the same moment fetch it once', async () => {
  const image = await signed('team/app', 'together');
  await scenario.restartOperator(async () => {
    for (const name of ['a', 'b', 'c']) await runPod(name, image);
    await scenario.request('together', { images: [image.reference] });
    proxy.requests.length = 0;
    proxy.inject({ operation: 'referrers' }, { kind: 'delay', ms: 1_500 }, 1);
  });
  await scenario.waitForRequest('together', 'Verified', 'True');
  await trusted(3);
  // The request asks what its tag names; all else is asked for once, whoever asks.
  expect(proxy.counts()).toEqual({ manifest: 3, referrers: 1, blob: 1 });
  // Judged is it for each of the two, by what holds when its turn comes: three pods are one.
  expect(await verifications()).toBe(2);
});

it('a policy that is edited has its own images judged anew, none of them asked for; those of another policy stand', async () => {
  for (const name of ['w1', 'w2']) await runPod(name, await signed('team/web', name));
  await trusted(5);
  await scenario.plane.ok(['wait', '--for=condition=Ready', `tp/${other()}`, '--timeout=30s']);
  const before = await verifications();
  proxy.requests.length = 0;
  await applyOther({ level: 'permissive' });
  await waitFor('two verifications', async () => (await verifications()) >= before + 2);
  await scenario.plane.ok(['wait', `--for=jsonpath={.status.observedGeneration}=2`, `tp/${other()}`, '--timeout=30s']);
  expect(await verifications()).toBe(before + 2);
  expect(proxy.counts()).toEqual({});
});

it('a store that changes has the images under statements judged anew that name it', async () => {
  const before = await verifications();
  await applyOther({ level: 'permissive', caBundle: scenario.aws.rootPem });
  await scenario.waitForPod('w1', 'False', 'Untrusted');
  await scenario.waitForPod('w2', 'False', 'Untrusted');
  expect(await verifications()).toBe(before + 2);
  await applyOther({ level: 'permissive' });
  await scenario.waitForPod('w1', 'True', 'AllTrusted');
  await scenario.waitForPod('w2', 'True', 'AllTrusted');
  expect(await verifications()).toBe(before + 4);
  // Of what is not trusted it is asked once whether an index covers it, by its tag (notary.md A9).
  expect(proxy.counts()).toEqual({ manifest: 2 });
});
