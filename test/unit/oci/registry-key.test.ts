import { describe, expect, it } from 'vitest';
import { dockerConfigCredentials } from '../../../src/oci/index.ts';
import { matchesKey, parseKey } from '../../../src/oci/registry-key.ts';

const signal = AbortSignal.timeout(60_000);

describe('a key of a Docker config (kubelet, "config.json")', () => {
  it.each([
    // key, host, repository
    ['registry.example.com', 'registry.example.com', 'team/app'],
    ['Registry.Example.com/', 'registry.example.com', 'team/app'],
    ['registry.example.com:5000', 'registry.example.com:5000', 'app'],
    ['[::1]:5000', '[::1]:5000', 'app'],
    ['https://registry.example.com', 'registry.example.com', 'app'],
    ['http://registry.example.com/v2/', 'registry.example.com', 'app'],
    ['https://registry.example.com/v1/team', 'registry.example.com', 'team/app'],
    ['registry.example.com/v2', 'registry.example.com', 'app'],
    ['registry.example.com/team', 'registry.example.com', 'team'],
    ['registry.example.com/team', 'registry.example.com', 'team/a/b'],
    ['*.example.com', 'registry.example.com', 'app'],
    ['*.example.com:5000/team', 'registry.example.com:5000', 'team/app'],
    ['*.*.example.com', 'a.b.example.com', 'app'],
    ['app*.k8s.io', 'app5.k8s.io', 'app'],
    ['k8s.*', 'k8s.io', 'app'],
    ['r?g*y.example.com', 'registry.example.com', 'app'],
    ['https://index.docker.io/v1/', 'docker.io', 'library/nginx'],
    ['index.docker.io', 'docker.io', 'me/app'],
    ['registry-1.docker.io', 'docker.io', 'me/app'],
    ['docker.io/me', 'docker.io', 'me/app'],
  ])('%s is for %s/%s', (key, host, repository) => {
    expect(matchesKey(parseKey(key) ?? { host: '', path: '' }, host, repository)).toBe(true);
  });

  it.each([
    ['registry.example.com', 'registry.example.com:5000', 'app'],
    ['registry.example.com:5000', 'registry.example.com', 'app'],
    ['registry.example.com/team', 'registry.example.com', 'team-b/app'],
    ['registry.example.com/team/app', 'registry.example.com', 'team'],
    ['*.example.com', 'example.com', 'app'],
    ['*.example.com', 'a.b.example.com', 'app'],
    ['*.example.com', 'registry.example.com.evil.test', 'app'],
    ['*.example.com', 'registry.example.com:5000', 'app'],
    ['*', 'registry.example.com', 'app'],
    ['app*.k8s.io', 'my-app5.k8s.io', 'app'],
    ['a??.test', 'ab.test', 'app'],
  ])('%s is not for %s/%s', (key, host, repository) => {
    expect(matchesKey(parseKey(key) ?? { host: '', path: '' }, host, repository)).toBe(false);
  });

  it.each(['', 'https://', '/team'])('%s names no host', (key) => expect(parseKey(key)).toBeUndefined());

  it('a pattern of many wildcards costs no time', () => {
    const host = `${'*a'.repeat(500)}b.test`;
    const started = performance.now();
    expect(matchesKey({ host, path: '' }, `${'a'.repeat(4_000)}.test`, 'x')).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('several entries that match', () => {
  const auth = (name: string): object => ({ auth: Buffer.from(`${name}:p`).toString('base64') });
  const auths = {
    '*.example.com': auth('wildcard'),
    'registry.example.com': auth('host'),
    '*.example.com/team/app': auth('wildcard-path'),
    'registry.example.com/team/app': auth('app'),
    'registry.example.com/team': auth('team'),
    'other.example.com': auth('other'),
  };

  it.each([
    ['dockerconfigjson', { auths }],
    ['dockercfg', auths],
  ] as const)('are all tried, the most exact first: %s', async (form, config) => {
    const provider = dockerConfigCredentials(JSON.stringify(config), form);
    const found: unknown[] = [];
    const candidates = provider.candidatesFor?.('registry.example.com', 'team/app', signal) ?? [];
    for await (const candidate of candidates) found.push('username' in candidate ? candidate.username : candidate);
    expect(found).toEqual(['app', 'team', 'host', 'wildcard-path', 'wildcard']);
    expect(await provider.credentialsFor('registry.example.com', 'b', signal)).toMatchObject({ username: 'host' });
  });

  it('one form is not taken for the other', () => {
    expect(() => dockerConfigCredentials(JSON.stringify(auths))).toThrow('expected an object with "auths"');
    expect(() => dockerConfigCredentials('[]', 'dockercfg')).toThrow('expected an object of registries');
  });

  it('more than anybody has are refused', () => {
    const many = Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`r${i}.test`, auth('u')]));
    expect(() => dockerConfigCredentials(JSON.stringify({ auths: many }))).toThrow('at most 1000 entries, found 1001');
  });
});

describe('an entry', () => {
  it.each<[object, object]>([
    [{ auth: btoa('u:p') }, { kind: 'basic', username: 'u', password: 'p' }],
    [
      { username: 'u', password: 'p' },
      { kind: 'basic', username: 'u', password: 'p' },
    ],
    [
      { identitytoken: 'i', auth: btoa('u:') },
      { kind: 'identity', token: 'i' },
    ],
    [
      { username: '<token>', password: 'i' },
      { kind: 'identity', token: 'i' },
    ],
    [{ auth: btoa('<token>:i') }, { kind: 'identity', token: 'i' }],
    [
      { registrytoken: 't', identitytoken: 'i' },
      { kind: 'bearer', token: 't' },
    ],
    [{ email: 'me@example.com' }, { kind: 'anonymous' }],
  ])('%j', async (entry, expected) => {
    const provider = dockerConfigCredentials(JSON.stringify({ auths: { 'r.test': entry } }));
    expect(await provider.credentialsFor('r.test', 'x', signal)).toEqual(expected);
  });
});
