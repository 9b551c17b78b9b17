import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushImage } from '../support/images.ts';
import { createChain } from '../support/pki.ts';
import { waitFor } from '../support/processes.ts';
import { REGISTRY_KINDS } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

const BASIC = { username: 'robot', password: 'correct horse' };

describe.each(REGISTRY_KINDS)('on a registry with %s', (kind) => {
  let scenario: Scenario;

  beforeAll(async () => {
    // The one without the Referrers API also asks for a password: the request's own pull secret opens it.
    scenario = await startScenario(sharedControlPlane(), `op-${kind}`, {
      registry: kind,
      ...(kind === 'no-referrers' ? { basic: BASIC } : {}),
    });
    await scenario.trust({ repositories: ['team/app', 'team/tool'] });
    await scenario.keySecret('signer');
    const auth = Buffer.from(`${BASIC.username}:${BASIC.password}`).toString('base64');
    await scenario.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/dockerconfigjson',
      metadata: { name: 'pull', namespace: scenario.id },
      stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [scenario.registry.host]: { auth } } }) },
    });
  });
  afterAll(() => scenario?.stop());

  const registry = { secretRefs: [{ name: 'pull' }] };
  const push = (repository: string, tag: string, content?: string) =>
    pushImage(scenario.registry.host, repository, tag, {
      ...(kind === 'no-referrers' ? { basic: BASIC } : {}),
      ...(content === undefined ? {} : { content }),
    });

  it('signs with AWS Signer once, verifies, and does not sign again at the next reconcile', async () => {
    const image = await push('team/app', 'aws');
    const awsSigner = { profileArn: scenario.profileArn(scenario.id.replaceAll('-', '_')) };
    await scenario.request('aws', {
      images: [image.reference],
      sign: { awsSigner, userMetadata: { team: 'a' } },
      registry,
    });
    const first = await scenario.waitForRequest('aws', 'Ready', 'True', 'Succeeded');
    const signature = first.status?.images?.[0]?.signatures?.[0];
    expect(signature).toMatchObject({ format: 'JWS', scheme: 'notary.x509.signingAuthority', verdict: 'Trusted' });
    expect(signature?.jobArn).toMatch(/^arn:aws:signer:us-west-2:111122223333:\/signing-jobs\/[0-9a-f-]{36}$/);
    expect(signature?.checks.map(({ type, result }) => `${type} ${result}`)).toEqual([
      'integrity passed',
      'authenticity passed',
      'expiry passed',
      'authenticTimestamp passed',
      'revocation passed',
      'descriptor passed',
      'userMetadata passed',
    ]);
    await scenario.plane.ok([
      'annotate',
      'isr',
      'aws',
      '-n',
      scenario.id,
      'sealwatch.dev/reconcile-requested-at=now-1',
    ]);
    const again = await waitFor('the annotation to be handled', async () => {
      const request = await scenario.getRequest('aws');
      return request.status?.lastHandledReconcileAt === 'now-1' ? request : undefined;
    });
    expect(again.status?.images?.[0]?.signatures).toHaveLength(1);
    expect(scenario.aws.requests.filter(({ operation }) => operation === 'SignPayload')).toHaveLength(1);
  });

  it('signs with a key, follows a tag that moves, and deletes its own signatures with the request', async () => {
    const image = await push('team/tool', 'key');
    await scenario.request('key', {
      images: [image.reference],
      sign: { key: { secretRef: { name: 'signer' } }, expiry: '8760h' },
      registry,
      deletionPolicy: 'DeleteSignature',
    });
    const first = await scenario.waitForRequest('key', 'Ready', 'True');
    expect(first.metadata.finalizers).toContain('sealwatch.dev/cleanup');
    expect(first.status?.images?.[0]).toMatchObject({ digest: image.digest, verdict: 'Trusted' });

    const moved = await push('team/tool', 'key', 'other content');
    await scenario.plane.ok([
      'annotate',
      'isr',
      'key',
      '-n',
      scenario.id,
      'sealwatch.dev/reconcile-requested-at=now-2',
    ]);
    await waitFor('the moved tag to be signed', async () => {
      const request = await scenario.getRequest('key');
      return request.status?.images?.[0]?.digest === moved.digest && request.status.images[0].verdict === 'Trusted';
    });
    await waitFor(
      'the event TagMoved',
      async () => (await scenario.eventNotes('ImageSignatureRequest', 'key', 'TagMoved')).length === 1,
    );

    await scenario.plane.ok(['delete', 'isr', 'key', '-n', scenario.id, '--timeout=30s']);
    await scenario.request('check', { images: [moved.reference], registry });
    await scenario.waitForRequest('check', 'Verified', 'False', 'SomeUnsigned');
  });

  it('flags a running pod when its signing job is revoked, names the job, and takes it back when signed anew', async () => {
    const image = await push('team/app', 'run');
    const awsSigner = { profileArn: scenario.profileArn(scenario.id.replaceAll('-', '_')) };
    await scenario.request('run', { images: [image.reference], sign: { awsSigner }, registry });
    const { status } = await scenario.waitForRequest('run', 'Ready', 'True');
    const jobArn = status?.images?.[0]?.signatures?.[0]?.jobArn ?? '';
    await scenario.runPod('run', { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
    await waitFor('the container to be counted as trusted', () =>
      scenario.operator.metric(`sealwatch_running_containers{namespace="${scenario.id}",verdict="Trusted"}`),
    );
    expect(await scenario.podCondition('run')).toBeUndefined();

    scenario.aws.revokeSignature(jobArn);
    const condition = await scenario.waitForPod('run', 'False', 'Revoked', 10_000);
    expect(condition.message).toContain(jobArn);
    await waitFor('the event', async () => (await scenario.eventNotes('Pod', 'run', 'ImageRevoked')).length > 0);
    expect((await scenario.eventNotes('Pod', 'run', 'ImageRevoked'))[0]).toContain(jobArn);
    const revoked = await scenario.waitForRequest('run', 'Ready', 'False', 'SignatureRevoked');
    expect(revoked.status?.conditions?.find(({ type }) => type === 'Revoked')?.status).toBe('True');
    expect(await scenario.operator.metric('sealwatch_flagged_container_info{')).toBe(1);

    const now = `${new Date().toISOString().slice(0, 19)}Z`;
    await scenario.plane.ok([
      'annotate',
      'isr',
      'run',
      '-n',
      scenario.id,
      `sealwatch.dev/sign-anew-requested-at=${now}`,
    ]);
    await scenario.waitForPod('run', 'True', 'AllTrusted', 15_000);
    await scenario.waitForRequest('run', 'Ready', 'True');
  });

  it('tells a short-lived signature as Expired on the second, by timer', async () => {
    const image = await push('team/tool', 'short');
    await scenario.request('short', {
      images: [image.reference],
      sign: { key: { secretRef: { name: 'signer' } }, expiry: '8s' },
      registry,
    });
    const { status } = await scenario.waitForRequest('short', 'Ready', 'True');
    const expiresAt = status?.images?.[0]?.signatures?.[0]?.expiresAt ?? '';
    await scenario.request('short', {
      images: [image.reference],
      sign: { key: { secretRef: { name: 'signer' } }, expiry: '8s' },
      registry,
      suspend: true,
    });
    await scenario.runPod('short', { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
    const condition = await scenario.waitForPod('short', 'False', 'Expired', 20_000);
    expect(Date.parse(condition.lastTransitionTime) - Date.parse(expiresAt)).toBeLessThanOrEqual(1_000);
    expect(Date.parse(condition.lastTransitionTime)).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    expect(condition.message).toContain(expiresAt);
  });

  it('renews a signature before it expires', async () => {
    const image = await push('team/tool', 'renew');
    const sign = { key: { secretRef: { name: 'signer' } }, expiry: '14s', renewBefore: '13s' };
    await scenario.request('renew', { images: [image.reference], sign, registry });
    await scenario.waitForRequest('renew', 'Ready', 'True');
    const renewed = await waitFor('a second signature', async () => {
      const request = await scenario.getRequest('renew');
      return (request.status?.ownSignatures?.length ?? 0) >= 2 ? request : undefined;
    });
    expect(renewed.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  });

  it('calls an image Untrusted when a stranger signed it, and takes it back when the policy names the stranger', async () => {
    const image = await push('team/tool', 'stranger');
    const stranger = await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing', caName: 'Stranger' });
    await scenario.keySecret('stranger', stranger);
    await scenario.request('stranger', {
      images: [image.reference],
      sign: { key: { secretRef: { name: 'stranger' } } },
      registry,
    });
    const request = await scenario.waitForRequest('stranger', 'Verified', 'False', 'SomeUntrusted');
    expect(request.status?.images?.[0]?.cause?.reason).toBe('NotFromTrustStore');
    // It has the signature that was asked for: signing once more would not mend the policy.
    expect(request.status?.conditions?.find(({ type }) => type === 'Signed')?.status).toBe('True');
    expect(request.status?.ownSignatures).toHaveLength(1);
  });
});

describe('without any policy', () => {
  let scenario: Scenario;
  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), 'nopolicy');
  });
  afterAll(() => scenario?.stop());

  it('a request that signs is Ready once it signed, says that nothing was verified, and does not sign again', async () => {
    const image = await pushImage(scenario.registry.host, 'free/app', 'v1');
    await scenario.keySecret('signer');
    await scenario.request('sign', { images: [image.reference], sign: { key: { secretRef: { name: 'signer' } } } });
    const request = await scenario.waitForRequest('sign', 'Ready', 'True', 'Succeeded');
    expect(request.status?.conditions?.find(({ type }) => type === 'Verified')).toMatchObject({
      status: 'Unknown',
      reason: 'SomeUncovered',
    });
    await scenario.plane.ok([
      'annotate',
      'isr',
      'sign',
      '-n',
      scenario.id,
      'sealwatch.dev/reconcile-requested-at=again',
    ]);
    const again = await waitFor('the annotation to be handled', async () => {
      const found = await scenario.getRequest('sign');
      return found.status?.lastHandledReconcileAt === 'again' ? found : undefined;
    });
    expect(again.status?.images?.[0]).toMatchObject({ verdict: 'Uncovered' });
    expect(again.status?.images?.[0]?.signatures?.map(({ verdict }) => verdict)).toEqual(['Unknown']);
  });

  it('a request that only verifies is not Ready, and says which scope a policy would need', async () => {
    const image = await pushImage(scenario.registry.host, 'free/app', 'v2');
    await scenario.request('verify', { images: [image.reference] });
    const request = await scenario.waitForRequest('verify', 'Ready', 'False', 'SomeUncovered');
    expect(request.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(image.repository);
  });
});
