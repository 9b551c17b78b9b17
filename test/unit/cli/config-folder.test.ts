import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  defaultConfigFolder,
  findPolicyFile,
  policyFileToWrite,
  readPolicyFile,
  readTrustStore,
} from '../../../src/cli/config-folder.ts';
import { UsageError } from '../../../src/cli/failure.ts';
import type { TrustStoreKind } from '../../../src/notary/index.ts';
import { type Chain, createChain } from '../../support/pki.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';

let chain: Chain;
let other: Chain;
beforeAll(async () => {
  [chain, other] = [await createChain(), await createChain()];
});

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('config');
});
afterEach(() => folder.remove());

/** The message of the UsageError that a promise rejects with. */
async function refused(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(UsageError);
  return error instanceof Error ? error.message : '';
}

describe('the default folder', () => {
  it.each([
    [{ XDG_CONFIG_HOME: '/xdg', HOME: '/home/me' }, '/xdg/notation'],
    [{ XDG_CONFIG_HOME: '', HOME: '/home/me' }, '/home/me/.config/notation'],
    [{ HOME: '/home/me' }, '/home/me/.config/notation'],
  ])('%j is %s, as notation has it', (env, path) => {
    expect(defaultConfigFolder(env)).toBe(path);
  });
});

describe('the policy file', () => {
  const [oci, plain] = ['trustpolicy.oci.json', 'trustpolicy.json'];
  const write = (name: string): Promise<void> => writeFile(join(folder.path, name), '{}');

  it('is trustpolicy.oci.json, else trustpolicy.json, else none', async () => {
    expect(await findPolicyFile(folder.path)).toBeUndefined();
    expect(await policyFileToWrite(folder.path)).toBe(join(folder.path, plain));
    await write(plain);
    expect(await findPolicyFile(folder.path)).toBe(join(folder.path, plain));
    await write(oci);
    expect(await findPolicyFile(folder.path)).toBe(join(folder.path, oci));
    expect(await policyFileToWrite(folder.path)).toBe(join(folder.path, oci));
  });

  it.each(['link', 'folder'])('a %s in its place is refused, as notation does', async (kind) => {
    const path = join(folder.path, oci);
    if (kind === 'folder') await mkdir(path);
    else await symlink(join(folder.path, plain), path);
    await write(plain);
    expect(await refused(findPolicyFile(folder.path))).toBe(
      `trust policy ${path}: expected a regular file, found a ${kind}, which notation refuses too`,
    );
  });

  it('may come through a pipe where it is named', async () => {
    const path = join(folder.path, 'pipe');
    execFileSync('mkfifo', [path]);
    const [message] = await Promise.all([refused(readPolicyFile(path)), writeFile(path, '{"version":"2.0"}')]);
    expect(message).toContain('version: expected "1.0"; found "2.0" (notary.md F1)');
  });

  it.runIf(process.getuid?.() !== 0)('that must not be read says so', async () => {
    await write(plain);
    await chmod(join(folder.path, plain), 0);
    expect(await refused(readPolicyFile(join(folder.path, plain)))).toContain('its permissions do not allow it');
  });
});

describe('trust stores', () => {
  const store = (): string => join(folder.path, 'x509', 'ca', 'acme');
  const put = async (files: Readonly<Record<string, string | Buffer>>): Promise<void> => {
    await mkdir(store(), { recursive: true });
    for (const [name, content] of Object.entries(files)) await writeFile(join(store(), name), content);
  };
  const read = (type: TrustStoreKind = 'ca', name = 'acme'): ReturnType<typeof readTrustStore> =>
    readTrustStore(folder.path, { type, name });
  const fingerprints = async (): Promise<readonly string[]> => {
    const found = await read();
    return typeof found === 'string' ? [] : found.certificates.map(({ fingerprint256 }) => fingerprint256);
  };
  const root = (of: Chain): string => of.certificates.at(-1)?.fingerprint256 ?? '';

  it('every file is a certificate: PEM, several in one, DER, whatever its name ends in', async () => {
    const der = other.certificates.at(-1)?.raw ?? Buffer.alloc(0);
    await put({
      'a.pem': chain.rootPem,
      'b.der': der,
      'c.crt': `${chain.rootPem}\n${other.rootPem}`,
      'd.cer': other.rootPem,
    });
    expect(await fingerprints()).toEqual([chain, other, chain, other, other].map(root));
  });

  it('one that is not there is told by its folder', async () => {
    expect(await read()).toBe(
      `trust store ca:acme: there is no folder ${store()}: create it with the certificates, or correct the policy`,
    );
    expect(await read('tsa', 'x')).toContain('x509/tsa/x');
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['an empty folder (F9)', () => put({}), /acme is empty: put the certificates there \(notary\.md F9\)/],
    ['a file without a certificate', () => put({ README: 'hello' }), /README: .*expected at least one block/],
    ['one bad file beside a good one', () => put({ 'a.pem': chain.rootPem, 'b.pem': 'x' }), /b\.pem: /],
    [
      'a leaf that is no CA (F9)',
      () => put({ 'leaf.pem': String(chain.certificates[0]) }),
      /leaf\.pem: .*expected a CA certificate, or a self-signed one \(notary\.md F9\)/,
    ],
    ['a private key', () => put({ 'key.pem': chain.keyPem }), /key\.pem: .*expected CERTIFICATE blocks only/],
    [
      'bytes behind a certificate in DER',
      () => put({ 'a.der': Buffer.concat([chain.certificates.at(-1)?.raw ?? Buffer.alloc(0), Buffer.from('x')]) }),
      /a\.der: /,
    ],
    [
      'a folder in it',
      async () => {
        await put({ 'a.pem': chain.rootPem });
        await mkdir(join(store(), 'sub'));
      },
      /sub: expected a regular file, found a folder, which notation refuses too/,
    ],
    [
      'a link in it',
      async () => {
        await put({ 'a.pem': chain.rootPem });
        await symlink(join(store(), 'a.pem'), join(store(), 'b.pem'));
      },
      /b\.pem: expected a regular file, found a link/,
    ],
    [
      'a link in its place',
      async () => {
        await put({ 'a.pem': chain.rootPem });
        await mkdir(join(folder.path, 'x509', 'signingAuthority'));
        await symlink(store(), join(folder.path, 'x509', 'signingAuthority', 'acme'));
        await rm(store(), { recursive: true });
        await symlink(folder.path, store());
      },
      /acme: expected a folder, found a link/,
    ],
    [
      'a file in its place',
      async () => {
        await mkdir(join(store(), '..'), { recursive: true });
        await writeFile(store(), chain.rootPem);
      },
      /acme: expected a folder, found a file/,
    ],
    [
      'a pipe in it',
      async () => {
        await put({});
        execFileSync('mkfifo', [join(store(), 'pipe.pem')]);
      },
      /pipe\.pem: expected a regular file, found a special file/,
    ],
    [
      'a file of more than 1 MiB',
      () => put({ 'a.pem': Buffer.alloc(1024 * 1024 + 1) }),
      /a\.pem is larger than 1048576 bytes/,
    ],
  ])('%s is refused', async (_what, make, message) => {
    await make();
    expect(await refused(read())).toMatch(message);
  });

  it('a tsa store holds roots only (F9)', async () => {
    const path = join(folder.path, 'x509', 'tsa', 'acme');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'ca.pem'), String(chain.certificates[1]));
    expect(await refused(read('tsa'))).toContain('expected a self-signed root');
    await writeFile(join(path, 'ca.pem'), await readFile(join(path, 'ca.pem')).then(() => chain.rootPem));
    expect(await read('tsa')).toMatchObject({ type: 'tsa', name: 'acme' });
  });
});
