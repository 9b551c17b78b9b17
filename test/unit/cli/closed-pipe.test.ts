import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');

it('an image that is not trusted ends with 1, also where nobody reads what is said of it', async () => {
  const folder = await temporaryFolder('closed-pipe');
  try {
    const policy = join(folder.path, 'policy.json');
    const statement = { name: 'acme', registryScopes: ['registry.example/app'], trustStores: ['ca:acme'] };
    const rest = { signatureVerification: { level: 'strict' }, trustedIdentities: ['*'] };
    await writeFile(policy, JSON.stringify({ version: '1.0', trustPolicies: [{ ...statement, ...rest }] }));
    await writeFile(join(folder.path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(folder.path, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
    const scope = ['--scope', 'registry.example/other', '--policy-file', policy];
    const args = [MAIN, 'verify', 'v1', '--oci-layout', folder.path, ...scope];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([1, null]);
  } finally {
    await folder.remove();
  }
});
