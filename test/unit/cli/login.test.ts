import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CredentialHelper, writeCredentialHelper } from '../../support/credential-helper.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';
import { answer, startWireRegistry, type WireRegistry } from '../oci/wire-registry.ts';
import { type CommandRun, run } from './harness.ts';

const AUTH = `Basic ${btoa('robot:correct horse')}`;

let folder: TemporaryFolder;
let registry: WireRegistry;
let helper: CredentialHelper;
let challenge: string;
beforeEach(async () => {
  folder = await temporaryFolder('login');
  helper = await writeCredentialHelper(folder.path, 'test');
  challenge = 'Basic realm="r"';
  registry = await startWireRegistry((request, response) =>
    request.headers.authorization === AUTH
      ? answer(response, 200, '{}')
      : answer(response, 401, '', { 'www-authenticate': challenge }),
  );
});
afterEach(async () => {
  await registry.stop();
  await folder.remove();
});

const path = (): string => join(folder.path, 'docker', 'config.json');
const config = async (): Promise<ReturnType<typeof JSON.parse>> => JSON.parse(await readFile(path(), 'utf8'));
async function writeConfig(content: object): Promise<void> {
  await mkdir(join(folder.path, 'docker'), { recursive: true });
  await writeFile(path(), JSON.stringify(content), { mode: 0o644 });
}
const sealwatch = (argv: readonly string[], stdin = ''): Promise<CommandRun> =>
  run(argv, { stdin, env: { ...helper.env, DOCKER_CONFIG: join(folder.path, 'docker') } });
const login = (password = 'correct horse\n'): Promise<CommandRun> =>
  sealwatch(['login', registry.host, '--plain-http', '-u', 'robot', '--password-stdin'], password);
const logout = (): Promise<CommandRun> => sealwatch(['logout', registry.host]);

describe('sealwatch login', () => {
  it('checks the credentials, and keeps them in the config, for nobody else to read, with a warning', async () => {
    const { code, stdout, stderr } = await login();
    expect([code, stdout]).toEqual([0, `logged in to ${registry.host} as robot; kept in ${path()}\n`]);
    expect(stderr).toContain(`warning: the password stands unencrypted in ${path()}`);
    expect(await config()).toEqual({ auths: { [registry.host]: { auth: btoa('robot:correct horse') } } });
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    expect(registry.requests).toEqual(['GET /v2/', 'GET /v2/ (auth)']);
  });

  it('leaves the rest of the config as it is, and a link a link', async () => {
    await mkdir(join(folder.path, 'docker'));
    const target = join(folder.path, 'elsewhere.json');
    const rest = { auths: { 'other.test': { auth: 'eDp5' } }, proxies: { default: { noProxy: 'x' } } };
    await writeFile(
      target,
      JSON.stringify({ ...rest, auths: { ...rest.auths, [`https://${registry.host}/v2/`]: {} } }),
    );
    await symlink(target, path());
    await login();
    const kept = { ...rest, auths: { ...rest.auths, [registry.host]: { auth: btoa('robot:correct horse') } } };
    expect(JSON.parse(await readFile(target, 'utf8'))).toEqual(kept);
    expect(await config()).toEqual(kept);
  });

  it.each([
    ['credsStore', () => ({ credsStore: 'test' })],
    ['credHelpers', () => ({ credHelpers: { [registry.host]: 'test' }, credsStore: 'absent' })],
  ])('hands them to the helper of %s, and none of it to the config', async (_name, of) => {
    await writeConfig(of());
    const { code, stdout, stderr } = await login();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('kept in docker-credential-test\n');
    expect(await helper.kept()).toEqual({ [registry.host]: { Username: 'robot', Secret: 'correct horse' } });
    expect(await config()).toEqual({ ...of(), auths: { [registry.host]: {} } });
    expect(await logout()).toMatchObject({ code: 0, stdout: `logged out of ${registry.host}\n` });
    expect(await helper.kept()).toEqual({});
    expect(await config()).toEqual({ ...of(), auths: {} });
  });

  it('keeps nothing that the registry does not take', async () => {
    const { code, stderr } = await login('wrong');
    expect(code).toBe(2);
    expect(stderr).toContain(`login to ${registry.host}: the registry asks for other credentials (401)`);
    expect(stderr).not.toContain('wrong');
    await expect(config()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is not content with an anonymous token where credentials are refused', async () => {
    const tokens = await startWireRegistry((request, response) =>
      request.headers.authorization === undefined
        ? answer(response, 200, '{"token":"t"}')
        : answer(response, 401, '{}'),
    );
    challenge = `Bearer realm="http://${tokens.host}/token"`;
    const elsewhere = await login();
    // Nor does the password go over plain HTTP to a host that --plain-http does not mean.
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      2,
      expect.stringContaining('would be spoken to over plain HTTP'),
    ]);
    expect(tokens.requests).toEqual([]);
    challenge = `Bearer realm="http://${registry.host}/token"`;
    expect((await login('wrong')).code).toBe(2);
    expect(registry.requests.filter((request) => request.startsWith('GET /token'))).toEqual(['GET /token (auth)']);
    await tokens.stop();
  });

  it('says when the registry asks for nothing', async () => {
    const open = await startWireRegistry((_request, response) => answer(response, 200, '{}'));
    const args = ['login', open.host, '--plain-http', '-u', 'robot', '--password-stdin'];
    const { code, stderr } = await sealwatch(args, 'x');
    expect([code, stderr]).toEqual([0, expect.stringContaining(`${open.host} asks for no credentials`)]);
    await open.stop();
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no user name', ['login', 'r.test'], /login: give --username and --password-stdin/],
    ['no host', ['login'], /missing required argument 'HOST'.*sealwatch login --help/],
    ['an image', ['login', 'r.test/app', '-u', 'x', '--password-stdin'], /HOST: expected a registry such as/],
    ['an address', ['login', 'https://r.test', '-u', 'x', '--password-stdin'], /HOST: expected a registry such as/],
    ['a word', ['logout', 'registry'], /HOST: expected a registry such as .* found "registry"/],
  ])('wrong usage: %s', async (_name, argv, message) => {
    const { code, stderr } = await sealwatch(argv, 'secret');
    expect([code, stderr]).toEqual([64, expect.stringMatching(message)]);
  });

  it('a config that is broken is left alone', async () => {
    await writeConfig({});
    await writeFile(path(), '{"auths"');
    expect(await login()).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('expected a Docker config in JSON'),
    });
    expect(await readFile(path(), 'utf8')).toBe('{"auths"');
  });
});

describe('sealwatch logout', () => {
  it('takes every name of the registry out of the config, and what is not there is fine', async () => {
    await login();
    expect((await logout()).stdout).toBe(`logged out of ${registry.host}\n`);
    expect((await logout()).stdout).toBe(`there was no login to ${registry.host}\n`);
    await writeConfig({ auths: { 'https://index.docker.io/v1/': { auth: 'eDp5' }, 'r.test/team': { auth: 'eDp5' } } });
    await sealwatch(['logout', 'docker.io']);
    expect(await config()).toEqual({ auths: { 'r.test/team': { auth: 'eDp5' } } });
  });
});
