import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { CHART, HelmWorld, type ReleaseOptions, refusalsOf } from '../support/helm-world.ts';
import { pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import type { ProgramResult } from '../support/program.ts';
import type { Scenario } from '../support/scenario.ts';
import { localClient, signImage } from '../support/signed-images.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '../..');
const WHOLE: ReleaseOptions = { release: 'sealwatch', namespace: 'sealwatch-system', id: 'shop' };
const TENANT: ReleaseOptions = {
  release: 'tenant',
  namespace: 'tenant-system',
  id: 'tools',
  values: { rbac: { namespaces: ['tools'] }, crds: { install: false } },
};
const CRDS = ['imagesignaturerequests', 'trustpolicies', 'truststores'].map((plural) => `crd/${plural}.sealwatch.dev`);

let plane: ControlPlane;
let world: HelmWorld;

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: true, auditLog: true });
  world = await HelmWorld.start(plane);
  for (const namespace of ['shop', 'tools', 'other']) await plane.ok(['create', 'namespace', namespace]);
});

afterAll(async () => {
  await world?.stop();
  await plane?.stop();
});

const repositoryOf = ({ id }: Scenario): string => `${id}/web`;

/** What the operator's log says that it may not do; that a CRD is not served yet, moments after it came, is none of it. */
const refusalsTold = ({ operator }: Scenario): readonly unknown[] =>
  operator
    .logs()
    .filter((line) => /forbidden|denied|may not|\b40[13]\b/i.test(JSON.stringify({ ...line, time: 0, pid: 0 })));

async function runPod(scenario: Scenario, name: string, isSigned: boolean): Promise<void> {
  const image = await pushImage(scenario.registry.host, repositoryOf(scenario), `${scenario.id}-${name}`);
  if (isSigned) await signImage(localClient(), image, scenario.chain);
  await scenario.runPod(name, { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
}

const running = (scenario: Scenario, namespace: string, verdict: string): Promise<number | undefined> =>
  scenario.operator.metric(`sealwatch_running_containers{namespace="${namespace}",verdict="${verdict}"}`);

const leaseHolder = (name: string, namespace: string): Promise<string> =>
  plane.ok(['get', 'lease', name, '-n', namespace, '-o', 'jsonpath={.spec.holderIdentity}']);

describe('helm', () => {
  it.each(['README.md', 'docs/operations.md'])('install as %s has it is what the cluster takes', async (page) => {
    const results = await documented(page, 'install');
    expect(results.length).toBeGreaterThan(0);
    for (const { command, code, stderr } of results) expect([command, code, stderr]).toEqual([command, 0, '']);
  });

  it('install makes a cluster in which the operator may do all that it does', async () => {
    await world.install(WHOLE);
    await plane.ok(['wait', '--for=condition=Established', '--timeout=30s', ...CRDS]);
    const scenario = await world.run(WHOLE);
    onTestFinished(async () => void (await scenario.operator.stop()));
    await scenario.trust({ repositories: [repositoryOf(scenario)] });

    await runPod(scenario, 'signed', true);
    await runPod(scenario, 'unsigned', false);
    const { message } = await scenario.waitForPod('unsigned', 'False', 'Unsigned');
    expect(message).toContain(`shop/web:shop-unsigned`);
    await waitFor('the signed pod to be trusted', async () => (await running(scenario, 'shop', 'Trusted')) === 1);
    expect(await scenario.podCondition('signed')).toBeUndefined();
    expect(await scenario.eventNotes('Pod', 'unsigned', 'ImageUnsigned')).toHaveLength(1);

    await signRunAndRevoke(scenario);
    await signWithKey(scenario);
    await scenario.deleteRequests();

    expect(await leaseHolder('sealwatch', 'sealwatch-system')).not.toBe('');
    expect(await scenario.operator.metric('sealwatch_leader')).toBe(1);
    expect(await refusalsOf(plane, 'sealwatch-system', 'sealwatch')).toEqual([]);
    expect(refusalsTold(scenario)).toEqual([]);
  });

  it('upgrade brings a CRD and a configuration that changed, and keeps what there is of it', async () => {
    const folder = await temporaryFolder('chart');
    onTestFinished(folder.remove);
    const chart = join(folder.path, 'sealwatch');
    await cp(CHART, chart, { recursive: true, dereference: true });
    const crd = join(chart, 'files/crds/sealwatch.dev_truststores.yaml');
    const text = await readFile(crd, 'utf8');
    await writeFile(crd, text.replace('name: Certs', 'name: Certificates'));
    for (const { command, code, stderr } of await documented('docs/operations.md', 'upgrade'))
      expect([command, code, stderr]).toEqual([command, 0, '']);
    expect(await plane.ok(['get', 'tst'])).toContain('CERTS');
    const stores = await plane.ok(['get', 'tst', '-o', 'name']);

    const values = ['-f', await world.valuesFile(WHOLE), '--set', 'config.logLevel=debug'];
    await world.helm('upgrade', 'sealwatch', chart, '-n', 'sealwatch-system', ...values);
    await waitFor('the new column', async () => /CERTIFICATES/.test(await plane.ok(['get', 'tst'])));
    expect(await plane.ok(['get', 'tst', '-o', 'name'])).toBe(stores);
    expect(await plane.ok(['get', 'configmap', 'sealwatch', '-n', 'sealwatch-system', '-o', 'yaml'])).toContain(
      'logLevel: debug',
    );
  });

  it('uninstall keeps the CRDs and every object of theirs, and takes the rest; an install takes them over again', async () => {
    const objects = await plane.ok(['get', 'tst,tp', '-o', 'name']);
    expect(objects.trim().split('\n')).toHaveLength(3);
    await world.helm('uninstall', 'sealwatch', '-n', 'sealwatch-system');
    await plane.ok(['get', ...CRDS]);
    expect(await plane.ok(['get', 'tst,tp', '-o', 'name'])).toBe(objects);
    const left = await plane.ok([
      'get',
      'deploy,cm,sa,svc,pdb,netpol,role,rolebinding',
      '-n',
      WHOLE.namespace,
      '-o',
      'name',
    ]);
    expect(left).not.toContain('sealwatch');
    expect(await plane.ok(['get', 'clusterrole,clusterrolebinding', '-o', 'name'])).not.toContain('/sealwatch');

    await world.install(WHOLE);
    expect(await plane.ok(['get', 'tst,tp', '-o', 'name'])).toBe(objects);
    await world.helm('uninstall', 'sealwatch', '-n', 'sealwatch-system');
  });

  it('install for some namespaces makes an operator that watches no other, and is refused nothing', async () => {
    await world.install(TENANT);
    const scenario = await world.run(TENANT);
    onTestFinished(async () => void (await scenario.operator.stop()));
    await scenario.trust({ repositories: [repositoryOf(scenario)] });
    const image = await pushImage(scenario.registry.host, repositoryOf(scenario), 'elsewhere');
    const imageID = `${image.repository}@${image.digest}`;
    await scenario.runPod('elsewhere', { app: { image: image.reference, imageID } }, {}, 'other');
    await runPod(scenario, 'unsigned', false);
    await runPod(scenario, 'signed', true);
    await scenario.waitForPod('unsigned', 'False', 'Unsigned');
    await waitFor('the signed pod to be trusted', async () => (await running(scenario, 'tools', 'Trusted')) === 1);
    await signWithKey(scenario);
    await scenario.deleteRequests();

    const { text } = await scenario.operator.fetch('/metrics');
    expect(text).not.toMatch(/namespace="(?:other|shop)"/);
    expect(await plane.ok(['get', 'pod', 'elsewhere', '-n', 'other', '-o', 'yaml'])).not.toContain('ImagesTrusted');
    expect(await leaseHolder('tenant-sealwatch', 'tenant-system')).not.toBe('');
    expect(await refusalsOf(plane, 'tenant-system', 'tenant-sealwatch')).toEqual([]);
    expect(refusalsTold(scenario)).toEqual([]);
    for (const [verb, what] of [
      ['list', 'pods'],
      ['get', 'secrets'],
      ['patch', 'pods/status'],
    ]) {
      const asked = ['auth', 'can-i', verb ?? '', what ?? '', '-n', 'other'];
      const as = '--as=system:serviceaccount:tenant-system:tenant-sealwatch';
      expect((await plane.kubectl([...asked, as])).stdout.trim()).toBe('no');
    }
  });

  it('install takes over CRDs that kubectl applied, once it is told to', async () => {
    await plane.ok(['delete', ...CRDS]);
    await plane.installCrds();
    const values = await world.valuesFile(WHOLE);
    const install = ['install', WHOLE.release, CHART, '-n', WHOLE.namespace, '-f', values];
    const refused = await world.tryHelm(install);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('cannot be imported')]);
    expect(await world.tryHelm([...install, '--take-ownership'])).toMatchObject({ code: 0, stderr: '' });
    await plane.ok(['get', ...CRDS]);
  });
});

/** Runs the commands of helm that a page has, from a folder with the chart and the page's values, and changes nothing. */
async function documented(
  page: string,
  verb: string,
): Promise<readonly (ProgramResult & { readonly command: string })[]> {
  const folder = await temporaryFolder('page');
  onTestFinished(folder.remove);
  await symlink(join(ROOT, 'charts'), join(folder.path, 'charts'));
  const text = (await readFile(join(ROOT, page), 'utf8')).replaceAll('\\\n', ' ');
  const values = /```yaml\n(# values\.yaml\n[^`]*)```/.exec(text)?.[1];
  if (values !== undefined) await writeFile(join(folder.path, 'values.yaml'), values);
  const commands = text.match(new RegExp(`^ *helm ${verb} .*$`, 'gm')) ?? [];
  return Promise.all(
    commands.map(async (command) => {
      const args = command.replace(/ #.*/, '').trim().split(/\s+/).slice(1);
      return { command, ...(await world.tryHelm([...args, '--dry-run=server'], folder.path)) };
    }),
  );
}

/** An image that the operator has AWS Signer sign, runs, and is flagged by the ARN of the job once that is revoked. */
async function signRunAndRevoke(scenario: Scenario): Promise<void> {
  const image = await pushImage(scenario.registry.host, repositoryOf(scenario), 'aws');
  const profileArn = scenario.profileArn(scenario.id.replaceAll('-', '_'));
  await scenario.request('aws', { images: [image.reference], sign: { awsSigner: { profileArn } } });
  const { status } = await scenario.waitForRequest('aws', 'Ready', 'True');
  const jobArn = status?.images?.[0]?.signatures?.[0]?.jobArn ?? '';
  await scenario.runPod('aws', { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
  await waitFor('it to be trusted', async () => (await running(scenario, scenario.id, 'Trusted')) === 2);
  scenario.aws.revokeSignature(jobArn);
  const { message } = await scenario.waitForPod('aws', 'False', 'Revoked');
  expect(jobArn).toContain(':/signing-jobs/');
  expect(message).toContain(jobArn);
}

/** An image that the operator signs with the key of a Secret. */
async function signWithKey(scenario: Scenario): Promise<void> {
  const image = await pushImage(scenario.registry.host, repositoryOf(scenario), `${scenario.id}-key`);
  await scenario.keySecret('signer');
  await scenario.request('key', { images: [image.reference], sign: { key: { secretRef: { name: 'signer' } } } });
  await scenario.waitForRequest('key', 'Ready', 'True');
}
