import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

/** design.md, "Security boundaries": each is tried by a tenant. */
describe('a tenant', () => {
  let scenario: Scenario;
  let profileArn: string;

  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), 'tenant', { grants: [] });
    profileArn = scenario.profileArn(scenario.id.replaceAll('-', '_'));
    await scenario.trust({ repositories: ['team/app'] });
  });
  afterAll(() => scenario?.stop());

  it('signs nothing with the profile of the platform without a grant, and AWS is not even asked', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'grant');
    await scenario.request('grant', { images: [image.reference], sign: { awsSigner: { profileArn } } });
    const request = await scenario.waitForRequest('grant', 'Stalled', 'True', 'NotGranted');
    const message = request.status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
    expect(message).toContain(profileArn);
    expect(message).toContain(`namespaces ${scenario.id}`);
    expect(scenario.aws.requests).toEqual([]);

    await scenario.writeGrants([
      { namespaces: [scenario.id], profileArns: [profileArn], repositories: [`${scenario.registry.host}/team/*`] },
    ]);
    await scenario.waitForRequest('grant', 'Ready', 'True');
  });

  it('does not get an image signed that the grant leaves out, nor assume a role it was not granted', async () => {
    const image = await pushImage(scenario.registry.host, 'other/app', 'v1');
    await scenario.request('repository', { images: [image.reference], sign: { awsSigner: { profileArn } } });
    await scenario.waitForRequest('repository', 'Stalled', 'True', 'NotGranted');
    const inside = await pushImage(scenario.registry.host, 'team/app', 'role');
    const assumeRoleArn = 'arn:aws:iam::111122223333:role/platform';
    await scenario.request('role', { images: [inside.reference], sign: { awsSigner: { profileArn, assumeRoleArn } } });
    const request = await scenario.waitForRequest('role', 'Stalled', 'True', 'NotGranted');
    expect(request.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(assumeRoleArn);
  });

  it('reads no registry of ECR with a role it was not granted, and AWS is not even asked', async () => {
    const before = scenario.aws.requests.filter(({ operation }) => operation !== 'GetRevocationStatus').length;
    const assumeRoleArn = 'arn:aws:iam::444455556666:role/pull';
    const image = '444455556666.dkr.ecr.eu-west-1.amazonaws.com/team/app:v1';
    await scenario.request('ecr-role', { images: [image], registry: { assumeRoleArn } });
    const request = await scenario.waitForRequest('ecr-role', 'Stalled', 'True', 'NotGranted');
    const message = request.status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
    expect(message).toContain(assumeRoleArn);
    expect(message).toContain(`repositories ${image.slice(0, -':v1'.length)}`);
    expect(scenario.aws.requests.filter(({ operation }) => operation !== 'GetRevocationStatus')).toHaveLength(before);
  });

  it('reads no Secret of another namespace: a name is always of the own one', async () => {
    const elsewhere = `${scenario.id}-b`;
    await scenario.plane.ok(['create', 'namespace', elsewhere]);
    await scenario.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'platform-key', namespace: elsewhere },
      stringData: { 'tls.crt': scenario.chain.pem, 'tls.key': scenario.chain.keyPem },
    });
    const image = await pushImage(scenario.registry.host, 'team/app', 'secret');
    await scenario.request('secret', {
      images: [image.reference],
      sign: { key: { secretRef: { name: 'platform-key' } } },
    });
    const request = await scenario.waitForRequest('secret', 'Ready', 'False', 'SecretNotFound');
    expect(request.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(
      `${scenario.id}/platform-key`,
    );
    const path = await scenario.plane.kubectl(
      ['apply', '-f', '-'],
      requestWithSecret(scenario.id, image.reference, `../${elsewhere}/platform-key`),
    );
    // No Secret can have such a name: it is not asked for.
    if (path.code === 0) await scenario.waitForRequest('path', 'Ready', 'False', 'InvalidSpec');
    await scenario.plane.ok(['delete', 'namespace', elsewhere, '--wait=false']);
  });

  it.each([
    ['169.254.169.254/latest/meta-data:v1', 'AddressRefused'],
    ['[fd00:ec2::254]/latest/meta-data:v1', 'AddressRefused'],
  ])('does not make the operator ask %s', async (reference, reason) => {
    const name = `address-${reference.length}`;
    const applied = await scenario.plane.kubectl(
      ['apply', '-f', '-'],
      JSON.stringify({
        apiVersion: 'sealwatch.dev/v1alpha1',
        kind: 'ImageSignatureRequest',
        metadata: { name, namespace: scenario.id },
        spec: { images: [reference] },
      }),
    );
    // Refused by the API server is as good: nothing was asked.
    if (applied.code !== 0) return expect(applied.stderr).toContain('image');
    await scenario.trust({ repositories: ['team/app'] });
    const request = await waitFor('a cause or a refusal', async () => {
      const found = await scenario.getRequest(name);
      return found.status?.conditions === undefined ? undefined : found;
    });
    const cause = request.status?.images?.[0]?.cause?.reason;
    expect([reason, 'NoStatementApplies']).toContain(cause ?? request.status?.conditions?.[0]?.reason);
  });

  it('does not make it speak plain HTTP to a host that the configuration does not list', async () => {
    await scenario.request('plain', { images: ['registry.example.com/team/app:v1'], registry: { plainHTTP: true } });
    const request = await scenario.waitForRequest('plain', 'Stalled', 'True', 'NotGranted');
    expect(request.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain('--plain-http-hosts');
  });

  it('has only what its own request signed deleted: a signature that was there before stays', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'cleanup');
    await scenario.keySecret('own');
    await scenario.request('before', { images: [image.reference], sign: { key: { secretRef: { name: 'own' } } } });
    await scenario.waitForRequest('before', 'Ready', 'True');
    await scenario.request('after', {
      images: [image.reference],
      sign: { key: { secretRef: { name: 'own' } } },
      deletionPolicy: 'DeleteSignature',
    });
    const after = await scenario.waitForRequest('after', 'Ready', 'True');
    expect(after.status?.ownSignatures).toEqual([]);
    await scenario.plane.ok(['delete', 'isr', 'after', '-n', scenario.id, '--timeout=20s']);
    await scenario.plane.ok([
      'annotate',
      'isr',
      'before',
      '-n',
      scenario.id,
      'sealwatch.dev/reconcile-requested-at=later',
    ]);
    const before = await waitFor('the first request to look again', async () => {
      const found = await scenario.getRequest('before');
      return found.status?.lastHandledReconcileAt === 'later' ? found : undefined;
    });
    expect(before.status?.images?.[0]).toMatchObject({ verdict: 'Trusted' });
    expect(before.status?.images?.[0]?.signatures).toHaveLength(1);
  });

  it('keeps a finalizer that cannot finish with its reason, until a person gives up', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'revoke');
    await scenario.request('revoke', {
      images: [image.reference],
      sign: { awsSigner: { profileArn } },
      deletionPolicy: 'RevokeSignature',
    });
    await scenario.waitForRequest('revoke', 'Ready', 'True');
    scenario.aws.faults.down('503', 'RevokeSignature');
    await scenario.plane.ok(['delete', 'isr', 'revoke', '-n', scenario.id, '--wait=false']);
    const request = await waitFor('the reason', async () => {
      const found = await scenario.getRequest('revoke');
      return found.status?.conditions?.some(({ reason }) => reason === 'CleanupFailed') === true ? found : undefined;
    });
    expect(request.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(
      'sealwatch.dev/skip-cleanup=true',
    );
    await scenario.plane.ok(['annotate', 'isr', 'revoke', '-n', scenario.id, 'sealwatch.dev/skip-cleanup=true']);
    await scenario.plane.ok(['wait', '--for=delete', 'isr/revoke', '-n', scenario.id, '--timeout=30s']);
    scenario.aws.faults.up();
  });

  it('has its signing job revoked when its request is deleted so', async () => {
    const image = await pushImage(scenario.registry.host, 'team/app', 'revoke-done');
    await scenario.request('revoke-done', {
      images: [image.reference],
      sign: { awsSigner: { profileArn } },
      deletionPolicy: 'RevokeSignature',
    });
    await scenario.waitForRequest('revoke-done', 'Ready', 'True');
    await scenario.request('watcher', { images: [image.reference] });
    await scenario.waitForRequest('watcher', 'Ready', 'True');
    await scenario.plane.ok(['delete', 'isr', 'revoke-done', '-n', scenario.id, '--timeout=30s']);
    await scenario.waitForRequest('watcher', 'Revoked', 'True', 'SomeRevoked');
  });

  it('finds no credential in the log, in an event or in a status', async () => {
    const events = await scenario.plane.ok(['get', 'events', '-n', scenario.id, '-o', 'json']);
    const requests = await scenario.plane.ok(['get', 'isr', '-n', scenario.id, '-o', 'json']);
    const everything = scenario.operator.process.output + events + requests;
    expect(everything).not.toContain(scenario.aws.credentials.secretAccessKey);
    expect(everything).not.toContain('PRIVATE KEY');
    expect(everything).not.toMatch(/AWS4-HMAC-SHA256|Bearer ey/);
  });
});

function requestWithSecret(namespace: string, image: string, secret: string): string {
  return JSON.stringify({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'ImageSignatureRequest',
    metadata: { name: 'path', namespace },
    spec: { images: [image], sign: { key: { secretRef: { name: secret } } } },
  });
}
