import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSigningProfileArn, SignerService } from '../../src/aws/index.ts';
import { createPayload } from '../../src/notary/index.ts';
import { type CliResult, runCli } from '../support/cli.ts';
import { pushImage } from '../support/images.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

let scenario: Scenario;
let folder: TemporaryFolder;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  scenario = await startScenario(sharedControlPlane(), 'signer-cli');
  folder = await temporaryFolder('signer-cli');
  await writeFile(join(folder.path, 'config'), '');
  const { accessKeyId, secretAccessKey } = scenario.aws.credentials;
  env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder.path,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: 'us-west-2',
    KUBECONFIG: scenario.plane.kubeconfigPath,
  };
});
afterAll(async () => {
  await scenario?.stop();
  await folder?.remove();
});

function signer(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  const endpoint = args.includes('--aws-endpoint') ? [] : ['--aws-endpoint', scenario.aws.endpoint];
  return runCli(['signer', ...args, ...endpoint], { ...env, ...more });
}

function json(result: CliResult): Readonly<Record<string, unknown>> {
  return JSON.parse(result.stdout) as Readonly<Record<string, unknown>>;
}

describe('sealwatch signer profile', () => {
  it('put makes a profile with the validity that was asked for', async () => {
    const made = await signer(['profile', 'put', 'by_command', '--validity', '12m', '-o', 'json']);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const arn = scenario.profileArn('by_command');
    expect(json(made)).toMatchObject({ action: 'put', profileArn: arn });
    expect(json(made)['profileVersionArn']).toMatch(new RegExp(`^${arn}/[A-Za-z0-9]{10}$`));
    const listed = await signer(['profile', 'list']);
    expect(listed.stdout).toMatch(/^NAME +VERSION +STATUS +VALIDITY +ARN\n/);
    expect(listed.stdout).toMatch(/^by_command +[A-Za-z0-9]{10} +Active +12 months +arn:aws:signer:/m);
  });

  it('list reads every page, and cancelled ones where they are asked for', async () => {
    for (const name of ['page_one', 'page_two', 'page_three']) scenario.aws.createProfile({ name });
    scenario.aws.cancelProfile(scenario.profileArn('page_two'));
    const namesOf = (result: CliResult): readonly string[] =>
      (json(result)['profiles'] as readonly { readonly name: string }[]).map(({ name }) => name);
    const active = namesOf(await signer(['profile', 'list', '-o', 'json']));
    expect(active).toEqual(expect.arrayContaining(['page_one', 'page_three']));
    expect(active).not.toContain('page_two');
    expect(namesOf(await signer(['profile', 'list', '--all', '-o', 'json']))).toContain('page_two');
  });

  it('cancel does nothing without --yes, and says what would be', async () => {
    scenario.aws.createProfile({ name: 'to_cancel' });
    const asked = await signer(['profile', 'cancel', 'to_cancel']);
    expect(asked).toMatchObject({ code: 64, stdout: expect.stringContaining('what it signed stays good') });
    expect(asked.stderr).toContain('nothing was done: give --yes');
    expect(scenario.aws.requests.at(-1)?.operation).not.toBe('CancelSigningProfile');
    const cancelled = await signer(['profile', 'cancel', 'to_cancel', '--yes']);
    expect(cancelled).toMatchObject({ code: 0, stdout: expect.stringContaining('to_cancel: cancelled') });
    const again = await signer(['profile', 'cancel', 'to_cancel', '--yes', '-o', 'json']);
    expect(again.code).toBe(2);
    expect(json(again)).toMatchObject({ error: { message: expect.stringContaining('its status is Canceled') } });
  });

  it('acts with a role of the account that owns the profiles', async () => {
    const result = await signer(['profile', 'list', '--assume-role', 'arn:aws:iam::444455556666:role/admin'], {
      AWS_ENDPOINT_URL_STS: scenario.aws.endpoint,
    });
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('assuming the role arn:aws:iam::444455556666:role/admin');
    scenario.aws.identities.createRole('arn:aws:iam::444455556666:role/admin', [scenario.aws.accountId]);
    const allowed = await signer(['profile', 'list', '--assume-role', 'arn:aws:iam::444455556666:role/admin'], {
      AWS_ENDPOINT_URL_STS: scenario.aws.endpoint,
    });
    expect(allowed).toMatchObject({ code: 0, stdout: 'no signing profiles for container images\n' });
  });
});

describe('a revocation, with the cluster at hand', () => {
  it('previews the requests, containers and policies that it hits, and then makes them so', async () => {
    const { id } = scenario;
    const profileArn = scenario.profileArn(id.replaceAll('-', '_'));
    await scenario.trust({ repositories: ['shop/web'] });
    const image = await pushImage(scenario.registry.host, 'shop/web', 'v1');
    await scenario.request('web', { images: [image.reference], sign: { awsSigner: { profileArn } } });
    const request = await scenario.waitForRequest('web', 'Ready', 'True');
    await scenario.runPod('web-0', { web: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
    const { jobArn = '', profileVersionArn = '' } = request.status?.ownSignatures?.[0] ?? {};
    const hit = {
      signatures: [{ request: `${id}/web`, image: image.reference, digest: image.digest }],
      containers: [{ pod: `${id}/web-0`, container: 'web', image: `${image.repository}@${image.digest}` }],
    };

    const reason = ['--reason', 'the build machine was compromised'];
    const asked = await signer(['revoke-signature', jobArn, ...reason, '-o', 'json']);
    expect(asked.code).toBe(64);
    expect(json(asked)).toMatchObject({ action: 'revoke-signature', target: jobArn, done: false, preview: hit });
    expect((await scenario.getRequest('web')).status?.images?.[0]?.verdict).toBe('Trusted');

    const version = profileVersionArn.slice(-10);
    const name = profileArn.slice(profileArn.lastIndexOf('/') + 1);
    const revoke = ['profile', 'revoke', name, '--version', version, ...reason];
    const later = await signer([...revoke, '--effective-time', '2100-01-01T00:00:00Z', '-o', 'json']);
    expect(json(later)).toMatchObject({ preview: { signatures: [], containers: [], policies: [{ name: id }] } });
    const all = await signer([...revoke, '--effective-time', '2020-01-01T00:00:00Z']);
    expect(all).toMatchObject({ code: 64 });
    expect(all.stdout).toContain('1 signatures that requests record');
    expect(all.stdout).toContain(`${id}/web-0 web: ${image.repository}@${image.digest}`);
    expect(all.stdout).toContain('1 TrustPolicies that trust the profile');

    const done = await signer(['revoke-signature', jobArn, ...reason, '--yes', '--from-cluster', '-o', 'json']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(json(done)).toMatchObject({ done: true, preview: hit });
    await scenario.waitForRequest('web', 'Revoked', 'True');
    await scenario.waitForPod('web-0', 'False', 'Revoked');

    const revoked = await signer([...revoke, '--effective-time', '2020-01-01T00:00:00Z', '--yes']);
    expect(revoked).toMatchObject({ code: 0, stdout: expect.stringContaining(`${profileVersionArn}: revoked`) });
    const listed = await signer(['profile', 'list', '--all', '-o', 'json']);
    expect(json(listed)['profiles']).toEqual(
      expect.arrayContaining([expect.objectContaining({ name, status: 'Revoked' })]),
    );
  });

  it('without a cluster says that nothing is known, and with --from-cluster does nothing', async () => {
    const profile = parseSigningProfileArn(scenario.aws.createProfile({ name: 'no_cluster' }).arn);
    const service = new SignerService({ endpoint: scenario.aws.endpoint, credentials: scenario.aws.credentials });
    const subject = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: `sha256:${'a'.repeat(64)}`,
      size: 1,
    };
    const { jobArn = '' } = await service.signPayload(
      { profile, payload: createPayload(subject) },
      AbortSignal.timeout(10_000),
    );
    service.close();
    const none = { KUBECONFIG: join(folder.path, 'config') };
    const args = ['revoke-signature', jobArn, '--reason', 'test', '--yes', '-o', 'json'];
    const required = await signer([...args, '--from-cluster'], none);
    expect(required.code).toBe(2);
    expect(scenario.aws.requests.at(-1)?.operation).not.toBe('RevokeSignature');
    const warned = await signer(args, none);
    expect(warned).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('what this hits in a cluster is not known'),
    });
    expect(json(warned)).toEqual({ action: 'revoke-signature', target: jobArn, done: true, preview: null });
  });
});

describe('wrong usage is told before anything is asked', () => {
  it.each<[string, readonly string[], string]>([
    ['no reason', ['revoke-signature', 'arn:aws:signer:us-west-2:111122223333:/signing-jobs/x'], '--reason'],
    [
      'no job',
      ['revoke-signature', 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/x', '--reason', 'r'],
      'signing-jobs',
    ],
    ['a period without unit', ['profile', 'put', 'shop', '--validity', '12'], '90d, 12m or 2y'],
    ['a name with a dash', ['profile', 'put', 'shop-x'], 'letters, digits and underscores'],
    [
      'a version that is none',
      ['profile', 'revoke', 'shop', '--version', 'v1', '--effective-time', '2026-01-01T00:00:00Z', '--reason', 'r'],
      'ten characters',
    ],
    [
      'a time without zone',
      ['profile', 'revoke', 'shop', '--version', 'vjPSTMwGW3', '--effective-time', '2026-01-01', '--reason', 'r'],
      'RFC 3339',
    ],
    ['a role that is none', ['profile', 'list', '--assume-role', 'admin'], '--assume-role'],
    ['a region that is none', ['profile', 'list', '--region', 'moon'], 'eu-west-1'],
  ])('%s', async (_name, args, message) => {
    const before = scenario.aws.requests.filter(({ operation }) => operation !== 'GetRevocationStatus').length;
    const result = await signer(args);
    expect(result.code).toBe(64);
    expect(result.stderr).toContain(message);
    expect(scenario.aws.requests.filter(({ operation }) => operation !== 'GetRevocationStatus')).toHaveLength(before);
  });
});
