import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PushedImage, pushImage } from '../support/images.ts';
import { type Chain, createChain, leafExtensions, revocationExtensions } from '../support/pki.ts';
import { waitFor } from '../support/processes.ts';
import { encodeCrl } from '../support/revocation-data.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

/** A CRL holds this long; it is asked for again each second. */
const CRL_MS = 4_000;
const KEY_COMPROMISE = 1;

let scenario: Scenario;
let image: PushedImage;
let chain: Chain;
let server: Server;
let [isDown, isRevoked] = [false, false];
let fetches = 0;

/** A certificate authority that publishes a CRL over HTTP, or does not. */
async function startAuthority(): Promise<string> {
  server = createServer((_request, response) => {
    fetches += 1;
    if (isDown) {
      response.writeHead(503).end();
      return;
    }
    const [leaf, root] = chain.certificates;
    const key = chain.keys[1];
    if (leaf === undefined || root === undefined || key === undefined) throw new Error('expected a chain of two');
    const [thisUpdate, nextUpdate] = [new Date(Date.now() - 1_000), new Date(Date.now() + CRL_MS)];
    const entries = isRevoked ? [{ certificate: leaf, at: thisUpdate, reason: KEY_COMPROMISE }] : [];
    response.end(encodeCrl({ issuer: { certificate: root, key }, thisUpdate, nextUpdate, entries }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  const host = await startAuthority();
  chain = await createChain({
    length: 2,
    subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing',
    leafExtensions: [...leafExtensions(), ...revocationExtensions({ crl: [`http://${host}/crl`] })],
  });
  scenario = await startScenario(sharedControlPlane(), 'crl', { args: ['--revocation-refresh', '1s'] });
  await scenario.trust({ repositories: ['team/app'] });
  await scenario.apply({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'TrustStore',
    metadata: { name: `${scenario.id}-ca` },
    spec: { trustStoreName: scenario.id, type: 'ca', caBundle: chain.rootPem },
  });
  await scenario.keySecret('signer', chain);
  image = await pushImage(scenario.registry.host, 'team/app', 'v1');
  await scenario.request('app', { images: [image.reference], sign: { key: { secretRef: { name: 'signer' } } } });
  await scenario.waitForRequest('app', 'Ready', 'True');
  await scenario.runPod('app', { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
});
afterAll(async () => {
  await scenario?.stop();
  server?.closeAllConnections();
  server?.close();
});

const referrersAsked = () =>
  scenario.operator.metric(
    `sealwatch_registry_requests_total{registry="${scenario.registry.host}",operation="referrers",outcome="200"}`,
  );

it('a CRL is asked for again while its image runs, and the registry is not (H6)', async () => {
  const trusted = `sealwatch_running_containers{namespace="${scenario.id}",verdict="Trusted"}`;
  await waitFor('the container to be counted as trusted', async () => (await scenario.operator.metric(trusted)) === 1);
  const [asked, from] = [await referrersAsked(), fetches];
  await waitFor('three more CRLs', () => fetches >= from + 3);
  expect(await referrersAsked()).toBe(asked);
  expect(await scenario.podCondition('app')).toBeUndefined();
});

it('an authority that is down makes it Unknown once the last CRL runs out, with what was known before (H4; faults.md 43)', async () => {
  isDown = true;
  const since = Date.now();
  const condition = await scenario.waitForPod('app', 'False', 'Unknown', 15_000);
  expect(Date.now() - since).toBeGreaterThan(CRL_MS - 2_500);
  expect(condition.message).toMatch(/\(revocation\): .*CN=Acme Image Signing.*503.*\(last known: Trusted at /);
  const request = await scenario.waitForRequest('app', 'Revoked', 'Unknown', 'Undetermined');
  expect(request.status?.images?.[0]).toMatchObject({
    verdict: 'Unknown',
    cause: { reason: 'RevocationUndetermined' },
    lastKnown: { verdict: 'Trusted' },
  });
});

it('a revoked certificate is told with which, since when, why and by whom, and nothing is signed with it again (H4; faults.md 45)', async () => {
  [isDown, isRevoked] = [false, true];
  const condition = await scenario.waitForPod('app', 'False', 'Revoked', 30_000);
  expect(condition.message).toMatch(
    /policy crl-\S+\/images\): signature sha256:[0-9a-f]{12} \(revocation\): the certificate CN=Acme Image Signing.* was revoked at \d{4}-.*\(reason keyCompromise\), says .*127\.0\.0\.1/,
  );
  await scenario.plane.ok([
    'annotate',
    'isr',
    'app',
    '-n',
    scenario.id,
    'sealwatch.dev/reconcile-requested-at=revoked',
  ]);
  const request = await scenario.waitForRequest('app', 'Ready', 'False', 'SignatureRevoked');
  expect(request.status?.images?.[0]).toMatchObject({
    verdict: 'Revoked',
    cause: {
      reason: 'CertificateRevoked',
      revoked: [expect.stringMatching(/^CN=Acme Image Signing.*\(sha256:[0-9a-f]{64}\)$/)],
      since: expect.stringMatching(/^\d{4}-/),
    },
  });
  expect(request.status?.ownSignatures).toHaveLength(1);
});
