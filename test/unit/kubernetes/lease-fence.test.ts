import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { LeaseFence } from '../../../src/kubernetes/lease-fence.ts';
import { NotLeaderError } from '../../../src/transport/index.ts';
import { startCutLink } from '../../support/cut-link.ts';
import { waitFor } from '../../support/processes.ts';
import { createServerCertificate, kubeConfigFor, startTlsServer } from './tls-server.ts';
import { CONFIG_MAPS, configMap, json, WireServer } from './wire-server.ts';

describe('LeaseFence', () => {
  let now = 0;
  const fence = new LeaseFence(() => now);
  afterEach(() => {
    fence.end();
    now = 0;
  });

  it('lets nothing through before a term, and nothing after its time, whatever the timer does (faults.md 18)', () => {
    expect(() => fence.enter()).toThrow(NotLeaderError);
    // The timer is for an hour from now: the check alone holds.
    fence.begin(3_600_000);
    const pass = fence.enter();
    now = 3_599_999;
    pass.check();
    now = 3_600_000;
    expect(fence.isOpen).toBe(false);
    expect(() => pass.check()).toThrow(NotLeaderError);
    expect(() => fence.enter()).toThrow(NotLeaderError);
    expect(pass.signal.aborted).toBe(false);
  });

  it('aborts what is under way when the time is over', async () => {
    const real = new LeaseFence();
    const term = real.begin(performance.now() + 20);
    const { signal } = real.enter();
    await waitFor('the term to end', () => term.aborted, 5_000, 5);
    expect(signal.reason).toBeInstanceOf(NotLeaderError);
    expect(term.reason).toBeInstanceOf(NotLeaderError);
  });

  it('is extended by a renewal, but never after its time: a late answer wakes no term', () => {
    const term = fence.begin(10_000);
    const pass = fence.enter();
    now = 9_000;
    expect(fence.extend(18_000)).toBe(true);
    now = 17_000;
    pass.check();
    now = 18_000;
    expect(fence.extend(30_000)).toBe(false);
    expect(term.aborted).toBe(true);
    expect(() => fence.enter()).toThrow(NotLeaderError);
  });

  it('takes nothing back: an earlier renewal that is answered later does not shorten a term', () => {
    fence.begin(10_000);
    fence.extend(9_000);
    now = 9_500;
    fence.enter().check();
  });

  it('gives no pass of one term to the next', () => {
    fence.begin(10_000);
    const pass = fence.enter();
    fence.begin(20_000);
    expect(() => pass.check()).toThrow(NotLeaderError);
    expect(pass.signal.aborted).toBe(true);
    fence.enter().check();
  });
});

describe('a write of KubernetesClient', () => {
  it('is held back where nothing may be written, and a read is not', async () => {
    const server = await WireServer.start();
    const fence = new LeaseFence();
    const client = new KubernetesClient(server.kubeConfig(), { userAgent: 'test', fence });
    onTestFinished(async () => {
      fence.end();
      await client.close();
      await server.stop();
    });
    server.answer = json(200, configMap('a', '1'));
    const patch = { contentType: 'application/merge-patch+json', body: { data: { b: 'ä'.repeat(40_000) } } } as const;
    const refused = [
      client.create(CONFIG_MAPS, configMap('a', '1')),
      client.patch(CONFIG_MAPS, 'default/a', patch),
      client.delete(CONFIG_MAPS, 'default/a'),
    ].map((write) => write.catch((error: unknown) => error));
    for (const error of await Promise.all(refused)) expect(error).toBeInstanceOf(NotLeaderError);
    await client.get(CONFIG_MAPS, 'default/a');
    expect(server.requests.map(({ method }) => method)).toEqual(['GET']);

    fence.begin(performance.now() + 60_000);
    await client.patch(CONFIG_MAPS, 'default/a', patch);
    await client.delete(CONFIG_MAPS, 'default/a');
    // Longer than one piece, and none: both arrive whole.
    expect(server.requests.slice(1).map(({ method, body }) => [method, body])).toEqual([
      ['PATCH', JSON.stringify(patch.body)],
      ['DELETE', ''],
    ]);
  });

  it('is aborted when the term ends, and that is no fault of the API server', async () => {
    const server = await WireServer.start();
    const fence = new LeaseFence();
    const client = new KubernetesClient(server.kubeConfig(), { userAgent: 'test', fence });
    onTestFinished(async () => {
      await client.close();
      await server.stop();
    });
    server.answer = () => undefined;
    fence.begin(performance.now() + 60_000);
    const write = client.create(CONFIG_MAPS, configMap('a', '1')).catch((error: unknown) => error);
    await waitFor('the request to arrive', () => server.requests.length === 1);
    fence.end();
    expect(await write).toBeInstanceOf(NotLeaderError);
  });

  it('that was on the way when its term ended does not arrive when the way is free again (faults.md 17)', async () => {
    const { seen, link, client, fence } = await overTls();
    fence.begin(performance.now() + 60_000);
    // As many as the pool opens connections for requests one after the other: the next one finds a connection.
    for (let i = 0; i < 3; i += 1) await client.create(CONFIG_MAPS, configMap('a', '1'));
    seen.length = 0;
    link.cut();
    const write = client.create(CONFIG_MAPS, configMap('b', '1')).catch((error: unknown) => error);
    await waitFor('its bytes to be on the way', () => link.held > 0, 5_000, 5);
    fence.end();
    expect(await write).toBeInstanceOf(NotLeaderError);
    await waitFor('the connection to be reset', () => link.held === 0, 5_000, 5);
    link.mend();
    await client.get(CONFIG_MAPS, 'default/a');
    expect(seen).toEqual(['GET']);
  });

  it('that waits for its connection when its term ends holds up no other', async () => {
    const { seen, link, client, fence } = await overTls();
    link.cut();
    fence.begin(performance.now() + 60_000);
    let ended: unknown;
    client.create(CONFIG_MAPS, configMap('a', '1')).catch((error: unknown) => {
      ended = error;
    });
    await waitFor('it to wait for its connection', () => link.waiting > 0, 5_000, 5);
    fence.end();
    await waitFor('it to end', () => ended !== undefined, 3_000, 5);
    expect(ended).toBeInstanceOf(NotLeaderError);
    link.mend();
    await client.get(CONFIG_MAPS, 'default/a');
    expect(seen).toEqual(['GET']);
  });

  it('that waited for its connection past the term sends not one byte (faults.md 18)', async () => {
    let now = 0;
    const { seen, link, client, fence } = await overTls(() => now);
    link.cut();
    fence.begin(3_600_000);
    const write = client.create(CONFIG_MAPS, configMap('a', '1')).catch((error: unknown) => error);
    // By the process's clock its time is over while it waits, and the timer does not know yet: as after SIGCONT.
    now = 3_600_000;
    link.mend();
    expect(await write).toBeInstanceOf(NotLeaderError);
    expect(seen).toEqual([]);
    now = 0;
    await client.create(CONFIG_MAPS, configMap('a', '1'));
    expect(seen).toEqual(['POST']);
  });
});

/** A client before an API server, over TLS and a link that can be cut. */
async function overTls(now?: () => number) {
  const certificate = await createServerCertificate();
  const seen: string[] = [];
  const server = await startTlsServer(certificate, (request, response) => {
    seen.push(request.method);
    response.end(JSON.stringify(configMap('a', '1')));
  });
  const link = await startCutLink(server.port);
  const fence = new LeaseFence(now);
  const kubeConfig = kubeConfigFor(link.port, { caData: Buffer.from(certificate.cert).toString('base64') });
  const client = new KubernetesClient(kubeConfig, { userAgent: 'test', fence });
  onTestFinished(async () => {
    fence.end();
    await client.close();
    await link.stop();
    await server.stop();
  });
  return { seen, link, client, fence };
}
