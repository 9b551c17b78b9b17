import { describe, expect, it } from 'vitest';
import { anonymous, chainCredentials, dockerConfigCredentials } from '../../../src/oci/index.ts';

const signal = AbortSignal.timeout(60_000);
const auth = (text: string): string => Buffer.from(text).toString('base64');

describe('credentials of a Docker config', () => {
  const provider = dockerConfigCredentials(
    JSON.stringify({
      auths: {
        'registry.example.com': { auth: auth('host:p') },
        'registry.example.com/team': { auth: auth('team:p:with:colons') },
        'https://index.docker.io/v1/': { username: 'hub', password: 'p' },
        'empty.example.com': {},
      },
    }),
  );

  it.each([
    ['registry.example.com', 'other/app', { kind: 'basic', username: 'host', password: 'p' }],
    ['registry.example.com', 'team/app', { kind: 'basic', username: 'team', password: 'p:with:colons' }],
    ['registry.example.com', 'team-b/app', { kind: 'basic', username: 'host', password: 'p' }],
    ['docker.io', 'library/nginx', { kind: 'basic', username: 'hub', password: 'p' }],
    ['empty.example.com', 'app', { kind: 'anonymous' }],
    ['registry.example.com.evil.test', 'team/app', { kind: 'anonymous' }],
    ['evil.test', 'registry.example.com/app', { kind: 'anonymous' }],
  ])('for %s/%s', async (registry, repository, expected) => {
    expect(await provider.credentialsFor(registry, repository, signal)).toEqual(expected);
  });

  it.each(['not json', '{}', '{"auths":[]}', '{"auths":{"h":{"auth":"bm9jb2xvbg=="}}}'])(
    '%s is refused, and not quoted',
    (text) => {
      expect(() => dockerConfigCredentials(text)).toThrow(/^Docker config: /);
      expect(() => dockerConfigCredentials(text)).not.toThrow(/nocolon|bm9j/);
    },
  );

  it('a key of any length costs no time: only a tenant who means harm has a long one', () => {
    const text = JSON.stringify({ auths: { [`https:${'/'.repeat(400_000)}x`]: { auth: auth('u:p') } } });
    const started = performance.now();
    expect(() => dockerConfigCredentials(text)).toThrow(/keys of auths of at most 1024 characters/);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('hosts are compared in lower case, as DNS does', async () => {
    const upper = dockerConfigCredentials(JSON.stringify({ auths: { 'Registry.Example.com': { auth: auth('u:p') } } }));
    expect(await upper.credentialsFor('registry.example.com', 'x', signal)).toMatchObject({ username: 'u' });
  });

  it('the first provider of a chain that knows any wins', async () => {
    const chain = chainCredentials(anonymous, provider);
    expect(await chain.credentialsFor('registry.example.com', 'x', signal)).toMatchObject({ username: 'host' });
    expect(await chainCredentials().credentialsFor('registry.example.com', 'x', signal)).toEqual({ kind: 'anonymous' });
  });
});
