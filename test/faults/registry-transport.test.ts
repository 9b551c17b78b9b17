import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ecrCredentials } from '../../src/aws/index.ts';
import { parseConfig } from '../../src/config.ts';
import { createRegistryClients } from '../../src/controllers/registry-clients.ts';
import { anonymous, NO_MIRRORS, type RegistryClient } from '../../src/oci/index.ts';
import { parseSettings } from '../../src/settings/index.ts';
import { createDispatcher, DispatcherPool } from '../../src/transport/index.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { startNameProxy } from '../support/name-proxy.ts';
import { type Chain, createChain } from '../support/pki.ts';
import { waitFor } from '../support/processes.ts';
import { type Registry, startRegistry } from '../support/registries.ts';
import { evaluate, localClient, signImage } from '../support/signed-images.ts';
import { startSocketSet } from '../support/socket-set.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { createTlsAuthority, type TlsAuthority } from '../support/tls-authority.ts';

const LOOPBACK = ['127.0.0.0/8'] as const;
const NO_PROXY = { http: '', https: '', none: '' } as const;

let chain: Chain;
let registry: Registry;
let authority: TlsAuthority;
let folder: TemporaryFolder;
/** As the registry itself has it, by plain HTTP. */
let image: PushedImage;

beforeAll(async () => {
  chain = await createChain();
  registry = await startRegistry('referrers');
  authority = await createTlsAuthority();
  folder = await temporaryFolder('transport');
  image = await pushImage(registry.host, 'transport/app', 'v1');
  await signImage(localClient(), image, chain);
});
afterAll(async () => {
  await registry?.stop();
  await folder?.remove();
});

/** The image under another host, judged through a client that speaks TLS unless it is of the operator. */
async function verdictAt(host: string, client: RegistryClient): Promise<string> {
  const seen = { repository: `${host}/transport/app`, digest: image.digest };
  const { verdict, cause } = await evaluate(client, seen, { roots: chain.rootPem });
  return cause === undefined ? verdict : `${verdict} ${cause.reason}: ${cause.message}`;
}

function tlsClient(dispatcher: ReturnType<typeof createDispatcher>): RegistryClient {
  return localClient({ dispatcher, plainHTTPHosts: () => false, maxAttempts: 1 });
}

async function operatorClients(...args: readonly string[]) {
  const parsed = parseConfig(['--allow-addresses', LOOPBACK[0], ...args], {});
  if (parsed.kind !== 'config') throw new Error('expected a configuration');
  return createRegistryClients({
    config: parsed.config,
    logger: pino({ level: 'silent' }),
    ecr: ecrCredentials(),
    mirrors: () => NO_MIRRORS,
  });
}

describe('a registry behind a private CA', () => {
  let proxy: FaultProxy;
  beforeAll(async () => {
    proxy = await startFaultProxy(registry.host, { tls: await authority.issue() });
  });
  afterAll(() => proxy?.stop());

  it('32: the CA of --registry-ca is picked up when it is replaced while running; a bad file leaves the last good one in force', async () => {
    const file = join(folder.path, 'ca.pem');
    await writeFile(file, authority.rootPem);
    const clients = await operatorClients('--registry-ca', file);
    try {
      expect(await verdictAt(proxy.host, clients.operator)).toBe('Trusted');
      const next = await createTlsAuthority('Next');
      proxy.replaceCertificate(await next.issue());
      const refused = await verdictAt(proxy.host, clients.operator);
      expect(refused).toMatch(/^Unknown RegistryUnreachable: .*--registry-ca/);
      await writeFile(file, 'no certificate');
      await writeFile(file, `${authority.rootPem}${next.rootPem}`);
      await waitFor('the new CA', async () => (await verdictAt(proxy.host, clients.operator)) === 'Trusted');
    } finally {
      await clients.close();
      proxy.replaceCertificate(await authority.issue());
    }
  });

  it('32: the CA of a request is trusted beside, for that request alone', async () => {
    const clients = await operatorClients();
    try {
      expect(await verdictAt(proxy.host, clients.withCredentials(anonymous, authority.rootPem, 'team'))).toBe(
        'Trusted',
      );
      expect(await verdictAt(proxy.host, clients.withCredentials(anonymous, undefined, 'team'))).toMatch(/^Unknown/);
      expect(await verdictAt(proxy.host, clients.operator)).toMatch(/^Unknown/);
    } finally {
      await clients.close();
    }
  });

  it('requests that trust the same CAs share kept-alive connections; what is unused is closed', async () => {
    const pool = new DispatcherPool({ allowAddresses: LOOPBACK, proxy: NO_PROXY }, 1_000);
    proxy.requests.length = 0;
    for (let i = 0; i < 3; i += 1)
      expect(await verdictAt(proxy.host, tlsClient(pool.trusting(() => [authority.rootPem])))).toBe('Trusted');
    expect(proxy.requests).toHaveLength(12);
    const used = new Set(proxy.requests.map(({ connection }) => connection));
    // One more may be opened while the last answer is still being put away.
    expect(used.size).toBeLessThanOrEqual(2);
    expect(pool.size).toBe(1);
    await verdictAt(proxy.host, tlsClient(pool.trusting(() => [])));
    expect(pool.size).toBe(2);
    await waitFor('both to be closed', async () => pool.size === 0);
    expect(await verdictAt(proxy.host, tlsClient(pool.trusting(() => [authority.rootPem])))).toBe('Trusted');
    expect(proxy.requests.slice(12).some(({ connection }) => used.has(connection))).toBe(false);
    await pool.close();
  });

  it('every request says who asks', async () => {
    proxy.requests.length = 0;
    const clients = await operatorClients();
    await verdictAt(proxy.host, clients.withCredentials(anonymous, authority.rootPem, 'team'));
    await clients.close();
    expect(new Set(proxy.requests.map(({ headers }) => headers['user-agent']))).toEqual(
      new Set([expect.stringMatching(/^sealwatch\/\d/)]),
    );
  });

  it('plain HTTP is spoken only where it was asked for, and never tried instead of TLS', async () => {
    const plain = await startFaultProxy(registry.host);
    const dispatcher = createDispatcher({ allowAddresses: LOOPBACK, ca: authority.rootPem, proxy: NO_PROXY });
    try {
      expect(await verdictAt(plain.host, tlsClient(dispatcher))).toMatch(/--plain-http-hosts/);
      expect(plain.requests).toEqual([]);
      proxy.inject({ operation: 'blob' }, { kind: 'redirect', origin: plain.origin });
      expect(await verdictAt(proxy.host, tlsClient(dispatcher))).toMatch(/^Unknown AddressRefused/);
      expect(plain.requests).toEqual([]);
    } finally {
      proxy.heal();
      await dispatcher.close();
      await plain.stop();
    }
  });
});

it('a server that offers only TLS 1.1 is refused, with 1.2 and 1.3 it is Trusted', async () => {
  const certificate = await authority.issue();
  const dispatcher = createDispatcher({ allowAddresses: LOOPBACK, ca: authority.rootPem, proxy: NO_PROXY });
  // OpenSSL speaks 1.1 only below its default level of security.
  const old = createServer(
    { ...certificate, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    (_request, response) => response.end('{}'),
  );
  let [handshakes, requests] = [0, 0];
  old.on('tlsClientError', () => {
    handshakes += 1;
  });
  old.on('request', () => {
    requests += 1;
  });
  const sockets = startSocketSet(old);
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
  try {
    const host = `127.0.0.1:${(old.address() as AddressInfo).port}`;
    expect(await verdictAt(host, tlsClient(dispatcher))).toMatch(/^Unknown RegistryUnreachable/);
    await waitFor('the server to see the refusal', async () => handshakes > 0);
    expect(requests).toBe(0);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const proxy = await startFaultProxy(registry.host, {
        tls: { ...certificate, minVersion: version, maxVersion: version },
      });
      expect(await verdictAt(proxy.host, tlsClient(dispatcher))).toBe('Trusted');
      await proxy.stop();
    }
  } finally {
    await dispatcher.close();
    await sockets.close();
  }
});

describe('33: the proxies of the environment', () => {
  it.each([
    ['HTTPS_PROXY for TLS, by a tunnel in which the private CA holds', 'HTTPS_PROXY', true],
    ['HTTP_PROXY for plain HTTP', 'HTTP_PROXY', false],
  ] as const)('33: %s, but not for hosts of NO_PROXY', async (_name, variable, isTls) => {
    const name = 'registry.sealwatch.test';
    const certificate = await authority.issue(name);
    const target = await startFaultProxy(registry.host, isTls ? { tls: certificate } : {});
    const through = await startNameProxy({ [name]: target.host });
    for (const each of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'no_proxy']) vi.stubEnv(each, '');
    for (const each of ['http_proxy', 'https_proxy', 'no_proxy']) vi.stubEnv(each, undefined);
    vi.stubEnv(variable, through.url);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    const clients = await operatorClients(...(isTls ? [] : ['--plain-http-hosts', `${name},${target.host}`]));
    try {
      const client = clients.withCredentials(anonymous, authority.rootPem, 'team');
      expect(await verdictAt(name, client)).toBe('Trusted');
      const seen = through.requests.length;
      expect(seen).toBeGreaterThan(0);
      expect(through.requests.every((request) => request.includes(name))).toBe(true);
      expect(await verdictAt(target.host, client)).toBe('Trusted');
      expect(through.requests).toHaveLength(seen);
      // A proxy that is gone is a fault of the infrastructure.
      await through.stop();
      expect(await verdictAt(name, client)).toMatch(/^Unknown RegistryUnreachable/);
    } finally {
      await clients.close();
      vi.unstubAllEnvs();
      await target.stop();
    }
  });
});

it('an image is verified at the mirror of its prefix, under the scope of its own name, with the credentials of the mirror', async () => {
  const basic = { username: 'cache', password: 'secret' };
  const cache = await startRegistry('no-referrers', { basic });
  const proxy = await startFaultProxy(cache.host);
  try {
    const cached = await pushImage(proxy.host, 'dockerhub/team/app', 'v1', { basic });
    const asked: string[] = [];
    const { mirrors } = parseSettings(
      JSON.stringify({ registry: { mirrors: [{ prefix: 'docker.io', mirror: `${proxy.host}/dockerhub` }] } }),
    );
    const client = localClient({
      mirrors: () => mirrors,
      credentials: {
        credentialsFor: async (host, repository) => {
          asked.push(`${host}/${repository}`);
          return host === proxy.host ? { kind: 'basic', ...basic } : { kind: 'anonymous' };
        },
      },
    });
    const named = { ...cached, reference: 'docker.io/team/app:v1', repository: 'docker.io/team/app' };
    await signImage(client, named, chain);
    const evaluation = await evaluate(client, named, { roots: chain.rootPem });
    expect([evaluation.verdict, evaluation.repository]).toEqual(['Trusted', 'docker.io/team/app']);
    expect(new Set(asked)).toEqual(new Set([`${proxy.host}/dockerhub/team/app`]));
    await proxy.refuse();
    const down = await evaluate(client, named, { roots: chain.rootPem });
    expect(down.cause?.message).toContain(
      `docker.io/team/app@${cached.digest} (at its mirror ${proxy.host}/dockerhub/team/app)`,
    );
  } finally {
    await proxy.stop();
    await cache.stop();
  }
});
