import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CrlAuthority, startCrlAuthority } from '../support/crl-authority.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

/** A CRL holds this long; it is asked for again each second. */
const CRL_MS = 4_000;

let scenario: Scenario;
let image: PushedImage;
let authority: CrlAuthority;

beforeAll(async () => {
  authority = await startCrlAuthority(CRL_MS);
  scenario = await startScenario(sharedControlPlane(), 'crl', { args: ['--revocation-refresh', '1s'] });
  await scenario.trust({ repositories: ['team/app'] });
  await scenario.apply({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'TrustStore',
    metadata: { name: `${scenario.id}-ca` },
    spec: { trustStoreName: scenario.id, type: 'ca', caBundle: authority.chain.rootPem },
  });
  await scenario.keySecret('signer', authority.chain);
  image = await pushImage(scenario.registry.host, 'team/app', 'v1');
  await scenario.request('app', { images: [image.reference], sign: { key: { secretRef: { name: 'signer' } } } });
  await scenario.waitForRequest('app', 'Ready', 'True');
  await scenario.runPod('app', { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
});
afterAll(async () => {
  await scenario?.stop();
  await authority?.stop();
});

const referrersAsked = () =>
  scenario.operator.metric(
    `sealwatch_registry_requests_total{registry="${scenario.registry.host}",operation="referrers",outcome="200"}`,
  );

it('a CRL is asked for again while its image runs, and the registry is not (H6)', async () => {
  const trusted = `sealwatch_running_containers{namespace="${scenario.id}",verdict="Trusted"}`;
  await waitFor('the container to be counted as trusted', async () => (await scenario.operator.metric(trusted)) === 1);
  const [asked, from] = [await referrersAsked(), authority.fetches()];
  await waitFor('three more CRLs', () => authority.fetches() >= from + 3);
  expect(await referrersAsked()).toBe(asked);
  expect(await scenario.podCondition('app')).toBeUndefined();
});

it('an authority that is down makes it Unknown once the last CRL runs out, with what was known before (H4; faults.md 43)', async () => {
  authority.setDown(true);
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
  authority.setDown(false);
  authority.revoke();
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
