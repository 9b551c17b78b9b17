import { afterEach, expect, it, vi } from 'vitest';
import { ecrCredentials } from '../../../src/aws/index.ts';
import { parseConfig } from '../../../src/config.ts';
import { createRegistryClients } from '../../../src/controllers/registry-clients.ts';
import { anonymous, NO_MIRRORS } from '../../../src/oci/index.ts';
import { startNameProxy } from '../../support/name-proxy.ts';
import { createTlsFronts } from '../../support/tls-front.ts';
import { silentLogger } from '../kubernetes/wire-server.ts';
import { failureOf, MANIFEST, signal, start } from '../oci/wire-client.ts';
import { answer } from '../oci/wire-registry.ts';

const OWN = 'registry.shop.example';
const ECR = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

afterEach(() => vi.unstubAllEnvs());

it('a CA of a request vouches for the registries of its own network, never for those of AWS', async () => {
  const registry = await start((_request, response) => answer(response, 200, '{}', { 'content-type': MANIFEST }));
  const fronts = await createTlsFronts();
  const front = await fronts.start([OWN, ECR], registry.host);
  const proxy = await startNameProxy({ [OWN]: front.host, [ECR]: front.host });
  vi.stubEnv('HTTPS_PROXY', proxy.url);
  vi.stubEnv('NO_PROXY', '');
  const parsed = parseConfig(['--request-timeout', '5s'], {});
  if (parsed.kind !== 'config') throw new Error('expected a configuration');
  const ecr = ecrCredentials();
  const clients = await createRegistryClients({
    config: parsed.config,
    logger: silentLogger,
    ecr,
    mirrors: () => NO_MIRRORS,
  });
  try {
    const client = clients.withCredentials(anonymous, fronts.caPem, 'shop');
    const at = (host: string) => client.resolve({ registry: host, repository: 'team/app', tag: 'v1' }, signal());
    expect((await at(OWN)).size).toBe(2);
    expect((await failureOf(at(ECR))).message).toContain('its certificate does not hold');
    expect(registry.requests).toHaveLength(1);
  } finally {
    await clients.close();
    ecr.close();
    await proxy.stop();
    await front.stop();
  }
});
