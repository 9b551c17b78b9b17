import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeImageLayout } from '../../support/image-layout.ts';
import { type Chain, createChain } from '../../support/pki.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';
import { run } from './harness.ts';

let folder: TemporaryFolder;
let chain: Chain;
beforeAll(async () => {
  folder = await temporaryFolder('usage');
  chain = await createChain();
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder.path, name), text);
  await writeImageLayout(join(folder.path, 'layout'), 'v1', 'hello');
  await mkdir(join(folder.path, 'empty'));
  await write('key.pem', chain.keyPem);
  await write('chain.pem', chain.pem);
  await write('reversed.pem', chain.certificates.toReversed().map(String).join(''));
  await write('other-chain.pem', (await createChain()).pem);
  await write('text', 'hello');
  await write('large', 'x'.repeat(1024 * 1024 + 1));
  await write('not-json.json', '{"version"');
  await write('no-statement.json', JSON.stringify({ version: '1.0', trustPolicies: [] }));
  await write('policy.json', JSON.stringify(POLICY));
  const encrypted = ['pkey', '-in', 'key.pem', '-aes256', '-passout', 'pass:secret', '-out', 'encrypted.pem'];
  execFileSync('openssl', encrypted, { cwd: folder.path });
});
afterAll(() => folder.remove());

const POLICY = {
  version: '1.0',
  trustPolicies: [
    {
      name: 'all',
      registryScopes: ['*'],
      signatureVerification: { level: 'strict' },
      trustStores: ['ca:absent'],
      trustedIdentities: ['*'],
    },
  ],
};
const LAYOUT = ['--oci-layout', '@/layout'];
const KEY = ['--key', '@/key.pem', '--chain', '@/chain.pem'];
const ARN = 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/web';

/** `@/` stands for the test's folder. */
const runHere = (argv: readonly string[], stdin = ''): ReturnType<typeof run> =>
  run(
    argv.map((argument) => argument.replace(/^@\//, `${folder.path}/`)),
    { stdin },
  );

describe('wrong usage ends with 64 and one line that says what is wrong', () => {
  it.each<[string, readonly string[], RegExp]>([
    ['an unknown command', ['verfy', 'x'], /unknown command 'verfy' \(Did you mean verify\?\)/],
    [
      'an unknown flag',
      ['verify', 'x', '--polcy-file', 'f'],
      /unknown option '--polcy-file' \(Did you mean --policy-file\?\)/,
    ],
    ['no reference', ['verify'], /missing required argument 'REF'; see sealwatch verify --help/],
    ['two references', ['verify', 'x', 'y'], /too many arguments.*; see sealwatch verify --help/],
    ['a flag without its value', ['verify', 'x', '--now'], /option '--now <TIME>' argument missing/],
    ['an empty path', ['verify', 'x', '--policy-file', ''], /--policy-file: expected a value; found ""/],
    ['an output that there is none of', ['list', 'x', '-o', 'yaml'], /--output: expected text or json; found "yaml"/],
    [
      'a time that is none',
      ['verify', 'x', '--now', 'tomorrow'],
      /--now: expected an RFC 3339 time, .*; found "tomorrow"/,
    ],
    ['a day that does not exist', ['verify', 'x', '--now', '2026-02-30T00:00:00Z'], /--now: expected an RFC 3339 time/],
    ['metadata without a value', ['verify', 'x', '-m', 'build'], /--user-metadata: expected key=value/],
    ['metadata without a key', ['verify', 'x', '-m', '=1'], /--user-metadata: expected key=value/],
    ['metadata twice', ['verify', 'x', '-m', 'a=1', '-m', 'a=2'], /the key "a" was given before: keep one/],
    [
      'no signatures at all',
      ['verify', 'x', '--max-signatures', '0'],
      /--max-signatures: expected a whole number from 1 to 1000; found "0"/,
    ],
    ['too many signatures', ['verify', 'x', '--max-signatures', '1001'], /from 1 to 1000; found "1001"/],
    [
      'an address that is none',
      ['verify', 'x', '--allow-addresses', 'localhost'],
      /--allow-addresses: expected addresses or CIDRs/,
    ],
    [
      'a scope with a tag',
      ['verify', 'v1', ...LAYOUT, '--scope', 'local/app:v1'],
      /--scope: expected registry\/repository without tag/,
    ],
    [
      'a layout without a scope',
      ['verify', 'v1', ...LAYOUT],
      /--oci-layout: .* give the scope that stands for it, --scope/,
    ],
    ['a scope without a layout', ['verify', 'x', '--scope', 'local/app'], /--scope: goes with --oci-layout only/],
    [
      'plain HTTP with a layout',
      ['list', 'v1', ...LAYOUT, '--plain-http'],
      /'--oci-layout <FOLDER>' cannot be used with option '--plain-http'/,
    ],
    [
      'a cluster and a policy file',
      ['verify', 'x', '--from-cluster', '--policy-file', 'f'],
      /'--from-cluster' cannot be used with option '--policy-file <FILE>'/,
    ],
    [
      'a policy file that is not there',
      ['verify', 'x', '--policy-file', '@/absent'],
      /trust policy: cannot read .*absent: it does not exist/,
    ],
    [
      'a folder as policy file',
      ['verify', 'x', '--policy-file', '@/empty'],
      /trust policy: cannot read .*empty: it is a folder/,
    ],
    ['a policy that is too large', ['verify', 'x', '--policy-file', '@/large'], /large is larger than 1048576 bytes/],
    [
      'a policy that is no JSON',
      ['verify', 'x', '--policy-file', '@/not-json.json'],
      /not-json\.json: expected a trust policy in JSON/,
    ],
    [
      'a policy without statements (F1)',
      ['verify', 'x', '--policy-file', '@/no-statement.json'],
      /no-statement\.json: .*expected at least one statement; found none \(notary\.md F1\)/,
    ],
    [
      'a configuration folder without a policy',
      ['verify', 'x', '--config-dir', '@/empty'],
      /there is no trust policy in .*empty: give --policy-file/,
    ],
    ['a reference with a scheme', ['list', 'https://r.example/app'], /image reference "https:.*": expected no scheme/],
    ['a reference with a bad digest', ['list', 'r.example/app@sha256:12'], /expected a digest such as sha256:/],
    [
      'a layout that is none',
      ['list', 'v1', '--oci-layout', '@/empty'],
      /OCI layout .*empty: expected a folder with the file oci-layout; found none/,
    ],
    [
      'a digest of a layout that is too short',
      ['list', `sha256:${'0'.repeat(40)}`, ...LAYOUT],
      /REF: expected a sha256, sha384 or sha512 digest/,
    ],
    [
      'a weak digest of a layout',
      ['list', `md5:${'0'.repeat(32)}`, ...LAYOUT],
      /REF: expected a sha256, sha384 or sha512 digest/,
    ],
    [
      'a CA file without certificates',
      ['list', 'r.example/app', '--ca-file', '@/text'],
      /--ca-file: .*text: expected PEM certificates, found none/,
    ],
    [
      'a user name without a password',
      ['list', 'r.example/app', '-u', 'me'],
      /--username and --password-stdin go together/,
    ],
    [
      'a password without a user name',
      ['list', 'r.example/app', '--password-stdin'],
      /--username and --password-stdin go together/,
    ],
    [
      'an empty password',
      ['list', 'r.example/app', '-u', 'me', '--password-stdin'],
      /--password-stdin: expected the password on standard input, found nothing/,
    ],
    ['nobody who signs', ['sign', 'v1', ...LAYOUT], /expected either --key and --chain, or --aws-profile/],
    [
      'two who sign',
      ['sign', 'v1', ...LAYOUT, ...KEY, '--aws-profile', ARN],
      /expected either --key and --chain, or --aws-profile/,
    ],
    ['a key without a chain', ['sign', 'v1', ...LAYOUT, '--key', '@/key.pem'], /--key and --chain go together/],
    [
      'a key that is none',
      ['sign', 'v1', ...LAYOUT, '--key', '@/text', '--chain', '@/chain.pem'],
      /expected a private key in PEM/,
    ],
    [
      'a key that is encrypted',
      ['sign', 'v1', ...LAYOUT, '--key', '@/encrypted.pem', '--chain', '@/chain.pem'],
      /the private key is encrypted; store it decrypted/,
    ],
    [
      'the chain of another key',
      ['sign', 'v1', ...LAYOUT, '--key', '@/key.pem', '--chain', '@/other-chain.pem'],
      /the private key does not belong to the first certificate/,
    ],
    [
      'a chain in the wrong order (E2)',
      ['sign', 'v1', ...LAYOUT, '--key', '@/key.pem', '--chain', '@/reversed.pem'],
      /notary\.md E/,
    ],
    [
      'a format that there is none of',
      ['sign', 'v1', ...LAYOUT, ...KEY, '--format', 'pgp'],
      /--format: expected jws or cose; found "pgp"/,
    ],
    [
      'an expiry that is no duration',
      ['sign', 'v1', ...LAYOUT, ...KEY, '--expiry', '1y'],
      /--expiry: expected a duration such as 90s, 24h or 8760h; found "1y"/,
    ],
    [
      'reserved metadata (B7)',
      ['sign', 'v1', ...LAYOUT, ...KEY, '-m', 'io.cncf.notary.x=1'],
      /the key io\.cncf\.notary\.x is reserved/,
    ],
    [
      'an authority without a root (I)',
      ['sign', 'v1', ...LAYOUT, ...KEY, '--timestamp-url', 'http://tsa.example'],
      /--timestamp-url and --timestamp-root go together/,
    ],
    [
      'an authority that is no URL',
      ['sign', 'v1', ...LAYOUT, ...KEY, '--timestamp-url', 'tsa.example'],
      /--timestamp-url: expected a URL with http or https/,
    ],
    ['a profile that is no ARN', ['sign', 'v1', ...LAYOUT, '--aws-profile', 'web'], /expected .*signing-profiles/],
    [
      'COSE of AWS Signer',
      ['sign', 'v1', ...LAYOUT, '--aws-profile', ARN, '--format', 'cose'],
      /--format cose: AWS Signer signs JWS only/,
    ],
    [
      'an expiry of AWS Signer',
      ['sign', 'v1', ...LAYOUT, '--aws-profile', ARN, '--expiry', '1h'],
      /--expiry: AWS Signer's profile says how long/,
    ],
    [
      'a timestamp of AWS Signer',
      ['sign', 'v1', ...LAYOUT, '--aws-profile', ARN, '--timestamp-url', 'http://tsa', '--timestamp-root', 'f'],
      /--timestamp-url: AWS Signer vouches for the time/,
    ],
    [
      'an endpoint of AWS without AWS',
      ['sign', 'v1', ...LAYOUT, ...KEY, '--aws-endpoint', 'http://aws'],
      /--aws-endpoint goes with --aws-profile only/,
    ],
    ['a policy command that there is none of', ['policy', 'delete'], /unknown command 'delete'/],
    ['no policy command', ['policy'], /expected a command; see sealwatch policy --help/],
    [
      'a policy to import that is invalid',
      ['policy', 'import', '@/no-statement.json', '--config-dir', '@/empty'],
      /expected at least one statement/,
    ],
    [
      'nothing to show',
      ['policy', 'show', '--config-dir', '@/empty'],
      /there is no trust policy in .*empty: name a file/,
    ],
  ])('%s', async (_what, argv, message) => {
    const { code, stdout, stderr } = await runHere(argv);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^(?:warning: [^\n]+\n)?sealwatch: [^\n]+\n$/);
    expect(stdout).toBe('');
    expect(code).toBe(64);
  });

  it('without a command the help is shown', async () => {
    const { code, stdout } = await run([]);
    expect([code, stdout]).toEqual([64, expect.stringContaining('Usage: sealwatch')]);
  });

  it('with JSON asked for, the error is an object on stdout as well', async () => {
    for (const flag of [['--output', 'json'], ['--output=json'], ['-o', 'json'], ['-ojson']]) {
      const { code, stdout, stderr } = await run(['verify', 'x', '--now', 'never', ...flag]);
      const message = expect.stringContaining('--now: expected an RFC 3339 time');
      expect(JSON.parse(stdout)).toEqual({ error: { code: 'Usage', message } });
      expect(stderr).toMatch(/^sealwatch: --now/);
      expect(code).toBe(64);
    }
  });

  it('neither XDG_CONFIG_HOME nor HOME: it is said which flag helps', async () => {
    const { code, stderr } = await run(['verify', 'x'], { env: {} });
    expect([code, stderr]).toEqual([64, 'sealwatch: neither XDG_CONFIG_HOME nor HOME is set: give --config-dir\n']);
  });
});

describe('help and version', () => {
  it.each([
    [['--help'], /verify .*sign .*inspect .*list .*policy .*operator/s],
    [['verify', '--help'], /--oci-layout <FOLDER>.*--from-cluster/s],
    [['policy', 'import', '--help'], /--force/],
    [['--version'], /^\d+\.\d+\.\d+/],
  ])('%j is done', async (argv, text) => {
    const { code, stdout, stderr } = await run(argv);
    expect(stdout).toMatch(text);
    expect([code, stderr]).toEqual([0, '']);
  });
});
