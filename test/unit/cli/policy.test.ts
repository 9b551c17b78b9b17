import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliWorld, createCliWorld } from '../../support/cli-world.ts';
import { type CommandRun, run } from './harness.ts';

let world: CliWorld;
beforeEach(async () => {
  world = await createCliWorld();
});
afterEach(() => world.folder.remove());

const policy = (...args: readonly string[]): Promise<CommandRun> => run(['policy', ...args], { env: world.env });
const inForce = (): string => join(world.config, 'trustpolicy.json');

describe('policy check', () => {
  it('a valid one is said to be so', async () => {
    expect(await policy('check', inForce())).toEqual({
      code: 0,
      stdout: `✔ ${inForce()}: valid, 1 statement\n`,
      stderr: '',
    });
    const { stdout } = await policy('check', inForce(), '-o', 'json');
    expect(JSON.parse(stdout)).toEqual({ file: inForce(), valid: true, statements: ['acme-images'], warnings: [] });
  });

  it('fields that mean nothing, and stores that are missing or bad, are warnings', async () => {
    await writeFile(join(world.config, 'truststore', 'x509', 'ca', 'acme', 'README'), 'hello');
    const file = await world.writePolicy(
      {
        trustStores: ['ca:acme', 'tsa:absent'],
        signatureVerification: { level: 'strict', overide: { expiry: 'log' } },
        registryScope: [],
      },
      world.path('policy.json'),
    );
    const { code, stderr } = await policy('check', file);
    expect(code).toBe(0);
    expect(stderr.split('\n')).toEqual([
      'warning: statement "acme-images": the field "registryScope" means nothing and is ignored; expected name, registryScopes, signatureVerification, trustStores, trustedIdentities',
      'warning: statement "acme-images", signatureVerification: the field "overide" means nothing and is ignored; expected level, override, verifyTimestamp',
      expect.stringMatching(/^warning: .*README: trust store ca:acme: /),
      expect.stringMatching(/^warning: trust store tsa:absent: there is no folder/),
      '',
    ]);
    const json = JSON.parse((await policy('check', file, '-o', 'json')).stdout) as { warnings: string[] };
    expect(json.warnings).toHaveLength(4);
  });

  it('an invalid one ends with 64 and the rule (F4)', async () => {
    const file = await world.writePolicy(
      { registryScopes: ['*'], signatureVerification: { level: 'skip' }, trustStores: [], trustedIdentities: [] },
      world.path('policy.json'),
    );
    const { code, stdout, stderr } = await policy('check', file, '-o', 'json');
    expect(code).toBe(64);
    expect(stderr).toContain(`${file}: trust policy: statement "acme-images": level skip with the scope "*"`);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'Usage', message: expect.stringContaining('F4') } });
  });

  it('what is no JSON is told on one line, although the reason quotes it', async () => {
    const file = world.path('policy.yaml');
    await writeFile(file, 'apiVersion: v1\n');
    const { code, stderr } = await policy('check', file);
    expect(code).toBe(64);
    expect(stderr).toMatch(/^sealwatch: .*policy\.yaml: expected a trust policy in JSON: .*\n$/);
    expect(stderr.split('\n')).toHaveLength(2);
  });
});

describe('policy show', () => {
  it('says in words what the one in force means', async () => {
    await world.writePolicy({
      registryScopes: ['r.example/a', 'r.example/b'],
      signatureVerification: {
        level: 'permissive',
        override: { revocation: 'skip' },
        verifyTimestamp: 'afterCertExpiry',
      },
      trustStores: ['ca:acme', 'tsa:time'],
      trustedIdentities: ['*'],
    });
    const { code, stdout } = await policy('show');
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      inForce(),
      '└── acme-images',
      '    ├── scope      r.example/a',
      '    ├──            r.example/b',
      '    ├── level      permissive',
      '    ├── checks     must pass: integrity, authenticity',
      '    ├──            reported only: authenticTimestamp, expiry',
      '    ├──            not checked: revocation',
      '    ├── stores     ca:acme',
      '    ├──            tsa:time',
      '    ├── identities * (whoever has a certificate of these stores)',
      '    └── timestamps looked at where a certificate has expired',
      '',
    ]);
  });

  it('a level of skip is told in full', async () => {
    await world.writePolicy({ signatureVerification: { level: 'skip' }, trustStores: [], trustedIdentities: [] });
    expect((await policy('show')).stdout).toContain('nothing is checked: every image of the scope is trusted');
  });

  it('as JSON is the document', async () => {
    const { stdout } = await policy('show', inForce(), '-o', 'json');
    expect(JSON.parse(stdout)).toEqual(JSON.parse(await readFile(inForce(), 'utf8')));
  });
});

describe('policy import', () => {
  it('makes a policy the one in force, readable for its owner only; over another with --force only', async () => {
    const env = { ...world.env, XDG_CONFIG_HOME: world.path('new') };
    const file = await world.writePolicy({ name: 'first' }, world.path('policy.json'));
    const target = world.path('new', 'notation', 'trustpolicy.json');
    const first = await run(['policy', 'import', file], { env });
    expect(first).toMatchObject({ code: 0, stdout: `✔ ${file} is the trust policy now: ${target}\n` });
    expect(JSON.parse(await readFile(target, 'utf8'))).toEqual(JSON.parse(await readFile(file, 'utf8')));
    expect((await stat(target)).mode & 0o777).toBe(0o600);

    await world.writePolicy({ name: 'second' }, file);
    expect(await run(['policy', 'import', file], { env })).toEqual({
      code: 64,
      stdout: '',
      stderr: `sealwatch: ${target} is there already: look at it, and use --force to replace it\n`,
    });
    expect(await readFile(target, 'utf8')).toContain('"first"');
    const forced = await run(['policy', 'import', file, '--force', '-o', 'json'], { env });
    expect(JSON.parse(forced.stdout)).toMatchObject({ file, imported: target });
    expect(await readFile(target, 'utf8')).toContain('"second"');
  });

  it('replaces trustpolicy.oci.json where that is the one in force: notation reads it first', async () => {
    const oci = join(world.config, 'trustpolicy.oci.json');
    await writeFile(oci, '{}');
    const file = await world.writePolicy({ name: 'new' }, world.path('policy.json'));
    expect((await policy('import', file, '--force')).code).toBe(0);
    expect(await readFile(oci, 'utf8')).toContain('"new"');
    expect(await readFile(inForce(), 'utf8')).toContain('"acme-images"');
  });

  it('an invalid one changes nothing, with --force either', async () => {
    const before = await readFile(inForce(), 'utf8');
    await writeFile(world.path('bad.json'), '{"version":"1.0","trustPolicies":[]}');
    expect((await policy('import', world.path('bad.json'), '--force')).code).toBe(64);
    expect(await readFile(inForce(), 'utf8')).toBe(before);
  });

  it('where it cannot be written, it says so', async () => {
    const file = await world.writePolicy({}, world.path('policy.json'));
    expect(await policy('import', file, '--config-dir', join(file, 'below'))).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/cannot write .*: (?:ENOTDIR|EEXIST)/),
    });
  });
});
