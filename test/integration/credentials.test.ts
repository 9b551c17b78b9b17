import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RegistrySpec, SignSpec } from '../../src/api/image-signature-request.ts';
import { listSignatures, parseReference } from '../../src/oci/index.ts';
import { runCli } from '../support/cli.ts';
import { parseVerifyJson } from '../support/cli-json.ts';
import { type CliWorld, createCliWorld } from '../support/cli-world.ts';
import { type CredentialHelper, writeCredentialHelper } from '../support/credential-helper.ts';
import { forgeJws } from '../support/forge-jws.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Registry, type RegistryKind, startRegistry } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { attach, deadline, localClient, subjectOf } from '../support/signed-images.ts';
import { startTokenRegistry, type TokenRegistry } from '../support/token-registry.ts';
import { formatCredentialTable, type Outcome } from './credentials/table.ts';

const USER = { username: 'robot', password: 'correct horse' };
const AUTH = btoa(`${USER.username}:${USER.password}`);
const WRONG = { auth: btoa('robot:wrong') };
const ALL: Outcome = { resolve: true, list: true, verify: true, sign: true, delete: true };
const READ: Outcome = { resolve: true, list: true, verify: true };
const READ_AND_SIGN: Outcome = { ...READ, sign: true };

interface Column {
  readonly name: string;
  readonly kind: RegistryKind;
  readonly asksFor: 'basic' | 'token';
}
const COLUMNS: readonly Column[] = (['referrers', 'no-referrers'] as const).flatMap((kind) =>
  (['basic', 'token'] as const).map((asksFor) => ({ name: `${asksFor}, ${kind}`, kind, asksFor })),
);

let registries: ReadonlyMap<string, Registry | TokenRegistry>;
let scenario: Scenario;
let world: CliWorld;
/** One that keeps passwords, and one that keeps identity tokens: rows of one registry run side by side. */
let helper: CredentialHelper;
let tokenHelper: CredentialHelper;
const outcomes = new Map<string, Outcome>();

beforeAll(async () => {
  const started = COLUMNS.map(async ({ name, kind, asksFor }) => {
    const options = { ...USER, publicRepositories: ['team/anonymous'] };
    const registry = await (asksFor === 'basic'
      ? startRegistry(kind, { basic: USER })
      : startTokenRegistry(kind, options));
    return [name, registry] as const;
  });
  registries = new Map(await Promise.all(started));
  world = await createCliWorld();
  helper = await writeCredentialHelper(world.path('helper'), 'test');
  tokenHelper = await writeCredentialHelper(world.path('helper'), 'tokens');
  const hosts = [...registries.values()].map(({ host }) => host);
  // The operator's own serve for one repository only: what another source does, that source did.
  const own = Object.fromEntries(hosts.map((host) => [`${host}/team/operator`, { auth: AUTH }]));
  await writeFile(world.path('operator.json'), JSON.stringify({ auths: own }));
  scenario = await startScenario(sharedControlPlane(), 'creds', {
    args: [
      '--plain-http-hosts',
      hosts.join(),
      '--registry-config',
      world.path('operator.json'),
      '--pull-secrets',
      'all',
    ],
  });
  await scenario.trust({ repositories: ['unused'] });
  await scenario.keySecret('signer');
  const scopes = hosts.flatMap((host) => ROWS.map(({ slug }) => `${host}/team/${slug}`));
  await scenario.apply({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: `${scenario.id}-all` },
    spec: {
      version: '1.0',
      trustPolicies: [
        {
          name: 'all',
          registryScopes: scopes,
          signatureVerification: { level: 'strict' },
          trustStores: [`ca:${scenario.id}`, `signingAuthority:${scenario.id}`],
          trustedIdentities: ['x509.subject: C=US, ST=WA, O=Acme', profileArn()],
        },
      ],
    },
  });
  await scenario.plane.ok(['wait', '--for=condition=Ready', `tp/${scenario.id}-all`, '--timeout=30s']);
  await world.writePolicy({ registryScopes: scopes }, world.path('policy.json'));
});

afterAll(async () => {
  await scenario?.plane.kubectl(['delete', `tp/${scenario.id}-all`, '--ignore-not-found']);
  await scenario?.stop();
  for (const registry of registries?.values() ?? []) await registry.stop();
  await world?.folder.remove();
  const rows = ROWS.map(({ label }) => ({ label, cells: COLUMNS.map(({ name }) => outcomes.get(`${label}/${name}`)) }));
  const table = formatCredentialTable(
    rows,
    COLUMNS.map(({ name }) => name),
  );
  process.stdout.write(
    `\nCredentials: a mark each for resolve, list, verify, sign, delete (+ done, x failed, . no such operation)\n${table}\n\n`,
  );
});

/** A cell under work. */
interface Cell {
  readonly registry: Registry | TokenRegistry;
  readonly column: Column;
  readonly image: PushedImage;
  /** For names of objects. */
  readonly name: string;
}

interface Row {
  readonly label: string;
  /** Of the repository and of objects. */
  readonly slug: string;
  readonly expected: Outcome;
  /** Absent: both. */
  readonly only?: Column['asksFor'];
  readonly run: (cell: Cell) => Promise<Outcome>;
}

const tokenOf = ({ registry }: Cell): TokenRegistry => {
  if ('issue' in registry) return registry;
  throw new Error('expected a registry that takes tokens');
};
const isSigned = async ({ image }: Cell): Promise<boolean> => {
  const client = localClient({ credentials: { credentialsFor: async () => ({ kind: 'basic', ...USER }) } });
  const reference = { ...parseReference(image.reference), digest: image.digest };
  const { signatures } = await listSignatures(client, reference, subjectOf(image), { max: 10 }, deadline());
  return signatures.length > 0;
};

async function pullSecret(name: string, entries: object, form: 'dockerconfigjson' | 'dockercfg'): Promise<void> {
  const data = form === 'dockercfg' ? { '.dockercfg': entries } : { '.dockerconfigjson': { auths: entries } };
  const stringData = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, JSON.stringify(value)]));
  const metadata = { name, namespace: scenario.id };
  await scenario.apply({ apiVersion: 'v1', kind: 'Secret', metadata, type: `kubernetes.io/${form}`, stringData });
}

/** A request that signs, verifies, and deletes its signature again when it goes. */
async function byRequest(cell: Cell, registry: RegistrySpec | undefined, sign: SignSpec): Promise<Outcome> {
  const { name, image } = cell;
  await scenario.request(name, {
    images: [image.reference],
    sign,
    ...(registry === undefined ? {} : { registry }),
    deletionPolicy: 'DeleteSignature',
  });
  const { status } = await scenario.waitForRequest(name, 'Ready', 'True', 'Succeeded');
  const found = status?.images?.[0];
  const wasSigned = await isSigned(cell);
  await scenario.plane.ok(['delete', 'isr', name, '-n', scenario.id, '--timeout=30s']);
  return {
    resolve: found?.digest === image.digest,
    list: found?.signatures?.length === 1,
    verify: found?.verdict === 'Trusted',
    sign: wasSigned && status?.ownSignatures?.length === 1,
    delete: !(await isSigned(cell)),
  };
}

const profileArn = (): string => scenario.profileArn(scenario.id.replaceAll('-', '_'));
const KEY: SignSpec = { key: { secretRef: { name: 'signer' } } };

/** By Secrets of the request: one for each list of entries, in their order. */
async function bySecrets(
  cell: Cell,
  secrets: readonly object[],
  form: 'dockerconfigjson' | 'dockercfg' = 'dockerconfigjson',
): Promise<Outcome> {
  const secretRefs = secrets.map((_, i) => ({ name: `${cell.name}-${i}` }));
  for (const [i, entries] of secrets.entries()) await pullSecret(`${cell.name}-${i}`, entries, form);
  return byRequest(cell, { secretRefs }, KEY);
}

async function serviceAccount(name: string, secret: string): Promise<void> {
  const metadata = { name, namespace: scenario.id };
  await scenario.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata, imagePullSecrets: [{ name: secret }] });
}

/** A pod that runs the image, which somebody else has signed. */
async function byPod({ name, image }: Cell, spec: object): Promise<Outcome> {
  const client = localClient({ credentials: { credentialsFor: async () => ({ kind: 'basic', ...USER }) } });
  const { key, certificates } = scenario.chain;
  const payload = JSON.stringify({ targetArtifact: subjectOf(image) });
  const envelope = forgeJws({ key, certificates, alg: 'ES256', now: new Date(), payload });
  await attach(client, image, envelope, 'application/jose+json');
  const running = { image: image.reference, imageID: `${image.repository}@${image.digest}` };
  const readinessGates = [{ conditionType: 'sealwatch.dev/ImagesTrusted' }];
  await scenario.runPod(name, { app: running }, { ...spec, readinessGates });
  const isTrusted = await waitFor(
    `the image of pod ${name} to be trusted`,
    async () => (await scenario.podCondition(name))?.status === 'True',
  );
  return { resolve: isTrusted, list: isTrusted, verify: isTrusted };
}

/** The command, with a Docker config, or with flags. */
async function byCommand(cell: Cell, config: object, flags: readonly string[] = []): Promise<Outcome> {
  const { name, image } = cell;
  const DOCKER_CONFIG = world.path(`docker-${name}`);
  await mkdir(DOCKER_CONFIG);
  await writeFile(join(DOCKER_CONFIG, 'config.json'), JSON.stringify(config));
  const env = { ...world.env, ...helper.env, DOCKER_CONFIG };
  const run = (...args: readonly string[]): ReturnType<typeof runCli> =>
    runCli([...args, '--plain-http', ...flags], env, { stdin: flags.length === 0 ? '' : USER.password });
  const key = ['--key', world.key, '--chain', world.chainFile];
  const signed = await run('sign', `${image.repository}@${image.digest}`, ...key);
  const listed = await run('list', image.reference, '-o', 'json');
  const policy = ['--policy-file', world.path('policy.json')];
  const verified = parseVerifyJson((await run('verify', image.reference, '-o', 'json', ...policy)).stdout);
  return {
    sign: signed.code === 0 && (await isSigned(cell)),
    list: (JSON.parse(listed.stdout) as { signatures: object[] }).signatures.length === 1,
    resolve: verified.digest === image.digest,
    verify: verified.verdict === 'Trusted',
  };
}

const ROWS: readonly Row[] = [
  {
    label: 'anonymous',
    slug: 'anonymous',
    only: 'token',
    expected: READ,
    run: (cell) => byPod(cell, {}),
  },
  {
    label: 'secretRefs, dockerconfigjson',
    slug: 'dockerconfigjson',
    expected: ALL,
    run: (cell) => bySecrets(cell, [{ [cell.registry.host]: { auth: AUTH } }]),
  },
  {
    label: 'secretRefs, dockercfg, https://HOST/v2/',
    slug: 'dockercfg',
    expected: ALL,
    run: (cell) => bySecrets(cell, [{ [`https://${cell.registry.host}/v2/`]: USER }], 'dockercfg'),
  },
  {
    label: 'secretRefs, HOST/PATH before HOST',
    slug: 'path',
    expected: ALL,
    run: (cell) => bySecrets(cell, [{ [cell.registry.host]: WRONG, [`${cell.registry.host}/team/path`]: USER }]),
  },
  {
    label: 'secretRefs, wildcard',
    slug: 'wildcard',
    expected: ALL,
    run: (cell) => bySecrets(cell, [{ [cell.registry.host.replace('127.0', '*.?')]: USER }]),
  },
  {
    label: 'secretRefs, the second of two',
    slug: 'second',
    expected: ALL,
    run: (cell) => bySecrets(cell, [{ [cell.registry.host]: WRONG }, { [cell.registry.host]: USER }]),
  },
  {
    label: 'secretRefs, bearer token',
    slug: 'bearer',
    only: 'token',
    expected: ALL,
    run: async (cell) => {
      const registrytoken = await tokenOf(cell).issue('team/bearer', ['pull', 'push', 'delete']);
      return bySecrets(cell, [{ [cell.registry.host]: { registrytoken } }]);
    },
  },
  {
    label: 'secretRefs, identity token',
    slug: 'identity',
    only: 'token',
    expected: ALL,
    run: (cell) => bySecrets(cell, [{ [cell.registry.host]: { identitytoken: tokenOf(cell).identityToken } }]),
  },
  {
    label: "request's ServiceAccount",
    slug: 'account',
    expected: ALL,
    run: async (cell) => {
      await pullSecret(cell.name, { [cell.registry.host]: { auth: AUTH } }, 'dockerconfigjson');
      await serviceAccount(cell.name, cell.name);
      return byRequest(cell, { serviceAccountName: cell.name }, KEY);
    },
  },
  {
    label: "operator's own file",
    slug: 'operator',
    expected: ALL,
    run: (cell) => {
      return byRequest(cell, undefined, { awsSigner: { profileArn: profileArn() } });
    },
  },
  {
    label: "pod's imagePullSecrets",
    slug: 'pod',
    expected: READ,
    run: async (cell) => {
      await pullSecret(cell.name, { [cell.registry.host]: { auth: AUTH } }, 'dockerconfigjson');
      return byPod(cell, { imagePullSecrets: [{ name: cell.name }] });
    },
  },
  {
    label: "pod's ServiceAccount",
    slug: 'pod-account',
    expected: READ,
    run: async (cell) => {
      await pullSecret(cell.name, { [cell.registry.host]: { auth: AUTH } }, 'dockercfg');
      await serviceAccount(cell.name, cell.name);
      return byPod(cell, { serviceAccountName: cell.name });
    },
  },
  {
    label: 'command, --username',
    slug: 'flags',
    expected: READ_AND_SIGN,
    run: (cell) => byCommand(cell, {}, ['--username', USER.username, '--password-stdin']),
  },
  {
    label: 'command, config.json',
    slug: 'config',
    expected: READ_AND_SIGN,
    run: (cell) => byCommand(cell, { auths: { [cell.registry.host]: { auth: AUTH } } }),
  },
  {
    label: 'command, credsStore',
    slug: 'store',
    expected: READ_AND_SIGN,
    run: async (cell) => {
      await helper.keep(cell.registry.host, USER.username, USER.password);
      return byCommand(cell, { credsStore: 'test' });
    },
  },
  {
    label: 'command, credHelpers, identity token',
    slug: 'helper',
    only: 'token',
    expected: READ_AND_SIGN,
    run: async (cell) => {
      await tokenHelper.keep(cell.registry.host, '<token>', tokenOf(cell).identityToken);
      return byCommand(cell, { credHelpers: { [cell.registry.host]: 'tokens' } });
    },
  },
];

describe.each(COLUMNS)('a registry that asks for $asksFor, with $kind', (column) => {
  const rows = ROWS.filter(({ only }) => only === undefined || only === column.asksFor);
  // Each has a repository, objects and files of its own; most of their time is waiting.
  it.concurrent.each(rows)('takes the credentials of: $label', async ({ label, slug, expected, run }) => {
    const registry = registries.get(column.name);
    if (registry === undefined) throw new Error(`the registry of ${column.name} does not run`);
    const image = await pushImage(registry.host, `team/${slug}`, 'v1', { basic: USER });
    const name = `${slug}-${column.asksFor}-${column.kind}`;
    // What fails in the middle stands in the table as a failure of all.
    outcomes.set(`${label}/${column.name}`, Object.fromEntries(Object.keys(expected).map((key) => [key, false])));
    const outcome = await run({ registry, column, image, name });
    outcomes.set(`${label}/${column.name}`, outcome);
    expect(outcome).toEqual(expected);
  });
});

describe.each(COLUMNS)('sealwatch login, to a registry that asks for $asksFor, with $kind', (column) => {
  it('keeps credentials that verify and sign then find, and logout forgets them', async () => {
    const { host } = registries.get(column.name) ?? { host: '' };
    const image = await pushImage(host, 'team/config', 'login', { basic: USER });
    const env = { ...world.env, DOCKER_CONFIG: world.path(`login-${column.kind}-${column.asksFor}`) };
    const login = (password: string): ReturnType<typeof runCli> =>
      runCli(['login', host, '--plain-http', '-u', USER.username, '--password-stdin'], env, { stdin: password });
    const list = async (): Promise<number | null> =>
      (await runCli(['list', image.reference, '--plain-http'], env)).code;
    expect([(await login('wrong')).code, await list()]).toEqual([2, 2]);
    expect([(await login(USER.password)).code, await list()]).toEqual([0, 0]);
    expect([(await runCli(['logout', host], env)).code, await list()]).toEqual([0, 2]);
  });
});
