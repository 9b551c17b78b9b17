import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageSignatureRequest } from '../../src/api/image-signature-request.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Registry, startRegistry } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { localClient, signImage } from '../support/signed-images.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { createTlsAuthority, type TlsAuthority } from '../support/tls-authority.ts';
import { status, throttle } from '../support/wire-faults.ts';

let plane: ControlPlane;
let registry: Registry;
beforeAll(async () => {
  plane = await startControlPlane();
  await plane.installCrds();
  registry = await startRegistry('referrers');
});
afterAll(async () => {
  await registry?.stop();
  await plane?.stop();
});

/** Has a request looked at again, and waits until it was. */
async function lookAgain(scenario: Scenario, name: string, mark: string): Promise<ImageSignatureRequest> {
  const annotation = `sealwatch.dev/reconcile-requested-at=${mark}`;
  await plane.ok(['annotate', '--overwrite', 'isr', name, '-n', scenario.id, annotation]);
  return waitFor(`isr/${name} to be looked at again`, async () => {
    const request = await scenario.getRequest(name);
    return request.status?.lastHandledReconcileAt === mark ? request : undefined;
  });
}

/** Pushed and signed past the proxy, which no fault reaches. */
async function signedBehind(proxy: FaultProxy, { chain }: Scenario, tag: string): Promise<PushedImage> {
  const direct = await pushImage(registry.host, 'team/app', tag, { content: tag });
  await signImage(localClient(), direct, chain);
  const repository = `${proxy.host}/team/app`;
  return { ...direct, repository, reference: `${repository}:${tag}` };
}

describe('an operator whose registry is down', () => {
  let proxy: FaultProxy;
  let scenario: Scenario;
  beforeAll(async () => {
    proxy = await startFaultProxy(registry.host);
    scenario = await startScenario(plane, 'faults', {
      registry: { host: proxy.host, kind: 'referrers', stop: () => proxy.stop() },
      args: ['--request-timeout', '10s', '--verify-interval', '3s'],
    });
    await scenario.trust({ repositories: ['team/app'] });
  });
  afterAll(() => scenario?.stop());

  it("21: a registry that is down makes a running image Unknown, with its last known verdict and that one's age; it is Trusted again by itself", async () => {
    const image = await signedBehind(proxy, scenario, 'down');
    await scenario.request('down', { images: [image.reference] });
    await scenario.waitForRequest('down', 'Verified', 'True');
    await scenario.runPod('down', { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
    await waitFor('the container to be counted as trusted', () =>
      scenario.operator.metric(`sealwatch_running_containers{namespace="${scenario.id}",verdict="Trusted"}`),
    );
    const refusedAt = Date.now();
    await proxy.refuse();
    const down = await lookAgain(scenario, 'down', 'down');
    const now = down.status?.images?.[0];
    expect(now).toMatchObject({
      verdict: 'Unknown',
      cause: { reason: 'RegistryUnreachable' },
      lastKnown: { verdict: 'Trusted' },
    });
    expect(Date.parse(now?.lastKnown?.verifiedAt ?? '')).toBeLessThanOrEqual(refusedAt);
    const verified = down.status?.conditions?.find(({ type }) => type === 'Verified');
    expect(verified).toMatchObject({ status: 'Unknown', message: expect.stringContaining('last known: Trusted') });
    const pod = await scenario.waitForPod('down', 'False', 'Unknown', 60_000);
    expect(pod.message).toContain('last known: Trusted');
    await proxy.listen();
    await scenario.waitForRequest('down', 'Verified', 'True');
    await scenario.waitForPod('down', 'True', 'AllTrusted', 60_000);
  });
});

describe('an operator whose registry throttles', () => {
  let proxy: FaultProxy;
  let scenario: Scenario;
  beforeAll(async () => {
    proxy = await startFaultProxy(registry.host);
    scenario = await startScenario(plane, 'throttled', {
      registry: { host: proxy.host, kind: 'referrers', stop: () => proxy.stop() },
      // A kept list stands in for a registry that throttles, for twice the interval: longer than the storm lasts.
      args: ['--request-timeout', '4s', '--verify-interval', '20s'],
    });
    await scenario.trust({ repositories: ['team/app'] });
  });
  afterAll(() => scenario?.stop());

  it('22: a 429 storm changes no verdict, and a new image waits and ends Trusted without having been told otherwise', async () => {
    const known = await signedBehind(proxy, scenario, 'known');
    await scenario.request('known', { images: [known.reference] });
    await scenario.waitForRequest('known', 'Verified', 'True');
    await scenario.runPod('known', { app: { image: known.reference, imageID: `${known.repository}@${known.digest}` } });
    const storm = proxy.inject({}, status(429, { 'retry-after': '1' }));
    const during = await lookAgain(scenario, 'known', 'storm');
    expect(storm.hits()).toBeGreaterThan(0);
    expect(during.status?.images?.[0]?.verdict).toBe('Trusted');
    const fresh = await signedBehind(proxy, scenario, 'fresh');
    await scenario.runPod('fresh', { app: { image: fresh.reference, imageID: `${fresh.repository}@${fresh.digest}` } });
    const hits = storm.hits();
    await waitFor('the new image to be asked for', async () => storm.hits() >= hits + 3);
    storm.remove();
    proxy.inject(
      {},
      throttle(3, () => '1'),
    );
    await scenario.request('fresh', { images: [fresh.reference] });
    await scenario.waitForRequest('fresh', 'Verified', 'True');
    expect(await scenario.podCondition('known')).toBeUndefined();
    expect(await scenario.podCondition('fresh')).toBeUndefined();
    for (const pod of ['known', 'fresh']) expect(await scenario.eventNotes('Pod', pod, 'ImageUnknown')).toEqual([]);
    proxy.heal();
  });
});

describe('an operator whose nodes pull through a cache', () => {
  let proxy: FaultProxy;
  let scenario: Scenario;
  beforeAll(async () => {
    proxy = await startFaultProxy(registry.host);
    scenario = await startScenario(plane, 'mirror', {
      registry: { host: proxy.host, kind: 'referrers', stop: () => proxy.stop() },
      args: ['--request-timeout', '10s'],
    });
  });
  afterAll(() => scenario?.stop());

  it("asks the mirror for what runs once the configuration names it, without a restart, under the image's own scope", async () => {
    const direct = await pushImage(registry.host, 'cache/team/app', 'v1');
    await signImage(localClient(), direct, scenario.chain);
    const repository = 'registry.invalid/team/app';
    await scenario.trust({ repositories: [], scopes: [repository] });
    await scenario.runPod('app', { app: { image: `${repository}:v1`, imageID: `${repository}@${direct.digest}` } });
    const down = await scenario.waitForPod('app', 'False', 'Unknown');
    expect(down.message).toContain(repository);
    expect(proxy.requests).toEqual([]);
    await scenario.writeSettings({
      registry: { mirrors: [{ prefix: 'registry.invalid', mirror: `${proxy.host}/cache` }] },
    });
    await scenario.waitForPod('app', 'True', 'AllTrusted');
    expect(proxy.requests.every(({ url }) => url.startsWith('/v2/cache/team/app/'))).toBe(true);
    // A wrong file leaves the mirrors as they are.
    await scenario.writeSettings({ registry: { mirrors: [{ prefix: 'registry.invalid' }] } });
    await waitFor('the refusal to be logged', async () =>
      scenario.operator.logs().some((line) => JSON.stringify(line).includes('registry.mirrors[0].mirror: expected')),
    );
    await scenario.request('app', { images: [`${repository}@${direct.digest}`] });
    await scenario.waitForRequest('app', 'Verified', 'True');
  });
});

describe('an operator and a registry behind a private CA', () => {
  let authority: TlsAuthority;
  let proxy: FaultProxy;
  let scenario: Scenario;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    authority = await createTlsAuthority();
    proxy = await startFaultProxy(registry.host, { tls: await authority.issue() });
    folder = await temporaryFolder('registry-ca');
    await writeFile(join(folder.path, 'ca.pem'), (await createTlsAuthority('Unrelated')).rootPem);
    scenario = await startScenario(plane, 'private-ca', {
      registry: { host: proxy.host, kind: 'referrers', stop: () => proxy.stop() },
      isTls: true,
      args: ['--registry-ca', join(folder.path, 'ca.pem')],
    });
    await scenario.trust({ repositories: ['team/tls'] });
  });
  afterAll(async () => {
    await scenario?.stop();
    await folder?.remove();
  });

  const bundle = (pem: string): Promise<void> =>
    scenario.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'ca', namespace: scenario.id },
      data: { 'ca.crt': pem },
    });

  it('32: the CA of a request, and that of the operator, are picked up when they are replaced, without a restart', async () => {
    const direct = await pushImage(registry.host, 'team/tls', 'v1');
    await signImage(localClient(), direct, scenario.chain);
    const reference = `${proxy.host}/team/tls:v1`;
    await bundle(authority.rootPem);
    const caBundleFrom = { configMapKeyRef: { name: 'ca', key: 'ca.crt' } };
    await scenario.request('own', { images: [reference], registry: { caBundleFrom } });
    await scenario.waitForRequest('own', 'Verified', 'True');
    await scenario.request('operators', { images: [reference] });
    const refused = await waitFor('the operator to have tried', async () => {
      const request = await scenario.getRequest('operators');
      return request.status?.conditions?.find(({ type, status }) => type === 'Verified' && status === 'Unknown');
    });
    expect(refused.message).toMatch(/registry\.caBundleFrom or --registry-ca/);

    const next = await createTlsAuthority('Next');
    proxy.replaceCertificate(await next.issue());
    const lost = await lookAgain(scenario, 'own', 'replaced');
    expect(lost.status?.images?.[0]).toMatchObject({ verdict: 'Unknown', lastKnown: { verdict: 'Trusted' } });
    await bundle(next.rootPem);
    await lookAgain(scenario, 'own', 'next');
    await scenario.waitForRequest('own', 'Verified', 'True');
    await writeFile(join(folder.path, 'ca.pem'), next.rootPem);
    await waitFor('the operator to have read its CA again', async () => {
      const { status } = await lookAgain(scenario, 'operators', `read-${performance.now()}`);
      return status?.conditions?.some(({ type, status }) => type === 'Verified' && status === 'True');
    });
  });
});
