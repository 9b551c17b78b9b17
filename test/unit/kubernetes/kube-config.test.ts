import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CredentialSource } from '../../../src/kubernetes/credentials.ts';
import { loadKubeConfig } from '../../../src/kubernetes/kube-config.ts';

describe('a kubeconfig whose user has a tokenFile', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealwatch-kubeconfig-'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  /** Writes one, and gives the credentials of what is loaded. */
  async function load(user: object, ...others: readonly string[]): Promise<CredentialSource> {
    const content = {
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      users: [{ name: 'u', user }],
    };
    const path = join(folder, 'kubeconfig');
    await writeFile(path, JSON.stringify(content));
    vi.stubEnv('KUBECONFIG', [path, ...others].join(':'));
    return new CredentialSource(loadKubeConfig(process.env));
  }

  const authorization = async (source: CredentialSource): Promise<string | undefined> =>
    (await source.current()).headers['Authorization'];

  it.each([
    ['an absolute path', () => join(folder, 'token')],
    ["a path from the kubeconfig's folder", () => 'token'],
  ])(
    'authenticates with what the file holds, before a token beside it, and reads it again: %s (faults.md 16)',
    async (_, tokenFile) => {
      await writeFile(join(folder, 'token'), 'first\n');
      const source = await load({ tokenFile: tokenFile(), token: 'fixed' });
      expect(await authorization(source)).toBe('Bearer first');
      await writeFile(join(folder, 'token'), 'second\n');
      source.expire();
      expect(await authorization(source)).toBe('Bearer second');
    },
  );

  it('is not given that of another user in another file', async () => {
    const other = join(folder, 'other');
    await writeFile(join(folder, 'token'), 'of the first');
    await writeFile(join(folder, 'other-token'), 'of the second');
    await writeFile(other, JSON.stringify({ users: [{ name: 'u2', user: { tokenFile: 'other-token' } }] }));
    expect(await authorization(await load({ tokenFile: 'token' }, other))).toBe('Bearer of the first');
  });

  it('without one keeps its token', async () => {
    expect(await authorization(await load({ token: 'fixed' }))).toBe('Bearer fixed');
  });
});
