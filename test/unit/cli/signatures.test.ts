import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseVerifyJson, type VerifyJson } from '../../support/cli-json.ts';
import { type CliWorld, createCliWorld, SCOPE } from '../../support/cli-world.ts';
import { createTsaChain } from '../../support/forge-timestamp.ts';
import type { Chain } from '../../support/pki.ts';
import { type PkiServer, startPkiServer } from '../../support/pki-server.ts';
import { startTsaServer, type TsaServer } from '../../support/tsa-server.ts';
import { type CommandRun, type RunOptions, run } from './harness.ts';

let world: CliWorld;
beforeEach(async () => {
  world = await createCliWorld();
});
afterEach(() => world.folder.remove());

const command = (name: string, args: readonly string[], options: RunOptions = {}): Promise<CommandRun> =>
  run([name, world.image.digest, '--oci-layout', world.layout, ...args], { env: world.env, ...options });
const sign = (...args: readonly string[]): Promise<CommandRun> =>
  command('sign', ['--key', world.key, '--chain', world.chainFile, ...args]);
const verify = async (...args: readonly string[]): Promise<VerifyJson & { code: number }> => {
  const { code, stdout } = await command('verify', ['--scope', SCOPE, '-o', 'json', ...args]);
  return { code, ...parseVerifyJson(stdout) };
};
const json = (stdout: string): unknown => JSON.parse(stdout);
const leaf = (chain: Chain): string => (chain.certificates[0]?.fingerprint256 ?? '').replaceAll(':', '').toLowerCase();

async function useChain(chain: Chain): Promise<void> {
  await writeFile(world.key, chain.keyPem);
  await writeFile(world.chainFile, chain.pem);
  await writeFile(join(world.config, 'truststore/x509/ca/acme/root.pem'), chain.rootPem);
}

describe('sign', () => {
  it('prints the digest of the signature, which list shows', async () => {
    const { code, stdout, stderr } = await sign('--expiry', '8760h');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      new RegExp(`^✔ ${world.layout}@${world.image.digest}: signed\n  signature (sha256:[0-9a-f]{64})\n`),
    );
    const digest = /signature (\S+)/.exec(stdout)?.[1];
    expect(stdout).toMatch(/expires {3}20\d\d-/);
    expect(json((await command('list', ['-o', 'json'])).stdout)).toEqual({
      reference: `${world.layout}@${world.image.digest}`,
      digest: world.image.digest,
      signatures: [{ digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', size: expect.any(Number) }],
    });
  });

  it('as JSON says what was made', async () => {
    const { stdout } = await sign('-o', 'json', '--format', 'cose');
    expect(json(stdout)).toEqual({
      reference: `${world.layout}@${world.image.digest}`,
      digest: world.image.digest,
      signature: {
        digest: expect.stringMatching(/^sha256:/),
        format: 'COSE',
        scheme: 'notary.x509',
        signedAt: expect.stringMatching(/Z$/),
        expiresAt: null,
        signer: 'CN=Acme Image Signing,O=Acme,L=Seattle,ST=WA,C=US',
        timestamped: false,
        jobArn: null,
      },
    });
  });

  it('warns of a tag, and signs what it named', async () => {
    const args = ['sign', 'v1', '--oci-layout', world.layout, '--key', world.key, '--chain', world.chainFile];
    const { code, stderr } = await run(args, { env: world.env });
    expect(code).toBe(0);
    expect(stderr).toBe(
      `warning: ${world.layout}:v1 is a tag, which may move: it names ${world.image.digest} now; use the digest to be sure\n`,
    );
    expect((await verify()).verdict).toBe('Trusted');
  });

  it('a certificate that has expired signs nothing', async () => {
    const options = { now: new Date('2051-01-01T00:00:00Z') };
    const { code, stderr } = await command('sign', ['--key', world.key, '--chain', world.chainFile], options);
    expect([code, stderr]).toEqual([64, expect.stringContaining('renew it')]);
    expect((await command('list', [])).stdout).toContain('has no signature');
  });
});

describe('timestamps', () => {
  let tsa: TsaServer;
  let stamp: readonly string[];
  beforeEach(async () => {
    const chain = await createTsaChain();
    tsa = await startTsaServer({ tsa: chain });
    const store = join(world.config, 'truststore/x509/tsa/clock');
    await mkdir(store, { recursive: true });
    await writeFile(join(store, 'root.pem'), chain.rootPem);
    stamp = ['--timestamp-url', tsa.url, '--timestamp-root', join(store, 'root.pem')];
  });
  afterEach(() => tsa.close());

  it.each(['jws', 'cose'])('of a signature (%s) is made, shown and verified (I)', async (format) => {
    await world.writePolicy({ trustStores: ['ca:acme', 'tsa:clock'] });
    const { code, stdout } = await sign('--format', format, ...stamp);
    expect([code, stdout]).toEqual([0, expect.stringContaining(', timestamped\n')]);
    const verified = await verify();
    expect(verified).toMatchObject({ code: 0, verdict: 'Trusted' });
    expect(verified.signatures[0]?.checks.find(({ type }) => type === 'authenticTimestamp')?.reason).toMatch(
      /timestamp/,
    );
    const [shown] = (json((await command('inspect', ['-o', 'json'])).stdout) as { signatures: object[] }).signatures;
    expect(shown).toMatchObject({
      unsignedAttributes: {
        timestamp: {
          time: expect.stringMatching(/^20\d\d-.*Z$/),
          authority: 'CN=Time Stamping Unit,O=Clock,ST=WA,C=US',
        },
      },
    });
    expect((await command('inspect', [])).stdout).toMatch(/timestamp: 20\S+Z, by CN=Time Stamping Unit,O=Clock/);
    // After the certificates' end only the timestamp shows that they were valid.
    expect(await verify('--now', '2028-06-01T00:00:00Z')).toMatchObject({ code: 0, verdict: 'Trusted' });
  });

  it('an authority that fails fails the signing, and nothing is pushed: 2 (I)', async () => {
    tsa.fault = 'http500';
    expect(await sign(...stamp)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('no timestamp from 127.0.0.1'),
    });
    expect((await command('list', [])).stdout).toContain('has no signature');
  });

  it('a root that is none is wrong usage: 64 (F9)', async () => {
    const { code, stderr } = await sign(...stamp.slice(0, 3), world.key);
    expect([code, stderr]).toEqual([64, expect.stringContaining('given by --timestamp-root')]);
  });
});

describe('revocation', () => {
  let pki: PkiServer;
  beforeEach(async () => {
    pki = await startPkiServer();
  });
  afterEach(() => pki.close());
  const LOCAL = ['--allow-addresses', '127.0.0.0/8'];

  it('is asked of the hosts that certificates name, but never on this machine unless allowed (H7)', async () => {
    await useChain(await pki.issue({ subject: 'C=US,ST=WA,O=Acme,CN=Signer' }));
    expect((await sign()).code).toBe(0);
    expect(await verify()).toMatchObject({
      code: 2,
      verdict: 'Unknown',
      cause: { reason: 'RevocationUndetermined', message: expect.stringContaining('--allow-addresses') },
    });
    expect(pki.requests).toHaveLength(0);
    expect(await verify(...LOCAL)).toMatchObject({ code: 0, verdict: 'Trusted' });
    expect(pki.requests.length).toBeGreaterThan(0);
  });

  it('a revoked certificate is told with its time: 1 (H1)', async () => {
    const chain = await pki.issue({ subject: 'C=US,ST=WA,O=Acme,CN=Signer' });
    await useChain(chain);
    expect((await sign()).code).toBe(0);
    const [state] = chain.states;
    if (state !== undefined) state.revoked = { at: new Date('2026-01-02T03:04:05Z') };
    const found = await verify(...LOCAL);
    expect(found).toMatchObject({
      code: 1,
      verdict: 'Revoked',
      cause: {
        reason: 'CertificateRevoked',
        since: '2026-01-02T03:04:05Z',
        revoked: [expect.stringContaining('CN=Signer')],
      },
    });
    const { stdout } = await command('verify', ['--scope', SCOPE, ...LOCAL]);
    expect(stdout).toMatch(/^✘ .*: not trusted, it was revoked\n/);
    expect(stdout).toContain('since    2026-01-02T03:04:05Z');
  });
});

describe('list', () => {
  it('draws a tree, or says that there is none', async () => {
    const name = `${world.layout}@${world.image.digest}`;
    expect((await command('list', [])).stdout).toBe(`${name} has no signature\n`);
    await sign();
    expect((await command('list', [])).stdout).toMatch(
      new RegExp(`^${name}\n└── application/vnd\\.cncf\\.notary\\.signature\n    └── sha256:[0-9a-f]{64}\n$`),
    );
  });

  it('says when there are more than it shows (A7)', async () => {
    await sign();
    await sign('--expiry', '1h');
    const { stdout, stderr } = await command('list', ['--max-signatures', '1', '-o', 'json']);
    expect((json(stdout) as { signatures: object[] }).signatures).toHaveLength(1);
    expect(stderr).toContain('there are more than 1 signatures: only the first are shown; see --max-signatures');
  });

  it('a fault is an error with a code, and 2', async () => {
    await rm(join(world.layout, 'index.json'));
    const { code, stdout } = await command('list', ['-o', 'json']);
    expect([code, json(stdout)]).toEqual([
      2,
      { error: { code: 'InvalidAnswer', message: expect.stringContaining('index.json') } },
    ]);
  });
});

describe('inspect', () => {
  it('shows all that a signature says, as notation does', async () => {
    await sign('--expiry', '24h', '-m', 'build=17', '-m', 'evil=\u001b[2J');
    const { code, stdout } = await command('inspect', []);
    expect(code).toBe(0);
    for (const line of [
      /^ {4}└── sha256:[0-9a-f]{64}$/m,
      /^ {8}├── media type: application\/jose\+json$/m,
      /^ {8}├── signature algorithm: ECDSA-SHA-256$/m,
      /^ {8}│ {3}├── contentType: application\/vnd\.cncf\.notary\.payload\.v1\+json$/m,
      /^ {8}│ {3}├── signingScheme: notary\.x509$/m,
      /^ {8}│ {3}├── signingTime: 20\S+Z$/m,
      /^ {8}│ {3}└── expiry: 20\S+Z$/m,
      /^ {8}├── user defined attributes$/m,
      /^ {8}│ {3}├── build: 17$/m,
      /^ {8}│ {3}└── evil: \\u\{1b\}\[2J$/m,
      /^ {8}│ {3}└── signingAgent: sealwatch\/\d/m,
      new RegExp(`^ {8}│ {3}├── SHA256 fingerprint: ${leaf(world.chain)}$`, 'm'),
      /^ {8}│ {3}│ {3}├── issued to: CN=Acme Image Signing,O=Acme,L=Seattle,ST=WA,C=US$/m,
      /^ {8}│ {3}│ {3}├── issued by: CN=Acme Intermediate 1 CA,O=Acme,ST=WA,C=US$/m,
      /^ {8}│ {3}│ {3}└── expiry: 20\S+Z$/m,
      /^ {8}└── signed artifact$/m,
      new RegExp(`^ {12}├── digest: ${world.image.digest}$`, 'm'),
      new RegExp(`^ {12}└── size: ${world.image.size}$`, 'm'),
    ])
      expect(stdout).toMatch(line);
  });

  it('marks what has expired', async () => {
    await sign('--expiry', '24h');
    const { stdout } = await command('inspect', [], { now: new Date('2051-01-01T00:00:00Z') });
    expect(stdout.match(/expiry: 20\S+Z \(expired\)/g)).toHaveLength(4);
  });

  it('as JSON has every part', async () => {
    await sign('--expiry', '24h', '-m', 'build=17');
    const shown = json((await command('inspect', ['-o', 'json'])).stdout);
    const certificate = {
      sha256Fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      issuedTo: expect.any(String),
      issuedBy: expect.any(String),
      notBefore: expect.any(String),
      expiry: expect.any(String),
    };
    const { mediaType, digest, size } = world.image;
    expect(shown).toEqual({
      reference: `${world.layout}@${world.image.digest}`,
      digest,
      mediaType,
      signatures: [
        {
          digest: expect.stringMatching(/^sha256:/),
          mediaType: 'application/jose+json',
          signatureAlgorithm: 'ECDSA-SHA-256',
          signedAttributes: {
            contentType: 'application/vnd.cncf.notary.payload.v1+json',
            signingScheme: 'notary.x509',
            signingTime: expect.any(String),
            expiry: expect.any(String),
          },
          userDefinedAttributes: { build: '17' },
          unsignedAttributes: { signingAgent: expect.stringMatching(/^sealwatch\//) },
          certificates: [certificate, certificate, certificate],
          signedArtifact: { mediaType, digest, size },
        },
      ],
    });
  });

  it('a signature that is not well formed is shown with what is wrong, and hides no other (A8)', async () => {
    const bad = json((await sign('-o', 'json')).stdout) as { signature: { digest: string } };
    await sign('--expiry', '1h');
    const manifest = join(world.layout, 'blobs', ...bad.signature.digest.split(':'));
    const [layer] = (json(await readFile(manifest, 'utf8')) as { layers: { digest: string }[] }).layers;
    await writeFile(join(world.layout, 'blobs', ...(layer?.digest ?? '').split(':')), '{}');
    const { code, stdout } = await command('inspect', []);
    expect(code).toBe(0);
    expect(stdout).toMatch(/cannot be read: blob .*: expected \d+ bytes, found 2/);
    expect(stdout).toContain('signature algorithm: ECDSA-SHA-256');
    const { signatures } = json((await command('inspect', ['-o', 'json'])).stdout) as { signatures: object[] };
    expect(signatures[0]).toEqual({ digest: bad.signature.digest, error: expect.stringContaining('found 2') });
  });

  it('an envelope that is none is told by its rule (B1)', async () => {
    const made = json((await sign('-o', 'json')).stdout) as { signature: { digest: string } };
    const path = join(world.layout, 'blobs', ...made.signature.digest.split(':'));
    const manifest = json(await readFile(path, 'utf8')) as { layers: object[] };
    const put = async (text: string): Promise<{ digest: string; size: number }> => {
      const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
      await writeFile(join(world.layout, 'blobs', ...digest.split(':')), text);
      return { digest, size: text.length };
    };
    const layers = [{ ...manifest.layers[0], ...(await put('{"a":1}')) }];
    const forged = await put(JSON.stringify({ ...manifest, layers }));
    const index = json(await readFile(join(world.layout, 'index.json'), 'utf8')) as { manifests: object[] };
    const manifests = [index.manifests[0], { ...index.manifests[1], ...forged }];
    await writeFile(join(world.layout, 'index.json'), JSON.stringify({ ...index, manifests }));
    expect((await command('inspect', [])).stdout).toMatch(/cannot be read: JWS envelope: .*\(notary\.md B1\)/);
  });
});
