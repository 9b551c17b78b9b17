import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignSpec } from '../../src/api/image-signature-request.ts';
import { createTsaChain } from '../support/forge-timestamp.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { createChain } from '../support/pki.ts';
import { waitFor } from '../support/processes.ts';
import { REGISTRY_KINDS } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { startTsaServer, type TsaServer } from '../support/tsa-server.ts';

const KEY = { key: { secretRef: { name: 'signer' } } };

/** Signing with a key from a Secret: formats and timestamps. */
describe.each(REGISTRY_KINDS)('a request that signs with a key, on a registry with %s', (kind) => {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), `key-${kind}`, { registry: kind });
    await scenario.trust({ repositories: ['team/app'] });
    await scenario.keySecret('signer');
  });
  afterAll(() => scenario?.stop());

  it('signs as COSE, verifies it, and another that asks for JWS signs no second time (C)', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'cose');
    const sign = { ...KEY, format: 'COSE', userMetadata: { team: 'a' }, expiry: '24h' } as const;
    await scenario.request('cose', { images: [image.reference], sign, verify: { requiredMetadata: { team: 'a' } } });
    const { status } = await scenario.waitForRequest('cose', 'Ready', 'True', 'Succeeded');
    const [signature] = status?.images?.[0]?.signatures ?? [];
    expect(signature).toMatchObject({ format: 'COSE', scheme: 'notary.x509', verdict: 'Trusted' });
    expect(signature?.checks.map(({ result }) => result)).toEqual(Array.from({ length: 7 }, () => 'passed'));
    await scenario.request('jws', { images: [image.reference], sign: { ...sign, format: 'JWS' } });
    const again = await scenario.waitForRequest('jws', 'Ready', 'True', 'Succeeded');
    expect(again.status?.images?.[0]?.signatures?.map(({ format }) => format)).toEqual(['COSE']);
    expect(again.status?.ownSignatures).toEqual([]);
  });
});

describe('a request that asks for a timestamp', () => {
  let scenario: Scenario;
  let tsa: TsaServer;
  let timestamp: NonNullable<SignSpec['timestamp']>;

  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), 'stamp');
    const chain = await createTsaChain();
    tsa = await startTsaServer({ tsa: chain });
    timestamp = { url: tsa.url, trustStore: scenario.id };
    await scenario.apply({
      apiVersion: 'sealwatch.dev/v1alpha1',
      kind: 'TrustStore',
      metadata: { name: `${scenario.id}-tsa` },
      spec: { type: 'tsa', trustStoreName: scenario.id, caBundle: chain.rootPem },
    });
    await scenario.trust({ repositories: ['team/app'], trustStores: [`tsa:${scenario.id}`] });
    await scenario.keySecret('signer');
  });
  afterAll(async () => {
    await scenario?.plane.kubectl(['delete', `tst/${scenario.id}-tsa`, `tp/${scenario.id}-old`, '--ignore-not-found']);
    await scenario?.stop();
    await tsa?.close();
  });

  const push = (repository: string, tag: string): Promise<PushedImage> =>
    pushImage(scenario.registry.host, repository, tag);

  it.each(['JWS', 'COSE'] as const)('signs with one, in %s, and verifies it (I)', async (format) => {
    const image = await push('team/app', format.toLowerCase());
    await scenario.request(format.toLowerCase(), {
      images: [image.reference],
      sign: { ...KEY, format, timestamp },
    });
    const { status } = await scenario.waitForRequest(format.toLowerCase(), 'Ready', 'True', 'Succeeded');
    const checks = status?.images?.[0]?.signatures?.[0]?.checks ?? [];
    expect(checks.find(({ type }) => type === 'authenticTimestamp')).toMatchObject({
      result: 'passed',
      reason: expect.stringMatching(/^timestamped between /),
    });
  });

  it('is not signed without it: the authority that fails is told and asked again, and then it is signed (I)', async () => {
    tsa.fault = 'rejected';
    const image = await push('team/app', 'rejected');
    await scenario.request('rejected', { images: [image.reference], sign: { ...KEY, timestamp } });
    const failed = await scenario.waitForRequest('rejected', 'Ready', 'False', 'TimestampFailed');
    const types = failed.status?.conditions?.filter(({ status }) => status === 'True').map(({ type }) => type);
    expect(types).toEqual(['Reconciling']);
    const { host } = new URL(tsa.url);
    const ready = failed.status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready?.message).toContain(`${image.reference}: not signed: no timestamp from ${host}: `);
    expect(failed.status?.images?.[0]).toMatchObject({ verdict: 'Unsigned', signatures: [] });
    tsa.fault = undefined;
    const annotation = 'sealwatch.dev/reconcile-requested-at=again';
    await scenario.plane.ok(['annotate', 'isr', 'rejected', '-n', scenario.id, annotation]);
    await scenario.waitForRequest('rejected', 'Ready', 'True', 'Succeeded');
  });

  it('from an address within the cluster is refused (design.md, "Outbound")', async () => {
    const image = await push('team/app', 'private');
    const sign = { ...KEY, timestamp: { ...timestamp, url: 'http://10.96.0.1/any/path' } };
    await scenario.request('private', { images: [image.reference], sign });
    const { status } = await scenario.waitForRequest('private', 'Ready', 'False', 'TimestampFailed');
    expect(status?.conditions?.find(({ type }) => type === 'Ready')?.message).toMatch(
      /10\.96\.0\.1 is at 10\.96\.0\.1, a private, .* refused: if it is meant, add it to --allow-addresses/,
    );
  });

  it('outlives its certificate: what was time-stamped stays Trusted, what was not is Expired on the second (I)', async () => {
    const notAfter = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 9_000);
    const old = await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing', caName: 'Old', notAfter });
    await scenario.keySecret('old', old);
    await scenario.apply({
      apiVersion: 'sealwatch.dev/v1alpha1',
      kind: 'TrustStore',
      metadata: { name: `${scenario.id}-ca` },
      spec: { trustStoreName: scenario.id, type: 'ca', caBundle: scenario.chain.rootPem + old.rootPem },
    });
    await scenario.apply({
      apiVersion: 'sealwatch.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: `${scenario.id}-old` },
      spec: {
        version: '1.0',
        trustPolicies: [
          {
            name: 'old',
            registryScopes: [`${scenario.registry.host}/team/old`],
            signatureVerification: { level: 'strict', verifyTimestamp: 'afterCertExpiry' },
            trustStores: [`ca:${scenario.id}`, `tsa:${scenario.id}`],
            trustedIdentities: ['*'],
          },
        ],
      },
    });
    await scenario.plane.ok(['wait', '--for=condition=Ready', `tp/${scenario.id}-old`, '--timeout=30s']);
    const sign = { key: { secretRef: { name: 'old' } } };
    const images = { stamped: await push('team/old', 'stamped'), bare: await push('team/old', 'bare') };
    for (const [name, image] of Object.entries(images)) {
      const spec = { images: [image.reference], sign: name === 'stamped' ? { ...sign, timestamp } : sign };
      await scenario.request(name, spec);
      await scenario.waitForRequest(name, 'Signed', 'True');
      // The key will not sign again once its certificate is over: that is another story.
      await scenario.request(name, { ...spec, suspend: true });
      await scenario.runPod(name, { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
    }
    const condition = await scenario.waitForPod('bare', 'False', 'Expired');
    expect(condition.message).toContain('has expired, and no timestamp shows that the signature was made before');
    const trusted = `sealwatch_running_containers{namespace="${scenario.id}",verdict="Trusted"}`;
    await waitFor('the other to be counted as trusted', async () => (await scenario.operator.metric(trusted)) === 1);
    expect(await scenario.podCondition('stamped')).toBeUndefined();
  });
});
