import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerConfigOf, dockerConfigProvider } from '../../../src/cli/docker-config.ts';
import { type Credentials, candidatesOf } from '../../../src/oci/index.ts';
import { type CredentialHelper, writeCredentialHelper } from '../../support/credential-helper.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';

const PATH = '/home/me/.docker/config.json';
const HUB = 'https://index.docker.io/v1/';
const AUTH = btoa('me:secret');
const signal = new AbortController().signal;

let folder: TemporaryFolder;
let helper: CredentialHelper;
beforeAll(async () => {
  folder = await temporaryFolder('docker-config');
  helper = await writeCredentialHelper(folder.path, 'test');
  await helper.keep('r.example', 'robot', 'kept');
  await helper.keep(HUB, '<token>', 'hub-token');
});
afterAll(() => folder.remove());

const of = (config: object, registry: string, env: NodeJS.ProcessEnv = helper.env): Promise<Credentials> =>
  dockerConfigProvider(JSON.stringify(config), PATH, env).credentialsFor(registry, 'app', signal);
const KEPT = { kind: 'basic', username: 'robot', password: 'kept' };
const OWN = { kind: 'basic', username: 'me', password: 'secret' };

describe('Docker config', () => {
  it.each<[string, object, string, object]>([
    ['an entry', { auths: { 'r.example': { auth: AUTH } } }, 'r.example', OWN],
    ['nothing', {}, 'r.example', { kind: 'anonymous' }],
    [
      'an entry, beside a helper for others',
      { auths: { 'r.example': { auth: AUTH } }, credHelpers: { 'other.example': 'test' } },
      'r.example',
      OWN,
    ],
    ['credHelpers', { credHelpers: { 'r.example': 'test' } }, 'r.example', KEPT],
    ['credHelpers that has none', { credHelpers: { 'x.example': 'test' } }, 'x.example', { kind: 'anonymous' }],
    ['credsStore', { credsStore: 'test' }, 'r.example', KEPT],
    [
      'credsStore, with the empty entry of a login',
      { auths: { 'r.example': {} }, credsStore: 'test' },
      'r.example',
      KEPT,
    ],
    ['credsStore that has none', { credsStore: 'test' }, 'y.example', { kind: 'anonymous' }],
    [
      'credsStore for Docker Hub: an identity token',
      { credsStore: 'test' },
      'docker.io',
      { kind: 'identity', token: 'hub-token' },
    ],
    [
      'credHelpers for Docker Hub',
      { credHelpers: { [HUB]: 'test' } },
      'docker.io',
      { kind: 'identity', token: 'hub-token' },
    ],
    [
      'credHelpers for docker.io',
      { credHelpers: { 'docker.io': 'test' } },
      'docker.io',
      { kind: 'identity', token: 'hub-token' },
    ],
  ])('%s', async (_what, config, registry, expected) => {
    expect(await of(config, registry)).toEqual(expected);
  });

  it('a helper of credHelpers comes before the entry, which is the next to be tried; and is asked once', async () => {
    const config = { auths: { 'r.example': { auth: AUTH } }, credHelpers: { 'r.example': 'test' }, credsStore: 'none' };
    const provider = dockerConfigProvider(JSON.stringify(config), PATH, helper.env);
    const before = (await helper.asked()).length;
    for (const repository of ['app', 'other']) {
      const found: unknown[] = [];
      for await (const each of candidatesOf(provider, 'r.example', repository, signal)) found.push(each);
      expect(found).toEqual([KEPT, OWN]);
    }
    expect((await helper.asked()).slice(before)).toEqual(['get r.example']);
  });

  it('a helper that fails leaves what else there is, and says so where it mattered', async () => {
    const config = { auths: { 'r.example': { auth: AUTH } }, credHelpers: { 'r.example': 'absent' } };
    const provider = dockerConfigProvider(JSON.stringify(config), PATH, helper.env);
    const kinds: string[] = [];
    for await (const each of candidatesOf(provider, 'r.example', 'app', signal)) kinds.push(each.kind);
    expect(kinds).toEqual(['unavailable', 'basic']);
    await expect(of({ credsStore: 'absent' }, 'r.example')).rejects.toMatchObject({
      code: 'Unauthorized',
      message: `${PATH} keeps the credentials of r.example in a helper: credential helper docker-credential-absent get: there is no such program on the PATH: install it; or give --username and --password-stdin`,
    });
  });

  it('what cannot be read is told without quoting it', () => {
    for (const text of ['{"auths": {"r": {"password": "hunter2"', '{"auths": {"r": {"auth": "aHVudGVyMg=="}}}']) {
      expect(() => dockerConfigProvider(text, '/c.json', {})).toThrow(/^\/c\.json: /);
      expect(() => dockerConfigProvider(text, '/c.json', {})).not.toThrow(/hunter2|aHVudGVyMg/);
    }
  });

  it('no folder, or no file in it, is no config', async () => {
    for (const env of [{}, { HOME: '/nonexistent' }, { DOCKER_CONFIG: '/nonexistent', HOME: '/' }])
      expect(await dockerConfigOf(env)).toBeUndefined();
  });
});
