import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AwsWorld, ecrHost, OTHER_ACCOUNT, startAwsWorld } from '../support/aws-world.ts';
import { pushImage } from '../support/images.ts';

/** Registries of ECR in every form of its names, and the API that gives tokens for them. */
const HOSTS: readonly (readonly [registry: string, api: string, region: string])[] = [
  [ecrHost(), 'api.ecr.eu-west-1.amazonaws.com', 'eu-west-1'],
  ['111122223333.dkr.ecr-fips.us-east-1.amazonaws.com', 'api.ecr-fips.us-east-1.amazonaws.com', 'us-east-1'],
  ['111122223333.dkr-ecr.eu-central-1.on.aws', 'ecr.eu-central-1.api.aws', 'eu-central-1'],
  ['111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn', 'api.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
  ['111122223333.dkr.ecr.us-gov-west-1.amazonaws.com', 'api.ecr.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
];
const CALL = join(import.meta.dirname, '../support/aws-call.ts');

let world: AwsWorld;
beforeAll(async () => {
  world = await startAwsWorld({
    apiHosts: [
      ...HOSTS.map(([, api]) => api),
      'signer.cn-north-1.amazonaws.com.cn',
      'data-signer.cn-north-1.amazonaws.com.cn',
    ],
    registryHosts: HOSTS.map(([registry]) => registry),
  });
});
afterEach(() => world.aws.faults.up());
afterAll(() => world?.stop());

interface Answer {
  readonly ok?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Runs a call of src/aws in a process of its own, with this environment alone and AWS's own endpoints. */
async function call(request: object, env: Readonly<Record<string, string>>): Promise<Answer> {
  const { stdout } = await promisify(execFile)(process.execPath, [CALL, JSON.stringify(request)], {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ...world.env,
      ...env,
    },
    timeout: 60_000,
  });
  return JSON.parse(stdout) as Answer;
}

/** Hosts that were asked for by CONNECT since then, in order. */
function tunnelsSince(before: number): readonly string[] {
  return world.proxy.requests
    .slice(before)
    .flatMap((request) => (request.startsWith('CONNECT ') ? [request.slice(8).replace(/:443$/, '')] : []));
}

function keys(): Readonly<Record<string, string>> {
  const { accessKeyId, secretAccessKey } = world.aws.credentials;
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}

describe('AWS under its own names, through a proxy that tunnels (faults.md 33)', () => {
  it.each(HOSTS)('%s: the token comes of %s, and its registry takes it', async (registry, api, region) => {
    const { digest } = await pushImage(world.registry.host, 'shop/web', 'v1');
    const [tunnels, requests] = [world.proxy.requests.length, world.aws.requests.length];
    const answer = await call({ kind: 'resolve', reference: `${registry}/shop/web:v1` }, keys());
    expect(answer).toEqual({ ok: digest });
    expect(new Set(tunnelsSince(tunnels))).toEqual(new Set([api, registry]));
    expect(world.aws.requests.slice(requests)).toMatchObject([
      { operation: 'GetAuthorizationToken', region, status: 200 },
    ]);
    expect(world.front.records.at(-1)).toMatchObject({ host: registry, action: 'ecr:BatchGetImage', status: 200 });
  });

  it('ECR Public gives to anyone, without a call of AWS', async () => {
    const { digest } = await pushImage(world.registry.host, 'x1y2/web', 'v1');
    const before = world.aws.requests.length;
    const answer = await call({ kind: 'resolve', reference: 'public.ecr.aws/x1y2/web:v1' }, {});
    expect(answer).toEqual({ ok: digest });
    expect(world.aws.requests.slice(before)).toEqual([]);
  });

  it('ECR Public takes a push of whoever has its token, which is of us-east-1', async () => {
    await pushImage(world.registry.host, 'x1y2/web', 'v2');
    const reference = 'public.ecr.aws/x1y2/web:v2';
    expect((await call({ kind: 'push', reference }, keys())).error).toMatchObject({ code: 'Denied' });
    const before = world.aws.requests.length;
    expect(await call({ kind: 'push', reference, publicRegistry: 'authenticated' }, keys())).toHaveProperty('ok');
    expect(world.aws.requests.slice(before)).toMatchObject([
      { service: 'ecr-public', operation: 'GetAuthorizationToken', region: 'us-east-1', status: 200 },
    ]);
    expect(world.front.records.at(-1)).toMatchObject({ action: 'ecr:PutImage', status: 201 });
  });

  it('the registry of another account takes the token of a role there, and no other', async () => {
    const roleArn = `arn:aws:iam::${OTHER_ACCOUNT}:role/pull`;
    const { identities, credentials } = world.aws;
    identities.createRole(roleArn, [credentials.principal.accountId]);
    identities.setPolicies(credentials.principal.arn, [
      allow(['sts:AssumeRole'], roleArn),
      allow(['ecr:GetAuthorizationToken'], '*'),
    ]);
    await pushImage(world.registry.host, 'shop/web', 'across');
    const reference = `${ecrHost(OTHER_ACCOUNT)}/shop/web:across`;
    const own = await call({ kind: 'resolve', reference }, keys());
    expect(own.error).toMatchObject({ code: 'Denied', message: expect.stringContaining('ecr:BatchGetImage') });
    expect(await call({ kind: 'resolve', reference, roleArn }, keys())).toHaveProperty('ok');
    expect(world.front.records.at(-1)?.principalArn).toBe(`arn:aws:sts::${OTHER_ACCOUNT}:assumed-role/pull/sealwatch`);
    identities.setPolicies(credentials.principal.arn, [allow(['*'], '*')]);
  });

  it('AWS Signer in China signs there, and says there what is revoked', async () => {
    const profile = world.aws.createProfile({ name: 'china', region: 'cn-north-1' });
    const before = world.proxy.requests.length;
    expect(await call({ kind: 'sign', profileArn: profile.arn }, keys())).toEqual({ ok: [] });
    expect(tunnelsSince(before)).toEqual([
      'signer.cn-north-1.amazonaws.com.cn',
      'data-signer.cn-north-1.amazonaws.com.cn',
    ]);
  });

  it('hosts that NO_PROXY names are asked directly', async () => {
    const profile = world.aws.createProfile({ name: 'direct' });
    const before = world.proxy.requests.length;
    const answer = await call(
      { kind: 'sign', profileArn: profile.arn, maxAttempts: 1 },
      { ...keys(), NO_PROXY: '.amazonaws.com' },
    );
    // There is no such name here, or no way to it.
    expect(answer.error?.code).toBe('Unavailable');
    expect(tunnelsSince(before)).toEqual([]);
  });
});

describe('without credentials, the message names each source that was tried', () => {
  const sign = { kind: 'sign', profileArn: 'arn:aws:signer:eu-west-1:111122223333:/signing-profiles/shop' };

  it('none is configured', async () => {
    const { error } = await call(sign, {});
    expect(error?.code).toBe('CredentialsUnavailable');
    expect(error?.message).toContain(
      'no AWS credentials: tried environment keys (AWS_ACCESS_KEY_ID is not set), shared files (profile default), web identity (AWS_WEB_IDENTITY_TOKEN_FILE is not set), container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI is not set), instance metadata (off by AWS_EC2_METADATA_DISABLED)',
    );
  });

  it('web identity: the file that is missing; a token that STS refuses; a role that does not trust it', async () => {
    const role = 'arn:aws:iam::111122223333:role/irsa';
    const env = { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: join(world.folder.path, 'absent') };
    const missing = await call(sign, env);
    expect(missing.error?.message).toContain(`web identity (AWS_WEB_IDENTITY_TOKEN_FILE `);
    expect(missing.error?.message).toContain('ENOENT');

    const file = join(world.folder.path, 'token');
    const token = world.aws.webIdentities.issueToken('a/b', -1_000);
    await writeFile(file, token);
    const expired = await call(sign, { ...env, AWS_WEB_IDENTITY_TOKEN_FILE: file });
    expect(expired.error).toMatchObject({ code: 'CredentialsUnavailable' });
    expect(expired.error?.message).toContain(`AWS_ROLE_ARN ${role}): ExpiredTokenException`);
    expect(expired.error?.message).not.toContain(token);

    await writeFile(file, world.aws.webIdentities.issueToken('a/b'));
    const untrusted = await call(sign, { ...env, AWS_WEB_IDENTITY_TOKEN_FILE: file });
    expect(untrusted.error?.message).toContain('Not authorized to perform sts:AssumeRoleWithWebIdentity');
  });

  it('container credentials: what its service answered', async () => {
    const file = join(world.folder.path, 'pod-token');
    await writeFile(file, 'a-token-that-was-never-given');
    const { error } = await call(sign, {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${world.aws.endpoint}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
    });
    expect(error?.code).toBe('CredentialsUnavailable');
    expect(error?.message).toContain(`container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI ${world.aws.endpoint}`);
    expect(error?.message).toContain('401');
    expect(error?.message).not.toContain('a-token-that-was-never-given');
  });

  it('a throttled STS is told as throttling, which changes no verdict', async () => {
    const file = join(world.folder.path, 'token');
    await writeFile(file, world.aws.webIdentities.issueToken('a/b'));
    world.aws.faults.throttle(100, 'AssumeRoleWithWebIdentity');
    const env = { AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/irsa', AWS_WEB_IDENTITY_TOKEN_FILE: file };
    expect((await call({ ...sign, maxAttempts: 1 }, env)).error?.code).toBe('Throttled');
  });
});

function allow(actions: readonly string[], resource: string) {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow' as const, Action: actions, Resource: resource }] };
}
