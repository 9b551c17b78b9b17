import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsEmulator, startAwsEmulator } from '../support/aws-emulator/index.ts';
import { type CliResult, runCli } from '../support/cli.ts';
import { parseVerifyJson, type VerifyJson } from '../support/cli-json.ts';
import { type CliWorld, createCliWorld, SCOPE } from '../support/cli-world.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { REGISTRY_KINDS, type Registry, startRegistry } from '../support/registries.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

const BASIC = { username: 'robot', password: 'correct horse' };

let world: CliWorld;
beforeAll(async () => {
  world = await createCliWorld();
});
afterAll(() => world.folder.remove());

const sealwatch = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin = '',
): Promise<CliResult> => runCli(args, { ...world.env, ...env }, { stdin });
const verdict = async (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin = '',
): Promise<VerifyJson & { code: number | null }> => {
  const { code, stdout, stderr } = await sealwatch(['verify', '-o', 'json', ...args], env, stdin);
  if (stdout === '') throw new Error(stderr);
  return { code, ...parseVerifyJson(stdout) };
};
const KEY = (): readonly string[] => ['--key', world.key, '--chain', world.chainFile];

describe.each(REGISTRY_KINDS)('on a registry with %s that asks for a password', (kind) => {
  let registry: Registry;
  let image: PushedImage;
  const password = (): readonly string[] => ['--plain-http', '--username', BASIC.username, '--password-stdin'];
  beforeAll(async () => {
    registry = await startRegistry(kind, { basic: BASIC });
    image = await pushImage(registry.host, 'team/app', 'v1', { basic: BASIC });
    await world.writePolicy({ registryScopes: [image.repository] }, world.path(`${kind}.json`));
  });
  afterAll(() => registry.stop());
  const policy = (): readonly string[] => ['--policy-file', world.path(`${kind}.json`)];

  it('without credentials nothing is known: 2', async () => {
    expect(await verdict([image.reference, '--plain-http', ...policy()])).toMatchObject({
      code: 2,
      verdict: 'Unknown',
      digest: null,
      cause: { reason: 'RegistryDenied' },
    });
  });

  it('unsigned: 1; signed in both formats: 0; each step by the same image', async () => {
    const verify = (...more: readonly string[]): ReturnType<typeof verdict> =>
      verdict([image.reference, ...password(), ...policy(), ...more], {}, BASIC.password);
    expect(await verify()).toMatchObject({ code: 1, verdict: 'Unsigned', digest: image.digest });
    for (const format of ['jws', 'cose']) {
      const signed = await sealwatch(
        [
          'sign',
          `${image.repository}@${image.digest}`,
          ...KEY(),
          '--format',
          format,
          '-m',
          `format=${format}`,
          ...password(),
        ],
        {},
        BASIC.password,
      );
      expect(signed).toMatchObject({ code: 0, stderr: '' });
      expect(await verify('-m', `format=${format}`)).toMatchObject({
        code: 0,
        reference: image.reference,
        digest: image.digest,
        verdict: 'Trusted',
        cause: null,
      });
    }
    expect(await verify('-m', 'format=pgp')).toMatchObject({ code: 1, cause: { reason: 'UserMetadataMismatch' } });
    const listed = await sealwatch(['list', image.reference, '-o', 'json', ...password()], {}, BASIC.password);
    expect((JSON.parse(listed.stdout) as { signatures: object[] }).signatures).toHaveLength(2);
    const shown = await sealwatch(['inspect', image.reference, ...password()], {}, BASIC.password);
    // In the order in which the registry lists them: by their digests.
    const types = [...shown.stdout.matchAll(/media type: (application\/(?:jose\+json|cose))$/gm)];
    expect(types.map(([, type]) => type).sort()).toEqual(['application/cose', 'application/jose+json']);
  });

  it("finds the credentials in Docker's config", async () => {
    const docker = world.path(`docker-${kind}`);
    await mkdir(docker);
    const auth = Buffer.from(`${BASIC.username}:${BASIC.password}`).toString('base64');
    await writeFile(join(docker, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const env = { DOCKER_CONFIG: docker };
    expect(await verdict([image.reference, '--plain-http', ...policy()], env)).toMatchObject({ code: 0 });
    const absent = await verdict([`${image.repository}:v2`, '--plain-http', ...policy()], env);
    expect(absent).toMatchObject({ code: 2, verdict: 'Unknown', cause: { reason: 'ImageNotFound' } });
  });
});

describe('with AWS Signer', () => {
  const PROFILE = 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/web';
  let aws: AwsEmulator;
  let env: Record<string, string>;
  beforeAll(async () => {
    aws = await startAwsEmulator({ region: 'us-west-2' });
    aws.createProfile({ name: 'web', validity: { value: 12, type: 'MONTHS' } });
    env = { AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey };
    const store = join(world.config, 'truststore', 'x509', 'signingAuthority', 'aws');
    await mkdir(store, { recursive: true });
    await writeFile(join(store, 'root.crt'), aws.rootPem);
    await world.writePolicy(
      { trustStores: ['signingAuthority:aws'], trustedIdentities: [PROFILE] },
      world.path('aws.json'),
    );
  });
  afterAll(() => aws.stop());
  const layout = (): readonly string[] => ['--oci-layout', world.layout, '--aws-endpoint', aws.endpoint];
  const verify = (): ReturnType<typeof verdict> =>
    verdict([world.image.digest, ...layout(), '--scope', SCOPE, '--policy-file', world.path('aws.json')], env);

  it('signs with a profile, verifies by its ARN, and tells when the job is revoked: 1', async () => {
    const signed = await sealwatch(
      ['sign', world.image.digest, ...layout(), '--aws-profile', PROFILE, '-o', 'json'],
      env,
    );
    expect(signed).toMatchObject({ code: 0, stderr: '' });
    const { signature } = JSON.parse(signed.stdout) as { signature: { jobArn: string; scheme: string } };
    expect(signature).toMatchObject({
      scheme: 'notary.x509.signingAuthority',
      jobArn: expect.stringContaining('/signing-jobs/'),
    });
    expect(await verify()).toMatchObject({ code: 0, verdict: 'Trusted' });
    aws.revokeSignature(signature.jobArn);
    expect(await verify()).toMatchObject({
      code: 1,
      verdict: 'Revoked',
      cause: { reason: 'SigningJobRevoked', rule: 'H8', revoked: [signature.jobArn] },
    });
  });

  it('a profile that is not there is a fault of AWS: 2', async () => {
    const result = await sealwatch(['sign', world.image.digest, ...layout(), '--aws-profile', `${PROFILE}_x`], env);
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(`${PROFILE}_x`) });
  });
});

describe('--from-cluster', () => {
  const plane = sharedControlPlane();
  const name = `cli-${randomBytes(3).toString('hex')}`;
  const LAYOUT = (): readonly string[] => [
    world.image.digest,
    '--oci-layout',
    world.layout,
    '--scope',
    `${name}.example/app`,
  ];
  const object = (kind: string, id: string, spec: object): object => ({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind,
    metadata: { name: id },
    spec,
  });
  const apply = (...items: readonly object[]): Promise<void> =>
    plane.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const cluster = (): Record<string, string> => ({ KUBECONFIG: plane.kubeconfigPath, NO_PROXY: '127.0.0.1,localhost' });

  beforeAll(async () => {
    const statement = {
      name: 'app',
      registryScopes: [`${name}.example/app`],
      signatureVerification: { level: 'strict' },
      trustStores: [`ca:${name}`],
      trustedIdentities: ['*'],
    };
    await apply(
      object('TrustPolicy', name, { version: '1.0', trustPolicies: [statement] }),
      object('TrustStore', name, { type: 'ca', caBundle: world.chain.rootPem }),
    );
    expect((await sealwatch(['sign', world.image.digest, '--oci-layout', world.layout, ...KEY()])).code).toBe(0);
  });
  afterAll(async () => {
    await plane.kubectl(['delete', `tp/${name}`, `tst/${name}`, '--ignore-not-found']);
    await plane.kubectl(['delete', 'configmap', name, '-n', 'default', '--ignore-not-found']);
  });

  it('uses its TrustPolicies and TrustStores: 0, and names the object', async () => {
    expect(await verdict([...LAYOUT(), '--from-cluster'], cluster())).toMatchObject({
      code: 0,
      verdict: 'Trusted',
      statement: `${name}/app`,
    });
    const { stdout } = await sealwatch(['verify', ...LAYOUT(), '--from-cluster'], cluster());
    expect(stdout).toContain(
      `statement ${name}/app, level strict, scope ${name}.example/app, of the TrustPolicies of `,
    );
  });

  it('reads a bundle out of a ConfigMap; one that is not there leaves the verdict Unknown: 2', async () => {
    const caBundleFrom = { configMapKeyRef: { namespace: 'default', name, key: 'ca.crt' } };
    await plane.ok(['delete', `tst/${name}`]);
    await apply(object('TrustStore', name, { type: 'ca', caBundleFrom }));
    const { code, stdout, stderr } = await sealwatch(
      ['verify', '-o', 'json', ...LAYOUT(), '--from-cluster'],
      cluster(),
    );
    expect([code, parseVerifyJson(stdout).cause?.reason]).toEqual([2, 'TrustStoreUnavailable']);
    expect(stderr).toContain(`TrustStore ${name}: --from-cluster: GET /api/v1/namespaces/default/configmaps/${name}`);
    await plane.ok(['create', 'configmap', name, '-n', 'default', `--from-literal=ca.crt=${world.chain.rootPem}`]);
    expect(await verdict([...LAYOUT(), '--from-cluster'], cluster())).toMatchObject({ code: 0 });
  });

  it('a cluster that refuses or is not there: 2; no kubeconfig: 64', async () => {
    const token = await plane.kubeconfigFor(await plane.tokenFor('default', 'default'));
    const refused = await sealwatch(['verify', ...LAYOUT(), '--from-cluster', '-o', 'json'], {
      ...cluster(),
      KUBECONFIG: token,
    });
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stdout)).toEqual({
      error: {
        code: 'ClusterForbidden',
        message: expect.stringMatching(/cannot list resource.*: you need get and list/),
      },
    });
    await writeFile(
      world.path('down.yaml'),
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'x',
        contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
        clusters: [{ name: 'x', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name: 'x', user: {} }],
      }),
    );
    const down = await sealwatch(['verify', ...LAYOUT(), '--from-cluster'], {
      ...cluster(),
      KUBECONFIG: world.path('down.yaml'),
    });
    expect(down).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^sealwatch: --from-cluster: .*ECONNREFUSED/),
    });
    for (const KUBECONFIG of ['', world.path('absent.yaml'), world.key])
      expect(await sealwatch(['verify', ...LAYOUT(), '--from-cluster'], { KUBECONFIG })).toMatchObject({
        code: 64,
        stderr: expect.stringMatching(/^sealwatch: --from-cluster: /),
      });
  });
});

describe('as a process', () => {
  it('wrong usage is 64 with one line; --help is 0', async () => {
    expect(await sealwatch(['verify'])).toEqual({
      code: 64,
      stdout: '',
      stderr: "sealwatch: missing required argument 'REF'; see sealwatch verify --help\n",
    });
    expect(await sealwatch(['--help'])).toMatchObject({ code: 0, stderr: '' });
  });

  it('runs the operator by its own flags', async () => {
    expect(await sealwatch(['operator', '--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--log-level'),
    });
    expect(await sealwatch(['operator', '--nonsense'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--nonsense'),
    });
  });

  it('colours what it prints where it is told to, and not otherwise', async () => {
    const args = ['verify', world.image.digest, '--oci-layout', world.layout, '--scope', SCOPE];
    expect((await sealwatch(args, { FORCE_COLOR: '1' })).stdout).toContain('\u001b[32m✔\u001b[39m');
    expect((await sealwatch(args)).stdout).not.toContain('\u001b');
  });

  it('an interruption ends it at once with 2', async () => {
    const asked = Promise.withResolvers<void>();
    const server: Server = createServer(() => asked.resolve());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await world.writePolicy({ registryScopes: ['*'] }, world.path('all.json'));
    const result = await runCli(
      ['verify', `${host}/app:v1`, '--plain-http', '--policy-file', world.path('all.json')],
      world.env,
      { onStart: (kill) => void asked.promise.then(kill) },
    );
    server.closeAllConnections();
    server.close();
    expect(result).toEqual({ code: 2, stdout: '', stderr: 'sealwatch: interrupted by SIGINT\n' });
  });
});
