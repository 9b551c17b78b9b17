import { describe, expect, it } from 'vitest';
import { dockerConfigOf, dockerConfigProvider } from '../../../src/cli/docker-config.ts';
import type { Credentials } from '../../../src/oci/index.ts';

const AUTH = Buffer.from('me:secret').toString('base64');
const signal = new AbortController().signal;
const of = (config: object, registry: string): Promise<Credentials> =>
  dockerConfigProvider(JSON.stringify(config), '/home/me/.docker/config.json').credentialsFor(registry, 'app', signal);

describe('Docker config', () => {
  it('an entry gives its credentials, also beside a helper for others', async () => {
    const config = { auths: { 'r.example': { auth: AUTH } }, credHelpers: { 'other.example': 'pass' } };
    expect(await of(config, 'r.example')).toEqual({ kind: 'basic', username: 'me', password: 'secret' });
    expect(await of({}, 'r.example')).toEqual({ kind: 'anonymous' });
  });

  it.each([
    ['credHelpers', { credHelpers: { 'r.example': 'ecr-login' } }, 'r.example', 'ecr-login'],
    ['credsStore, logged in', { auths: { 'r.example': {} }, credsStore: 'desktop' }, 'r.example', 'desktop'],
    [
      'credsStore, Docker Hub',
      { auths: { 'https://index.docker.io/v1/': {} }, credsStore: 'osxkeychain' },
      'docker.io',
      'osxkeychain',
    ],
  ])('%s: it says that the helper is not run, and what to do', async (_what, config, registry, helper) => {
    await expect(of(config, registry)).rejects.toMatchObject({
      code: 'Unauthorized',
      message: `/home/me/.docker/config.json keeps the credentials of ${registry} in the credential helper "${helper}", which is not run: give --username and --password-stdin`,
    });
  });

  it('with credsStore, a registry that nobody logged in to is asked anonymously', async () => {
    expect(await of({ auths: {}, credsStore: 'desktop' }, 'docker.io')).toEqual({ kind: 'anonymous' });
  });

  it('what cannot be read is told without quoting it', () => {
    for (const text of ['{"auths": {"r": {"password": "hunter2"', '{"auths": {"r": {"auth": "aHVudGVyMg=="}}}']) {
      expect(() => dockerConfigProvider(text, '/c.json')).toThrow(/^\/c\.json: /);
      expect(() => dockerConfigProvider(text, '/c.json')).not.toThrow(/hunter2|aHVudGVyMg/);
    }
  });

  it('no folder, or no file in it, is no config', async () => {
    for (const env of [{}, { HOME: '/nonexistent' }, { DOCKER_CONFIG: '/nonexistent', HOME: '/' }])
      expect(await dockerConfigOf(env)).toBeUndefined();
  });
});
