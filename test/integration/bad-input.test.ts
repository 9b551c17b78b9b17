import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Condition } from '../../src/api/conditions.ts';
import type { ImageSignatureRequestSpec } from '../../src/api/image-signature-request.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { createChain } from '../support/pki.ts';
import { ManagedProcess, waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Every bad input gets a clear message that names the object, the field and what to do; the operator lives on. */
let scenario: Scenario;
let image: PushedImage;

beforeAll(async () => {
  scenario = await startScenario(sharedControlPlane(), 'bad');
  await scenario.trust({ repositories: ['team/app'] });
  image = await pushImage(scenario.registry.host, 'team/app', 'v1');
});
afterAll(() => scenario?.stop());

async function conditionOf(resource: string, type: string, status: string, ...namespace: string[]): Promise<Condition> {
  return waitFor(`${resource} to have ${type}=${status}`, async () => {
    const object = await scenario.plane.get<{ readonly status?: { readonly conditions?: readonly Condition[] } }>(
      resource,
      ...namespace,
    );
    return object.status?.conditions?.find((condition) => condition.type === type && condition.status === status);
  });
}

describe('a TrustStore', () => {
  const store = (name: string, spec: object) => ({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'TrustStore',
    metadata: { name: `${scenario.id}-${name}` },
    spec,
  });
  const from = (key: string, name = 'bundles') => ({
    type: 'ca',
    caBundleFrom: { configMapKeyRef: { namespace: scenario.id, name, key } },
  });

  it.each([
    ['garbage', 'InvalidBundle', /trust store ca:\S+-garbage: .*certificate/],
    [
      'empty',
      'InvalidBundle',
      /trust store ca:\S+-empty: .*expected at least one block -----BEGIN CERTIFICATE-----; found none/,
    ],
    ['leaf', 'InvalidBundle', /trust store ca:\S+-leaf: .*CA/],
    ['nokey', 'SourceNotFound', /ConfigMap \S+\/bundles has no key nokey: add it/],
  ])('with %s is not Ready, reason %s', async (name, reason, message) => {
    const { certificates } = scenario.chain;
    await scenario.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'bundles', namespace: scenario.id },
      data: {
        garbage: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
        empty: '',
        leaf: certificates[0]?.toString() ?? '',
      },
    });
    await scenario.apply(store(name, from(name)));
    const condition = await conditionOf(`tst/${scenario.id}-${name}`, 'Ready', 'False');
    expect(condition.reason).toBe(reason);
    expect(condition.message).toMatch(message);
    await scenario.plane.ok(['delete', 'tst', `${scenario.id}-${name}`]);
  });

  it('whose ConfigMap is missing says which to create', async () => {
    await scenario.apply(store('missing', from('x', 'nowhere')));
    const condition = await conditionOf(`tst/${scenario.id}-missing`, 'Ready', 'False');
    expect(condition).toMatchObject({
      reason: 'SourceNotFound',
      message: expect.stringContaining(`ConfigMap ${scenario.id}/nowhere does not exist: create it`),
    });
    await scenario.plane.ok(['delete', 'tst', `${scenario.id}-missing`]);
  });

  it('with the name of an older one says whose it is', async () => {
    await scenario.apply(store('twin', { type: 'ca', trustStoreName: scenario.id, caBundle: scenario.chain.rootPem }));
    const condition = await conditionOf(`tst/${scenario.id}-twin`, 'Ready', 'False');
    expect(condition).toMatchObject({ reason: 'DuplicateName', message: expect.stringContaining(`${scenario.id}-ca`) });
    await scenario.plane.ok(['delete', 'tst', `${scenario.id}-twin`]);
  });

  it('replaced by garbage keeps the last good bundle in force (faults.md 49)', async () => {
    await scenario.apply(store('kept', { type: 'ca', caBundle: scenario.chain.rootPem }));
    await conditionOf(`tst/${scenario.id}-kept`, 'Ready', 'True');
    await scenario.apply(
      store('kept', { type: 'ca', caBundle: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }),
    );
    const condition = await conditionOf(`tst/${scenario.id}-kept`, 'Ready', 'False');
    expect(condition.message).toContain('the last good bundle (1 certificate) stays in force');
    await scenario.plane.ok(['delete', 'tst', `${scenario.id}-kept`]);
  });
});

describe('a TrustPolicy', () => {
  const policy = (name: string, change: object) => ({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: `${scenario.id}-${name}` },
    spec: {
      version: '1.0',
      trustPolicies: [
        {
          name: 's',
          registryScopes: [`registry.example.com/${name}`],
          signatureVerification: { level: 'strict' },
          trustStores: [`ca:${scenario.id}`],
          trustedIdentities: ['*'],
          ...change,
        },
      ],
    },
  });
  it.each([
    [
      'twice',
      // The API server refuses O twice; it does not know that this is its OID.
      { trustedIdentities: ['x509.subject: C=US, ST=WA, O=Acme, 2.5.4.10=Other'] },
      'InvalidPolicy',
      /statement "?s"?.*trustedIdentities.*F6/,
    ],
    [
      'overlap',
      { trustedIdentities: ['x509.subject: C=US, ST=WA, O=A', 'x509.subject: C=US, ST=WA, O=A, CN=x'] },
      'InvalidPolicy',
      /subset|overlap/,
    ],
    [
      'nostore',
      { trustStores: ['ca:nobody'] },
      'TrustStoreNotFound',
      /statement s names the trust store ca:nobody.*create the TrustStore/,
    ],
  ])('%s is not Ready, reason given', async (name, change, reason, message) => {
    await scenario.apply(policy(name, change));
    const condition = await conditionOf(`tp/${scenario.id}-${name}`, 'Ready', 'False');
    expect(condition.reason).toBe(reason);
    expect(condition.message).toMatch(message);
    await scenario.plane.ok(['delete', 'tp', `${scenario.id}-${name}`]);
  });

  it('with a scope in two of its statements names both (F2)', async () => {
    const { spec, ...rest } = policy('scopes', {});
    const [statement] = spec.trustPolicies;
    await scenario.apply({ ...rest, spec: { ...spec, trustPolicies: [statement, { ...statement, name: 'again' }] } });
    const condition = await conditionOf(`tp/${scenario.id}-scopes`, 'Ready', 'False');
    expect(condition.reason).toBe('InvalidPolicy');
    expect(condition.message).toMatch(/"again".*registryScopes: .*\/scopes already stands in statement "s".*F2/);
    await scenario.plane.ok(['delete', 'tp', `${scenario.id}-scopes`]);
  });

  it('that claims a scope of an older one loses it, and both say so (faults.md 48)', async () => {
    await scenario.apply(policy('younger', { registryScopes: [`${scenario.registry.host}/team/app`] }));
    const younger = await conditionOf(`tp/${scenario.id}-younger`, 'Conflicted', 'True');
    expect(younger.message).toContain(`claimed by the older TrustPolicy ${scenario.id}`);
    const older = await conditionOf(`tp/${scenario.id}`, 'Conflicted', 'True');
    expect(older.message).toContain(`${scenario.id}-younger`);
    await conditionOf(`tp/${scenario.id}`, 'Ready', 'True');
    await scenario.plane.ok(['delete', 'tp', `${scenario.id}-younger`]);
  });
});

describe('an ImageSignatureRequest', () => {
  const ask = async (
    name: string,
    spec: ImageSignatureRequestSpec,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<Condition> => {
    await scenario.request(name, spec, annotations);
    const condition = await conditionOf(`isr/${name}`, 'Ready', 'False', '-n', scenario.id);
    await scenario.plane.ok(['delete', 'isr', name, '-n', scenario.id, '--timeout=20s']);
    return condition;
  };
  const key = (name: string) => ({ key: { secretRef: { name } } });
  const secret = (name: string, data: Readonly<Record<string, string>>) =>
    scenario.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: scenario.id }, stringData: data });

  it.each([
    [
      'no tls.key',
      async () => ({ 'tls.crt': scenario.chain.pem }),
      /expected the keys tls\.crt .* and tls\.key; found tls\.crt/,
    ],
    ['an encrypted key', async () => ({ 'tls.crt': scenario.chain.pem, 'tls.key': encrypted() }), /encrypted/],
    [
      "another chain's key",
      async () => ({ 'tls.crt': scenario.chain.pem, 'tls.key': (await createChain()).keyPem }),
      /private key does not belong to/,
    ],
    ['the root first', async () => ({ 'tls.crt': reversed(), 'tls.key': scenario.chain.keyPem }), /leaf first|order/],
    ['an expired leaf', async () => expiredChain(), /valid|expired/],
    [
      'no certificate at all',
      async () => ({ 'tls.crt': 'hello', 'tls.key': scenario.chain.keyPem }),
      /BEGIN CERTIFICATE/,
    ],
  ])('with %s in its Secret says so', async (_name, data, message) => {
    await secret('broken', await data());
    const condition = await ask('broken', { images: [image.reference], sign: key('broken') });
    expect(condition.reason).toBe('KeyInvalid');
    expect(condition.message).toContain(`Secret ${scenario.id}/broken`);
    expect(condition.message).toMatch(message);
    expect(condition.message).not.toContain('PRIVATE KEY');
  });

  it.each([
    [
      'a key Secret that is missing',
      () => ({ sign: key('nowhere') }),
      'SecretNotFound',
      /Secret \S+\/nowhere does not exist: create it/,
    ],
    [
      'a pull secret that is missing',
      () => ({ registry: { secretRefs: [{ name: 'nopull' }] } }),
      'SecretNotFound',
      /Secret \S+\/nopull does not exist/,
    ],
    [
      'a ServiceAccount that is missing',
      () => ({ registry: { serviceAccountName: 'nobody' } }),
      'SecretNotFound',
      /ServiceAccount \S+\/nobody does not exist/,
    ],
    [
      'an image that does not exist',
      () => ({ images: [`${scenario.registry.host}/team/app:none`] }),
      'RetryingAfterFault',
      /team\/app:none: not found/,
    ],
    [
      'a registry that is not there',
      () => ({ images: ['registry.invalid/team/app:v1'] }),
      'RetryingAfterFault',
      /registry\.invalid.*cannot be reached/,
    ],
    [
      'a registry where nothing listens',
      () => ({ images: ['127.0.0.1:1/team/app:v1'] }),
      'RetryingAfterFault',
      /127\.0\.0\.1:1.*cannot be reached/,
    ],
    [
      'a registry at a refused address',
      () => ({ images: ['169.254.169.254/team/app:v1'] }),
      'RetryingAfterFault',
      /169\.254\.169\.254.*refused: if it is meant, add it to --allow-addresses/,
    ],
    [
      'plain HTTP to a host that is not listed',
      () => ({ images: ['registry.example.com/team/app:v1'], registry: { plainHTTP: true } }),
      'NotGranted',
      /spec\.registry\.plainHTTP: .*--plain-http-hosts, and registry\.example\.com is not among them/,
    ],
    [
      'CAs in a ConfigMap that is missing',
      () => ({ registry: { caBundleFrom: { configMapKeyRef: { name: 'nowhere', key: 'ca.crt' } } } }),
      'SecretNotFound',
      /ConfigMap \S+\/nowhere does not exist/,
    ],
    [
      'a timestamp whose trust store is not there',
      () => ({ sign: { ...key('good'), timestamp: { url: 'http://tsa.example.com', trustStore: 'nobody' } } }),
      'TrustStoreNotFound',
      /spec\.sign\.timestamp\.trustStore: no TrustStore of type tsa with the name nobody is in force: create it/,
    ],
  ])('with %s says so', async (_name, change, reason, message) => {
    const condition = await ask('wrong', { images: [image.reference], ...change() });
    expect(condition.reason).toBe(reason);
    expect(condition.message).toMatch(message);
  });

  it('with a pull secret of another type says which key it needs', async () => {
    await secret('opaque', { password: 'hunter2' });
    const condition = await ask('opaque', {
      images: [image.reference],
      registry: { secretRefs: [{ name: 'opaque' }] },
    });
    expect(condition.message).toMatch(/Secret \S+\/opaque: expected type kubernetes\.io\/dockerconfigjson/);
    expect(condition.message).not.toContain('hunter2');
  });

  it('with a profile that AWS does not know, and with one that was cancelled, says which', async () => {
    const unknown = await ask('profile', {
      images: [image.reference],
      sign: { awsSigner: { profileArn: scenario.profileArn('nobody') } },
    });
    expect(unknown).toMatchObject({
      reason: 'ProfileNotFound',
      message: expect.stringContaining(scenario.profileArn('nobody')),
    });
    scenario.aws.createProfile({ name: 'gone' });
    scenario.aws.cancelProfile(scenario.profileArn('gone'));
    const cancelled = await ask('profile', {
      images: [image.reference],
      sign: { awsSigner: { profileArn: scenario.profileArn('gone') } },
    });
    expect(cancelled).toMatchObject({
      reason: 'ProfileCanceled',
      message: expect.stringContaining(scenario.profileArn('gone')),
    });
  });

  it('whose key Secret is missing goes on by itself when it is there (faults.md 50)', async () => {
    await scenario.request('late', { images: [image.reference], sign: key('late') });
    await scenario.waitForRequest('late', 'Ready', 'False', 'SecretNotFound');
    await scenario.keySecret('late');
    await scenario.waitForRequest('late', 'Ready', 'True');
    await scenario.plane.ok(['delete', 'isr', 'late', '-n', scenario.id]);
  });

  it('outside every grant names what would be needed', async () => {
    const elsewhere = `${scenario.id}-x`;
    await scenario.plane.ok(['create', 'namespace', elsewhere]);
    const profileArn = scenario.profileArn(scenario.id.replaceAll('-', '_'));
    await scenario.apply({
      apiVersion: 'sealwatch.dev/v1alpha1',
      kind: 'ImageSignatureRequest',
      metadata: { name: 'ungranted', namespace: elsewhere },
      spec: { images: [image.reference], sign: { awsSigner: { profileArn } } },
    });
    const condition = await conditionOf('isr/ungranted', 'Ready', 'False', '-n', elsewhere);
    expect(condition.reason).toBe('NotGranted');
    expect(condition.message).toContain(`namespaces ${elsewhere}`);
    expect(condition.message).toContain(profileArn);
    // `kubectl describe` tells it too.
    await waitFor('the event', async () =>
      (await scenario.plane.ok(['get', 'events', '-n', elsewhere])).includes('NotGranted'),
    );
    await scenario.plane.ok(['delete', 'namespace', elsewhere, '--wait=false']);
  });

  it('with a sign-anew annotation that is no time says how one looks', async () => {
    await scenario.keySecret('good');
    const condition = await ask(
      'anew',
      { images: [image.reference], sign: key('good') },
      { 'sealwatch.dev/sign-anew-requested-at': 'now' },
    );
    expect(condition).toMatchObject({ reason: 'InvalidSpec', message: expect.stringContaining('date -u +%FT%TZ') });
  });

  function encrypted(): string {
    return scenario.chain.key
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString();
  }
  function reversed(): string {
    return scenario.chain.certificates
      .map((certificate) => certificate.toString())
      .reverse()
      .join('');
  }
  async function expiredChain(): Promise<Record<string, string>> {
    const { pem, keyPem } = await createChain({
      notBefore: new Date('2025-01-01T00:00:00Z'),
      notAfter: new Date('2025-06-01T00:00:00Z'),
    });
    return { 'tls.crt': pem, 'tls.key': keyPem };
  }
});

describe('a pod', () => {
  it('whose imageID is a config id is Unknown, with what that means (A10; faults.md 47)', async () => {
    await scenario.runPod('bare', { app: { image: image.reference, imageID: `sha256:${'c'.repeat(64)}` } });
    const condition = await scenario.waitForPod('bare', 'False', 'Unknown');
    expect(condition.message).toContain('is the id of a config, not the digest of a manifest');
  });
});

describe('a flag', () => {
  const MAIN = join(import.meta.dirname, '../../src/main.ts');
  const start = async (
    ...args: readonly string[]
  ): Promise<{ readonly code: number | string; readonly output: string }> => {
    const { kubeconfigPath } = scenario.plane;
    const operator = new ManagedProcess({
      name: 'sealwatch',
      command: process.execPath,
      args: [MAIN, ...args],
      env: { KUBECONFIG: kubeconfigPath },
    });
    const code = await operator.exited;
    return { code, output: operator.output };
  };

  it.each([
    [['--no-such-flag'], /--no-such-flag: no such flag/],
    [['--sweep-interval', 'soon'], /--sweep-interval: expected a duration such as 90s/],
    [['--sweep-interval=10ms'], /--sweep-interval: expected at least 1s/],
    [['--allow-addresses', '10.0.0.0'], /--allow-addresses: expected a CIDR/],
    [['--listen-address', 'localhost'], /--listen-address: expected an IP address and a port/],
    [['--plain-http-hosts', 'http://registry'], /--plain-http-hosts: expected a host/],
    [['--signer-endpoint', 'signer'], /--signer-endpoint: expected a URL/],
    [['--log-level', 'loud'], /--log-level: expected trace, debug, info, warn or error/],
    [['--max-signatures', '0'], /--max-signatures: expected a whole number from 1 to 1000/],
    [['--concurrency'], /--concurrency: expected a value, N/],
  ])('%j ends with 64 and a sentence', async (args, message) => {
    const { code, output } = await start(...args);
    expect(code).toBe(64);
    expect(output).toMatch(message);
    expect(output).toContain('--help');
  });

  it.each(['--config', '--registry-config', '--registry-ca'])(
    '%s with a file that is not there ends with 1 before anything is started, and names flag and file',
    async (flag) => {
      const { code, output } = await start(flag, '/nonexistent/file');
      expect(code).toBe(1);
      expect(output).toBe(`sealwatch: could not start: ${flag}: cannot read /nonexistent/file: it does not exist\n`);
    },
  );

  it.each([
    ['--registry-config', /--registry-config \S+: /],
    ['--registry-ca', /--registry-ca \S+: expected PEM certificates; found none/],
  ])('%s with a file of something else ends with 1 and says so', async (flag, message) => {
    const { code, output } = await start(flag, MAIN);
    expect(code).toBe(1);
    expect(output).toMatch(message);
  });

  it.each([
    ['/nonexistent', /KUBECONFIG: the kubeconfig cannot be used: .*\/nonexistent/],
    ['', /no kubeconfig with a current context: set KUBECONFIG/],
  ])('KUBECONFIG=%s without a kubeconfig ends with 1 and says what to set', async (KUBECONFIG, message) => {
    const operator = new ManagedProcess({
      name: 'sealwatch',
      command: process.execPath,
      args: [MAIN],
      env: { KUBECONFIG, HOME: '/nonexistent' },
    });
    expect(await operator.exited).toBe(1);
    expect(operator.output).toMatch(message);
  });

  it.each([
    ['signing: {grants: [{namespace: [a]}]}', /signing\.grants\[0\]\.namespace: no such field/],
    ['signing: {grants: [{namespaces: [a]}]}', /signing\.grants\[0\]\.repositories: expected at least one/],
    ['signing: [', /expected YAML/],
  ])('--config with %s ends with 1 and names the field', async (text, message) => {
    const folder = await temporaryFolder('config');
    try {
      const file = join(folder.path, 'config.yaml');
      await writeFile(file, text);
      const { code, output } = await start('--config', file, '--listen-address', '127.0.0.1:0');
      expect(code).toBe(1);
      expect(output).toMatch(message);
      expect(output).toContain(`--config ${file}`);
    } finally {
      await folder.remove();
    }
  });
});

describe('the operator', () => {
  it('lived through all of it, still does its work, and ends with 0', async () => {
    await scenario.keySecret('fine');
    await scenario.request('fine', { images: [image.reference], sign: { key: { secretRef: { name: 'fine' } } } });
    await scenario.waitForRequest('fine', 'Ready', 'True');
    expect(scenario.operator.logs().filter(({ level }) => Number(level) >= 50)).toEqual([]);
    expect(await scenario.operator.stop()).toBe(0);
  });
});
