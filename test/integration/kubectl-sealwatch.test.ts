import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { thumbprints } from '../../src/notary/index.ts';
import type { CliResult } from '../support/cli.ts';
import { type CrlAuthority, startCrlAuthority } from '../support/crl-authority.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { runPlugin, writePlugin } from '../support/kubectl-plugin.ts';
import { waitFor } from '../support/processes.ts';
import { startRegistry } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { localClient, signImage } from '../support/signed-images.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const LEASE = 'sealwatch-system/sealwatch';
const WIDTH = 120;
const HOUR_MS = 3_600_000;

let scenario: Scenario;
let folder: TemporaryFolder;
let authority: CrlAuthority;
let proxy: FaultProxy;
let jobArn: string;
let images: Record<'web' | 'api' | 'crl' | 'plain' | 'tool', PushedImage>;

beforeAll(async () => {
  folder = await temporaryFolder('plugin');
  await writePlugin(folder.path);
  const registry = await startRegistry('referrers');
  proxy = await startFaultProxy(registry.host);
  scenario = await startScenario(sharedControlPlane(), 'plugin', {
    registry: { ...registry, host: proxy.host, stop: () => registry.stop() },
    args: ['--lease-namespace', 'sealwatch-system'],
  });
  const { id } = scenario;
  authority = await startCrlAuthority(HOUR_MS);
  await scenario.apply({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'TrustStore',
    metadata: { name: `${id}-crl` },
    spec: { type: 'ca', caBundle: authority.chain.rootPem },
  });
  await scenario.trust({
    repositories: ['shop/web', 'shop/api', 'shop/crl', 'shop/plain'],
    // Nothing answers there: what runs from it is Unknown.
    scopes: ['127.0.0.1:1/shop/gone'],
    trustStores: [`ca:${id}-crl`],
  });
  await scenario.keySecret('signer');
  const push = (name: string): Promise<PushedImage> => pushImage(proxy.host, name, 'v1');
  images = {
    web: await push('shop/web'),
    api: await push('shop/api'),
    crl: await push('shop/crl'),
    plain: await push('shop/plain'),
    tool: await push('other/tool'),
  };
  const profileArn = scenario.profileArn(id.replaceAll('-', '_'));
  await signImage(localClient(), images.crl, authority.chain);
  await scenario.request('web', {
    images: [images.web.reference],
    sign: { key: { secretRef: { name: 'signer' } }, expiry: '240h' },
  });
  await scenario.request('api', { images: [images.api.reference], sign: { awsSigner: { profileArn } } });
  await scenario.waitForRequest('web', 'Ready', 'True');
  const api = await scenario.waitForRequest('api', 'Ready', 'True');
  jobArn = api.status?.images?.[0]?.signatures?.[0]?.jobArn ?? '';
  for (const [name, { reference, repository, digest }] of Object.entries(images))
    await scenario.runPod(`${name}-0`, { app: { image: reference, imageID: `${repository}@${digest}` } });
  const gone = '127.0.0.1:1/shop/gone';
  await scenario.runPod('gone-0', { app: { image: `${gone}:v1`, imageID: `${gone}@${images.web.digest}` } });
  await scenario.waitForPod('plain-0', 'False', 'Unsigned');
  await scenario.waitForPod('gone-0', 'False', 'Unknown', 60_000);
});
afterAll(async () => {
  await scenario?.plane.kubectl(['delete', `tst/${scenario.id}-crl`, '--ignore-not-found']);
  await scenario?.stop();
  await proxy?.stop();
  await authority?.stop();
  await folder?.remove();
});

/** `kubectl sealwatch …`, by the real kubectl, as a person on this machine. */
async function sealwatch(...args: readonly string[]): Promise<CliResult> {
  const { accessKeyId, secretAccessKey } = scenario.aws.credentials;
  const env = {
    HOME: folder.path,
    KUBECONFIG: scenario.plane.kubeconfigPath,
    KUBECACHEDIR: join(folder.path, 'cache'),
    NO_PROXY: '127.0.0.1,localhost',
    DOCKER_CONFIG: join(folder.path, 'docker'),
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
  const result = await runPlugin({ kubectl: scenario.plane.address.kubectlPath, folder: folder.path, env }, args);
  if (process.env['SHOW'] !== undefined)
    process.stdout.write(`\n$ kubectl sealwatch ${args.join(' ')}\n${result.stderr}${result.stdout}[${result.code}]\n`);
  return result;
}

/** The flags of whoever verifies from here. */
const HERE = (): readonly string[] => [
  ...['--plain-http-hosts', scenario.registry.host, '--allow-addresses', '127.0.0.0/8'],
  ...['--aws-endpoint', scenario.aws.endpoint],
];
const IN = (): readonly string[] => ['-n', scenario.id];
const json = <T>({ stdout }: CliResult): T => JSON.parse(stdout) as T;

function expectToFit({ stdout }: CliResult, table: RegExp): void {
  const tables = stdout.split('\n\n').filter((part) => table.test(part));
  expect(tables).not.toEqual([]);
  for (const line of tables.join('\n').split('\n')) expect(line.length, line).toBeLessThanOrEqual(WIDTH);
}

/** A TrustPolicy as a file has it. */
const policy = (name: string, repositories: readonly string[], identity: string): string =>
  JSON.stringify({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name },
    spec: {
      version: '1.0',
      trustPolicies: [
        {
          name: 'images',
          registryScopes: repositories.map((repository) => `${scenario.registry.host}/${repository}`),
          signatureVerification: { level: 'strict' },
          trustStores: [`ca:${scenario.id}`],
          trustedIdentities: [identity],
        },
      ],
    },
  });

const policyFile = async (text: string): Promise<string> => {
  const path = join(folder.path, 'policy.yaml');
  await writeFile(path, text);
  return path;
};

interface StatusJson {
  readonly operator: { readonly state: string; readonly leases: readonly string[] };
  readonly pods: Readonly<Record<string, number>>;
  readonly workloads: readonly { readonly workload: string; readonly verdict: string }[];
  readonly policies: readonly { readonly name: string; readonly images: { readonly total: number } | null }[];
}

interface Side {
  readonly verdict: string;
  readonly cause: { readonly reason: string; readonly revoked: readonly string[] } | null;
}
interface Change {
  readonly image: string;
  readonly workloads: readonly string[];
  readonly before: Side;
  readonly after: Side;
}
interface ComparisonJson {
  readonly changes: readonly Change[];
}
const changeOf = ({ changes }: ComparisonJson, { repository, digest }: PushedImage): Change | undefined =>
  changes.find(({ image }) => image === `${repository}@${digest}`);

it('kubectl finds the plugin, whose help names itself so', async () => {
  const help = await sealwatch('--help');
  expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: kubectl sealwatch /) });
  expect(await sealwatch('status', '--nonsense')).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('see kubectl sealwatch status --help'),
  });
});

describe('status', () => {
  it('tells what runs, worst first: only what is told is Trusted', async () => {
    const status = await waitFor('the policy to have counted', async () => {
      const told = json<StatusJson>(await sealwatch('status', ...IN(), '-o', 'json'));
      return told.policies.find(({ name }) => name === scenario.id)?.images?.total === 5 ? told : undefined;
    });
    expect(status.operator).toMatchObject({ state: 'running', leases: [LEASE] });
    expect(status.workloads.map(({ workload, verdict }) => `${workload} ${verdict}`)).toEqual([
      'Pod/plain-0 Unsigned',
      'Pod/gone-0 Unknown',
      // No request names it, and nothing is wrong with it.
      'Pod/crl-0 NotFlagged',
      'Pod/tool-0 Uncovered',
      'Pod/api-0 Trusted',
      'Pod/web-0 Trusted',
    ]);
    expect(status.pods).toMatchObject({ Unsigned: 1, Unknown: 1, NotFlagged: 1, Uncovered: 1, Trusted: 2, Revoked: 0 });
    const text = await sealwatch('status', ...IN());
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/operator {2}running: Lease sealwatch-system\/sealwatch is held by /);
    expectToFit(text, /NAMESPACE|TRUSTPOLICY|REQUEST/);
  });

  it('an empty namespace: 0', async () => {
    expect(await sealwatch('status', '-n', 'kube-public')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0 pods run in namespace kube-public'),
    });
  });
});

describe('why', () => {
  it('a trusted pod: 0, with statement, signature and checks', async () => {
    const why = await sealwatch('why', 'web-0', ...IN(), ...HERE());
    expect(why).toMatchObject({ code: 0, stderr: '' });
    for (const part of [/container app: Trusted/, /statement plugin-\w+\/images, level strict/, /✔ authenticity/])
      expect(why.stdout).toMatch(part);
  });

  it('an unsigned one: 1, beside what the operator told by condition and event', async () => {
    await waitFor('the event', async () => (await scenario.eventNotes('Pod', 'plain-0', 'ImageUnsigned')).length > 0);
    const why = await sealwatch('why', 'plain-0', ...IN(), ...HERE(), '-o', 'json');
    expect(why.code).toBe(1);
    expect(json(why)).toMatchObject({
      verdict: 'Unsigned',
      condition: { status: 'False', reason: 'Unsigned' },
      events: [{ reason: 'ImageUnsigned' }],
      containers: [{ name: 'app', verification: { verdict: 'Unsigned', cause: { reason: 'NoSignature' } } }],
    });
    expect((await sealwatch('why', 'plain-0', ...IN(), ...HERE())).stdout).not.toMatch(/^ {2}but /m);
  });

  it('a registry that may not be spoken to from here: 2, and it says that the operator saw it otherwise', async () => {
    const why = await sealwatch('why', 'web-0', ...IN());
    expect(why.code).toBe(2);
    expect(why.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'the operator has flagged nothing, and it is Unknown from here',
    );
  });

  it('no such pod: 2', async () => {
    expect(await sealwatch('why', 'nobody', ...IN())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`there is no pod nobody in namespace ${scenario.id}`),
    });
  });
});

describe('expiring', () => {
  it('what expires within the time: 1; sooner nothing does: 0', async () => {
    const soon = await sealwatch('expiring', '--within', '30d', ...IN(), '-o', 'json');
    expect(soon.code).toBe(1);
    expect(json(soon)).toMatchObject({
      images: [
        {
          request: `${scenario.id}/web`,
          image: images.web.reference,
          workloads: [`${scenario.id}/Pod/web-0`],
        },
      ],
      unrequestedImages: 4,
    });
    expectToFit(await sealwatch('expiring', ...IN()), /EXPIRES/);
    expect(await sealwatch('expiring', '--within', '9d', ...IN())).toMatchObject({ code: 0 });
  });
});

describe('blast-radius', () => {
  it.each<[string, () => string]>([
    ['a signing job', () => jobArn],
    ['a signing profile', () => scenario.profileArn(scenario.id.replaceAll('-', '_'))],
  ])('of %s: the workloads that would no longer be trusted', async (_, target) => {
    const radius = await sealwatch('blast-radius', target(), ...IN(), ...HERE(), '-o', 'json');
    expect(radius.code).toBe(1);
    const change = changeOf(json(radius), images.api);
    expect(change).toMatchObject({
      workloads: [`${scenario.id}/Pod/api-0`],
      before: { verdict: 'Trusted', cause: null },
      after: { verdict: 'Revoked', cause: { revoked: [target()] } },
    });
    expect(changeOf(json(radius), images.web)).toBeUndefined();
    expect(json(radius)).toMatchObject({ signatures: [{ request: `${scenario.id}/api` }] });
    expectToFit(await sealwatch('blast-radius', target(), ...IN(), ...HERE()), /IMAGE/);
  });

  it('of a certificate that names a CRL; one that names none would go unnoticed', async () => {
    const [leaf = '', root = ''] = thumbprints(authority.chain.certificates);
    const radius = await sealwatch('blast-radius', leaf, ...IN(), ...HERE(), '-o', 'json');
    expect(changeOf(json(radius), images.crl)).toMatchObject({
      before: { verdict: 'Trusted' },
      after: { verdict: 'Revoked', cause: { reason: 'CertificateRevoked' } },
    });
    const ofRoot = await sealwatch('blast-radius', root, ...IN(), ...HERE(), '-o', 'json');
    expect(changeOf(json(ofRoot), images.crl)).toBeUndefined();
    expect(ofRoot.stderr).toContain('take it out of its TrustStore instead');
    const [silent = ''] = thumbprints(scenario.chain.certificates);
    const ofSilent = await sealwatch('blast-radius', silent, ...IN(), ...HERE(), '-o', 'json');
    expect(changeOf(json(ofSilent), images.web)).toBeUndefined();
    expect(ofSilent.stderr).toContain('names neither an OCSP responder nor a CRL');
  });

  it('nothing was revoked by asking', async () => {
    expect(scenario.aws.requests.filter(({ operation }) => operation.startsWith('Revoke'))).toEqual([]);
  });
});

describe('preview', () => {
  it('a changed policy: what loses its trust, what is covered no more; 1', async () => {
    const path = await policyFile(policy(scenario.id, ['shop/web'], 'x509.subject: C=US, ST=WA, O=Wabbit'));
    const preview = await sealwatch('preview', '-f', path, ...IN(), ...HERE(), '-o', 'json');
    expect(preview.code).toBe(1);
    const told = json<ComparisonJson>(preview);
    expect(told).toMatchObject({ policies: [{ name: scenario.id, change: 'changed' }], images: 6, affected: 5 });
    expect(changeOf(told, images.web)).toMatchObject({
      workloads: [`${scenario.id}/Pod/web-0`],
      before: { verdict: 'Trusted' },
      after: { verdict: 'Untrusted', cause: { reason: 'NotATrustedIdentity' } },
    });
    expect(changeOf(told, images.api)).toMatchObject({ after: { verdict: 'Uncovered' } });
    expectToFit(await sealwatch('preview', '-f', path, ...IN(), ...HERE()), /IMAGE/);
  });

  it('an added policy that covers one more image; the younger loses a scope that another holds, and says so', async () => {
    const path = await policyFile(policy(`${scenario.id}-more`, ['other/tool', 'shop/web'], '*'));
    const preview = await sealwatch('preview', '-f', path, ...IN(), ...HERE(), '-o', 'json');
    expect(preview.code).toBe(1);
    expect(preview.stderr).toContain(`the older TrustPolicy ${scenario.id} holds it`);
    const told = json<ComparisonJson>(preview);
    expect(told.changes).toHaveLength(1);
    expect(changeOf(told, images.tool)).toMatchObject({
      before: { verdict: 'Uncovered' },
      after: { verdict: 'Unsigned' },
    });
  });

  it('nothing was applied', async () => {
    expect((await scenario.plane.kubectl(['get', `tp/${scenario.id}-more`])).code).not.toBe(0);
  });
});

describe('last: once the job is revoked, and then once the operator is gone', () => {
  it('the pod is Revoked in status and why', async () => {
    scenario.aws.revokeSignature(jobArn);
    await scenario.waitForPod('api-0', 'False', 'Revoked', 20_000);
    const status = json<StatusJson>(await sealwatch('status', ...IN(), '-o', 'json'));
    expect(status.workloads[0]).toMatchObject({ workload: 'Pod/api-0', verdict: 'Revoked' });
    const why = await sealwatch('why', 'api-0', ...IN(), ...HERE());
    expect(why.code).toBe(1);
    expect(why.stdout).toMatch(/✘ revocation/);
  });

  it('nothing is Trusted by silence: what no condition flags is Unknown, and status says why', async () => {
    await scenario.operator.stop();
    const stopped = await sealwatch('status', ...IN());
    expect(stopped.stdout).toMatch(/operator {2}NOT RUNNING: Lease sealwatch-system\/sealwatch is held by nobody/);
    const status = json<StatusJson>(await sealwatch('status', ...IN(), '-o', 'json'));
    expect(status.operator.state).toBe('stopped');
    expect(status.pods).toMatchObject({ Trusted: 0, NotFlagged: 0, Revoked: 1, Unsigned: 1, Uncovered: 1, Unknown: 3 });
  });

  it('preview asks the registry for each image once, though each is judged twice', async () => {
    const path = await policyFile(policy(scenario.id, ['shop/web', 'shop/other'], 'x509.subject: C=US, ST=WA, O=Acme'));
    proxy.requests.length = 0;
    const preview = await sealwatch('preview', '-f', path, ...IN(), ...HERE(), '-o', 'json');
    expect(json<ComparisonJson & { readonly affected: number }>(preview).affected).toBe(5);
    const asked = proxy.requests.filter(({ url }) => url.includes('/shop/web/')).map(({ operation }) => operation);
    expect(asked.filter((operation) => operation !== 'referrers' && operation !== 'blob')).toEqual([
      'manifest',
      'manifest',
    ]);
    expect(asked.filter((operation) => operation === 'referrers' || operation === 'blob')).toEqual([
      'referrers',
      'blob',
    ]);
  });
});
