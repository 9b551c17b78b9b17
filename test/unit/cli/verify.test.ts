import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseVerifyJson, type VerifyJson } from '../../support/cli-json.ts';
import { type CliWorld, createCliWorld, SCOPE } from '../../support/cli-world.ts';
import { createChain } from '../../support/pki.ts';
import { type CommandRun, type RunOptions, run } from './harness.ts';

let world: CliWorld;
beforeEach(async () => {
  world = await createCliWorld();
});
afterEach(() => world.folder.remove());

const verify = (args: readonly string[] = [], options: RunOptions = {}, ref = 'v1'): Promise<CommandRun> =>
  run(['verify', ref, '--oci-layout', world.layout, '--scope', SCOPE, ...args], { env: world.env, ...options });
const verdict = async (
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<VerifyJson & { code: number }> => {
  const { code, stdout } = await verify(['-o', 'json', ...args], options);
  return { code, ...parseVerifyJson(stdout) };
};
const sign = async (...args: readonly string[]): Promise<void> => {
  const parameters = ['--oci-layout', world.layout, '--key', world.key, '--chain', world.chainFile];
  expect(await run(['sign', world.image.digest, ...parameters, ...args], { env: world.env })).toMatchObject({
    code: 0,
    stderr: '',
  });
};
const reasonOf = (json: VerifyJson, type: string): string | undefined =>
  json.signatures.flatMap(({ checks }) => checks).find((check) => check.type === type)?.reason;

describe('exit codes and verdicts', () => {
  it.each(['jws', 'cose'])('a good signature (%s) is trusted: 0', async (format) => {
    await sign('--format', format, '--expiry', '24h');
    const json = await verdict();
    expect(json).toMatchObject({
      code: 0,
      reference: `${world.layout}:v1`,
      digest: world.image.digest,
      verdict: 'Trusted',
      statement: 'acme-images',
      cause: null,
      signatures: [
        {
          format: format.toUpperCase(),
          scheme: 'notary.x509',
          signer: 'CN=Acme Image Signing,O=Acme,L=Seattle,ST=WA,C=US',
        },
      ],
    });
    expect(json.signatures[0]?.checks.map(({ type, result }) => `${type} ${result}`)).toEqual([
      'integrity passed',
      'authenticity passed',
      'expiry passed',
      'authenticTimestamp passed',
      'revocation passed',
      'descriptor passed',
      'userMetadata passed',
    ]);
    const [signedAt = '', expiresAt = ''] = json.signatures.flatMap((one) => [one.signedAt ?? '', one.expiresAt ?? '']);
    expect(Date.parse(expiresAt) - Date.parse(signedAt)).toBe(24 * 3_600_000);
  });

  it('no signature: 1', async () => {
    expect(await verdict()).toMatchObject({
      code: 1,
      verdict: 'Unsigned',
      cause: { reason: 'NoSignature' },
      signatures: [],
    });
  });

  it('the signature of a stranger: 1, by E6', async () => {
    await sign();
    await writeFile(join(world.config, 'truststore/x509/ca/acme/root.pem'), (await createChain()).rootPem);
    expect(await verdict()).toMatchObject({
      code: 1,
      verdict: 'Untrusted',
      cause: { reason: 'NotFromTrustStore', rule: 'E6' },
    });
  });

  it('no statement for it: 1, by F2, and nothing is read', async () => {
    await world.writePolicy({ registryScopes: ['registry.example.com/other'] });
    expect(await verdict()).toMatchObject({
      code: 1,
      verdict: 'Uncovered',
      digest: null,
      statement: null,
      cause: { reason: 'NoStatementApplies', rule: 'F2' },
    });
  });

  it('a tag that is not there: 2', async () => {
    const { code, stdout } = await verify(['-o', 'json'], {}, 'v2');
    expect({ code, ...parseVerifyJson(stdout) }).toMatchObject({
      code: 2,
      verdict: 'Unknown',
      digest: null,
      statement: 'acme-images',
      cause: { reason: 'ImageNotFound' },
    });
  });

  it('a layout that is damaged: 2', async () => {
    await writeFile(join(world.layout, 'index.json'), 'x');
    expect(await verdict()).toMatchObject({ code: 2, verdict: 'Unknown', cause: { reason: 'RegistryAnswerInvalid' } });
  });

  it('level skip is trusted without anything read (G): 0', async () => {
    await world.writePolicy({ signatureVerification: { level: 'skip' }, trustStores: [], trustedIdentities: [] });
    await rm(join(world.layout, 'index.json'));
    expect(await verdict()).toMatchObject({ code: 0, verdict: 'Trusted', digest: null, signatures: [] });
    expect((await verify()).stdout).toContain('the level of its statement is skip: nothing was checked');
  });

  it('a trust store that is missing is wrong usage where it would have counted, else a warning (F9)', async () => {
    await world.writePolicy({ trustStores: ['ca:acme', 'ca:absent', 'signingAuthority:absent'] });
    await sign();
    const good = await verify();
    expect(good).toMatchObject({ code: 0 });
    expect(good.stderr).toMatch(
      /warning: trust store ca:absent: there is no folder .*\nwarning: trust store signingAuthority:absent/,
    );
    await world.writePolicy({ trustStores: ['ca:absent'] });
    expect(await verify()).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/sealwatch: trust store ca:absent: there is no folder .*ca\/absent: create it/),
    });
  });
});

describe('--now', () => {
  it('verifies as of a time: before, at and after the expiry (D)', async () => {
    await sign('--expiry', '24h');
    const { signatures } = await verdict();
    const expiry = Date.parse(signatures[0]?.expiresAt ?? '');
    const at = (ms: number): Promise<VerifyJson & { code: number }> =>
      verdict(['--now', `${new Date(ms).toISOString().slice(0, 19)}Z`]);
    expect(await at(expiry - 1_000)).toMatchObject({ code: 0, verdict: 'Trusted' });
    expect(await at(expiry)).toMatchObject({
      code: 1,
      verdict: 'Expired',
      cause: { reason: 'SignatureExpired', rule: 'D', since: signatures[0]?.expiresAt },
    });
  });

  it('before the certificates were valid, it is not trusted', async () => {
    await sign();
    expect(await verdict(['--now', '2001-01-01T00:00:00Z'])).toMatchObject({ code: 1, verdict: 'Untrusted' });
  });
});

describe('user metadata', () => {
  it('must be signed with the same value', async () => {
    await sign('-m', 'build=17', '-m', 'note=a=b');
    expect(await verdict(['-m', 'build=17', '--user-metadata', 'note=a=b'])).toMatchObject({ code: 0 });
    const other = await verdict(['-m', 'build=18']);
    expect(other).toMatchObject({
      code: 1,
      verdict: 'Untrusted',
      cause: { reason: 'UserMetadataMismatch', rule: 'G' },
    });
    expect(reasonOf(other, 'userMetadata')).toContain('required metadata build=18: the signature has "17"');
    expect(await verdict(['-m', 'absent=1'])).toMatchObject({ code: 1 });
  });
});

describe('--max-signatures', () => {
  it('no more are tried; none of them good is a reason of its own (A7)', async () => {
    const stranger = await createChain();
    await writeFile(world.path('stranger.pem'), stranger.pem);
    await writeFile(world.path('stranger.key'), stranger.keyPem);
    const asStranger = ['--key', world.path('stranger.key'), '--chain', world.path('stranger.pem')];
    await run(['sign', world.image.digest, '--oci-layout', world.layout, ...asStranger], { env: world.env });
    await sign();
    expect(await verdict(['--max-signatures', '1'])).toMatchObject({
      code: 1,
      cause: { reason: 'TooManySignatures', rule: 'A7' },
    });
    const all = await verdict(['--max-signatures', '2']);
    expect([all.code, all.signatures.length]).toEqual([0, 2]);
  });
});

describe('the configuration folder', () => {
  it('may be given, and so may policy and trust stores by themselves', async () => {
    await sign();
    const env = { XDG_CONFIG_HOME: world.path('elsewhere') };
    expect(await verify([], { env })).toMatchObject({ code: 64 });
    expect(await verify(['--config-dir', world.config], { env })).toMatchObject({ code: 0 });
    const policy = await world.writePolicy({}, world.path('policy.json'));
    await rm(join(world.config, 'trustpolicy.json'));
    expect(await verify(['--policy-file', policy])).toMatchObject({ code: 0 });
    const stores = ['--trust-store-dir', join(world.config, 'truststore')];
    expect(await verify(['--policy-file', policy, ...stores], { env })).toMatchObject({ code: 0 });
  });

  it('is ~/.config/notation without XDG_CONFIG_HOME', async () => {
    await sign();
    await mkdir(world.path('home'));
    await rename(world.xdg, world.path('home', '.config'));
    expect(await verify([], { env: { HOME: world.path('home') } })).toMatchObject({ code: 0 });
  });
});

describe('what a person reads', () => {
  it('the verdict, the statement, and every check of every signature', async () => {
    await sign('-m', 'build=17\u001b[31m');
    const { stdout, stderr } = await verify();
    expect(stdout).toMatch(new RegExp(`^✔ ${world.layout}@${world.image.digest}: trusted\n`));
    expect(stdout).toContain(
      `policy   statement acme-images, level strict, scope ${SCOPE}, of ${join(world.config, 'trustpolicy.json')}`,
    );
    expect(stdout).toMatch(/1 signature tried\n└── ✔ sha256:[0-9a-f]{64} JWS, notary\.x509\n/);
    expect(stdout).toContain('✔ authenticity       signed by a trusted identity, anchored in ca:acme');
    expect(stdout).toContain('metadata           build=17\\u{1b}[31m');
    expect(stderr).toMatch(/^warning: .*:v1 is a tag, which may move: it names sha256:/);
  });

  it('which rule decided, in words', async () => {
    await world.writePolicy({ trustedIdentities: ['x509.subject: C=US, ST=WA, O=Wabbit'] });
    await sign();
    const { stdout } = await verify();
    expect(stdout).toMatch(/^✘ .*: not trusted, no signature passes\n/);
    expect(stdout).toContain(
      'rule     the signer must be one of the trusted identities of the statement (notary.md F5)',
    );
    expect(stdout).toContain('✘ authenticity');
  });

  it('what the policy only logs is not hidden behind "trusted"', async () => {
    await world.writePolicy({
      signatureVerification: { level: 'audit' },
      trustedIdentities: ['x509.subject: C=US, ST=WA, O=Wabbit'],
    });
    await sign();
    const { code, stdout } = await verify();
    expect(code).toBe(0);
    expect(stdout).toMatch(/but {6}authenticity failed.*: the policy only logs that/);
    expect(stdout).toContain('! authenticity');
  });

  it('a digest is not warned of', async () => {
    await sign();
    expect(await verify([], {}, world.image.digest)).toMatchObject({ code: 0, stderr: '' });
  });

  it('colour only where it is asked for', async () => {
    expect((await verify()).stdout).not.toContain('\u001b[');
  });
});

describe('registries', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
    server = undefined;
  });
  const listen = async (answer: (url: string) => { status: number; body?: string }): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    server = createServer((request, response) => {
      const { status, body = '' } = answer(request.url ?? '');
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body);
    }).listen(0, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  };
  const verifyAt = async (
    host: string,
    args: readonly string[] = ['--plain-http'],
  ): Promise<VerifyJson & { code: number }> => {
    await world.writePolicy({ registryScopes: ['*'] });
    const { code, stdout } = await run(['verify', `${host}/app:v1`, '-o', 'json', ...args], { env: world.env });
    return { code, ...parseVerifyJson(stdout) };
  };

  it('nothing listens: 2', async () => {
    expect(await verifyAt('127.0.0.1:1')).toMatchObject({
      code: 2,
      verdict: 'Unknown',
      cause: { reason: 'RegistryUnreachable' },
    });
  });

  it.each([
    [401, 'RegistryDenied'],
    [403, 'RegistryDenied'],
    [404, 'RegistryUnreachable'],
  ])('%i: 2, never "unsigned" (A4)', async (status, reason) => {
    const host = await listen(() => ({ status }));
    expect(await verifyAt(host)).toMatchObject({ code: 2, verdict: 'Unknown', digest: null, cause: { reason } });
  });

  it('without --plain-http it is not spoken, and the flag is named', async () => {
    const host = await listen(() => ({ status: 404 }));
    const json = await verifyAt(host, []);
    expect(json).toMatchObject({ code: 2, cause: { reason: 'RegistryUnreachable' } });
    expect(json.cause?.message).toContain('command: --plain-http');
  });

  it('credentials of a helper that is not installed are told as such', async () => {
    await mkdir(world.path('docker'));
    const host = await listen(() => ({ status: 401 }));
    server?.removeAllListeners('request');
    server?.on('request', (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"', connection: 'close' }).end();
    });
    await writeFile(world.path('docker', 'config.json'), JSON.stringify({ credHelpers: { [host]: 'pass' } }));
    const json = await verifyAt(host);
    expect(json).toMatchObject({ code: 2, cause: { reason: 'RegistryDenied' } });
    expect(json.cause?.message).toContain('docker-credential-pass get: there is no such program on the PATH');
  });

  it('link-local addresses stay refused unless they are allowed', async () => {
    const json = await verifyAt('169.254.169.254');
    expect(json).toMatchObject({ code: 2, cause: { reason: 'AddressRefused' } });
  });

  it('no proxy is asked for a registry on this machine', async () => {
    const host = await listen(() => ({ status: 403 }));
    const env = { ...world.env, http_proxy: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' };
    await world.writePolicy({ registryScopes: ['*'] });
    const { stdout } = await run(['verify', `${host}/app:v1`, '-o', 'json', '--plain-http'], { env });
    expect(parseVerifyJson(stdout).cause?.reason).toBe('RegistryDenied');
    const remote = await run(['verify', 'r.example/app:v1', '-o', 'json', '--plain-http'], { env });
    expect(parseVerifyJson(remote.stdout).cause?.message).toContain('ECONNREFUSED 127.0.0.1:1');
  });

  it('an interruption ends it with 2 and without a verdict', async () => {
    await world.writePolicy({ registryScopes: ['*'] });
    const interruption = new AbortController();
    const host = await listen(() => {
      interruption.abort(new Error('stop'));
      return { status: 503 };
    });
    const { code, stdout, stderr } = await run(['verify', `${host}/app:v1`, '--plain-http'], {
      env: world.env,
      signal: interruption.signal,
    });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('stop');
  });
});
