import type { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ImageVerdict } from '../../../src/api/image-verdict.ts';
import { distinguishedNameOf } from '../../../src/notary/index.ts';
import { Metrics } from '../../../src/reporting/index.ts';
import { createChain } from '../../support/pki.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const FOREIGN_TEXT = 'a message that a registry chose';
const NOTHING_OBSERVED = {
  queues: () => [],
  eventsDropped: () => 0,
  reportResultsOmitted: () => 0,
  sweepLagMs: () => 0,
  verdicts: () => [],
  trustStores: () => [],
};

function podWith(n: number, namespace = 'n', reference = `r.example/app:${n}`) {
  const pod = { name: `p${n}`, namespace, uid: `u${n}`, resourceVersion: '1', creationTimestamp: '' };
  const verdict: ImageVerdict = {
    verdict: 'Unsigned',
    verifiedAt: NOW,
    cause: { reason: 'NoSignature', message: `${FOREIGN_TEXT} ${n}` },
  };
  const image = { kind: 'resolved', repository: 'r.example/app', digest: `sha256:${n}` } as const;
  const container = { name: 'c', kind: 'container', reference, image } as const;
  return { pod, containers: [{ container, verdict }] };
}

const series = (text: string, name: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
const requestOf = (registry: string, outcome: string) => ({ registry, operation: 'manifest', outcome, durationMs: 2 });

describe('metrics stay bounded', () => {
  it('flagged containers up to a bound, and what is over it is counted', async () => {
    const metrics = new Metrics();
    for (let n = 0; n < 5_010; n += 1) metrics.setPod(`n/p${n}`, podWith(n));
    const text = await metrics.text();
    expect(series(text, 'sealwatch_flagged_container_info')).toHaveLength(5_000);
    expect(series(text, 'sealwatch_flagged_containers_omitted')).toEqual(['sealwatch_flagged_containers_omitted 10']);
    expect(series(text, 'sealwatch_running_containers')).toEqual([
      'sealwatch_running_containers{namespace="n",verdict="Unsigned"} 5010',
    ]);
    // Messages are texts of others, without end: never a label.
    expect(text).not.toContain(FOREIGN_TEXT);
  });

  it('a name of an image as long as a pod may write it is cut', async () => {
    const metrics = new Metrics();
    metrics.setPod('n/p', podWith(1, 'n', `r.example/${'x'.repeat(100_000)}`));
    const [line = ''] = series(await metrics.text(), 'sealwatch_flagged_container_info');
    expect(line.length).toBeLessThan(1_000);
    expect(line).toContain('…"');
  });

  it('namespaces up to a bound: those with the most containers keep their name, and none is left out', async () => {
    const metrics = new Metrics();
    for (let n = 0; n < 1_005; n += 1) metrics.setPod(`n${n}/p`, podWith(n, `n${n}`));
    metrics.setPod('n1004/q', podWith(2_000, 'n1004'));
    const lines = series(await metrics.text(), 'sealwatch_running_containers');
    expect(lines).toHaveLength(1_001);
    expect(lines).toContain('sealwatch_running_containers{namespace="n1004",verdict="Unsigned"} 2');
    expect(lines).toContain('sealwatch_running_containers{namespace="(other)",verdict="Unsigned"} 5');
  });

  it('hosts of registries come from tenants: behind the first hundred they are one', async () => {
    const metrics = new Metrics();
    for (let n = 0; n < 1_000; n += 1) metrics.registryRequest(requestOf(`r${n}.example`, '200'));
    const text = await metrics.text();
    expect(series(text, 'sealwatch_registry_requests_total')).toHaveLength(101);
    expect(text).toContain(
      'sealwatch_registry_requests_total{registry="other",operation="manifest",outcome="200"} 900',
    );
  });

  it('and the statuses that they answer with: those without a meaning are one', async () => {
    const metrics = new Metrics();
    for (let status = 100; status < 1_000; status += 1) metrics.registryRequest(requestOf('r', String(status)));
    metrics.registryRequest(requestOf('r', 'Timeout'));
    const text = await metrics.text();
    expect(series(text, 'sealwatch_registry_requests_total').length).toBeLessThan(35);
    for (const outcome of ['200', '404', '429', '503', 'Timeout', 'other status'])
      expect(text).toContain(`outcome="${outcome}"`);
  });

  it('and what hosts, operations and statuses give together', async () => {
    const metrics = new Metrics();
    for (let n = 0; n < 100; n += 1)
      for (const operation of ['manifest', 'blob', 'referrers', 'token'])
        for (const outcome of ['200', '401', '403', '404', '429', '500', '503'])
          metrics.registryRequest({ registry: `r${n}.example`, operation, outcome, durationMs: 1 });
    const lines = series(await metrics.text(), 'sealwatch_registry_requests_total');
    const counted = lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    expect([lines.length, counted]).toEqual([2_000 + 28, 2_800]);
  });

  it('hosts that certificates name: behind the first hundred they are one', async () => {
    const metrics = new Metrics();
    for (let n = 0; n < 300; n += 1)
      metrics.certificateServiceRequest({ host: `ocsp${n}.example`, outcome: 'success', durationMs: 1 });
    const lines = series(await metrics.text(), 'sealwatch_certificate_service_requests_total');
    expect(lines).toHaveLength(101);
    expect(lines).toContain('sealwatch_certificate_service_requests_total{host="other",outcome="success"} 200');
  });

  it('expiries up to a bound, the soonest first, and none of an image that is forgotten', async () => {
    const metrics = new Metrics();
    let verdicts = Array.from({ length: 5_010 }, (_, n): readonly [string, ImageVerdict] => [
      `r.example/app@sha256:${n}`,
      { verdict: 'Trusted', verifiedAt: NOW, expiresAt: new Date(NOW.getTime() - n * 1_000) },
    ]);
    metrics.observe({ ...NOTHING_OBSERVED, verdicts: () => verdicts });
    const name = 'sealwatch_image_signature_expiry_timestamp_seconds';
    const text = await metrics.text();
    expect(series(text, name)).toHaveLength(5_000);
    expect(text).toContain(`${name}{image="r.example/app",digest="sha256:5009"} ${NOW.getTime() / 1_000 - 5_009}`);
    expect(text).not.toContain('digest="sha256:9"');
    expect(text).toContain('sealwatch_image_signature_expiries_omitted 10');
    verdicts = [];
    expect(series(await metrics.text(), name)).toEqual([]);
  });

  it('certificates of trust stores up to a bound, the soonest to expire first, and none of a store that is gone', async () => {
    const metrics = new Metrics();
    const at = (day: number) => new Date(NOW.getTime() + day * 86_400_000);
    const rootOf = async (name: string, caNotAfter: Date) => {
      const { certificates } = await createChain({ length: 2, caName: name, caNotAfter, key: 'P-256' });
      const root = certificates.at(-1);
      if (root === undefined) throw new Error('a chain has a root');
      return root;
    };
    const [first, second, late] = [
      await rootOf('Acme', at(400)),
      await rootOf('Acme', at(4_000)),
      await rootOf('Late', at(5_000)),
    ];
    const many = Array.from({ length: 1_000 }, (_, n) => [`store-${n}`, [first]] as const);
    let stores: readonly (readonly [string, readonly X509Certificate[]])[] = [['late', [late]], ...many];
    metrics.observe({ ...NOTHING_OBSERVED, trustStores: () => stores });
    const name = 'sealwatch_trust_store_certificate_expiry_timestamp_seconds';
    const lines = series(await metrics.text(), name);
    expect(lines).toHaveLength(1_000);
    expect(lines.join('\n')).not.toContain('"late"');
    // During a rotation two have one subject, in either order.
    for (const certificates of [
      [first, second],
      [second, first],
    ]) {
      stores = [['acme', certificates]];
      expect(series(await metrics.text(), name)).toEqual([
        `${name}{trust_store="acme",subject="${distinguishedNameOf(first)}"} ${at(400).getTime() / 1_000}`,
      ]);
    }
    stores = [];
    expect(series(await metrics.text(), name)).toEqual([]);
    stores = [['acme', [first]]];
    metrics.standby();
    expect(series(await metrics.text(), name)).toEqual([]);
  });

  it('1,000 images in 10,000 pods, half of them flagged, are a scrape of 2 MiB, and others have their turn meanwhile', async () => {
    const metrics = new Metrics();
    for (let n = 0; n < 10_000; n += 1) {
      const report = podWith(n, `n${n % 500}`, `registry.example/team/app-${n % 1_000}:v1`);
      metrics.setPod(`n${n % 500}/p${n}`, n % 2 === 0 ? report : { ...report, containers: [] });
    }
    const verdicts = Array.from({ length: 1_000 }, (_, n): readonly [string, ImageVerdict] => [
      `registry.example/team/app-${n}@sha256:${String(n).padStart(64, '0')}`,
      { verdict: 'Trusted', verifiedAt: NOW, expiresAt: NOW },
    ]);
    metrics.observe({ ...NOTHING_OBSERVED, verdicts: () => verdicts });
    let turns = 0;
    let done = false;
    const count = (): void => {
      turns += 1;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    const text = await metrics.text();
    done = true;
    expect(series(text, 'sealwatch_flagged_container_info')).toHaveLength(5_000);
    expect(text.length).toBeLessThan(2 * 1024 * 1024);
    // One for each metric: the largest of them is the longest that the event loop waits.
    expect(turns).toBeGreaterThan(metrics.defined.length / 2);
  });
});

describe('what is read at a scrape', () => {
  it('is how full and how slow the queues are, and how late the sweep is', async () => {
    const metrics = new Metrics();
    metrics.observe({
      ...NOTHING_OBSERVED,
      queues: () => [{ queue: 'pod', depth: 3, running: 2, delayed: 7 }],
      eventsDropped: () => 4,
      reportResultsOmitted: () => 0,
      sweepLagMs: () => 1_500,
      verdicts: () => [['r/a@sha256:1', { verdict: 'Trusted', verifiedAt: new Date(Date.now() - 60_000) }]],
    });
    metrics.reconciled('pod', 'success', { waitedMs: 30, durationMs: 700 });
    metrics.cacheLookup('token', true);
    metrics.cacheLookup('token', false);
    const text = await metrics.text();
    for (const line of [
      'sealwatch_queue_depth{queue="pod"} 3',
      'sealwatch_queue_running{queue="pod"} 2',
      'sealwatch_queue_delayed{queue="pod"} 7',
      'sealwatch_queue_wait_seconds_sum{queue="pod"} 0.03',
      'sealwatch_reconcile_duration_seconds_sum{controller="pod"} 0.7',
      'sealwatch_reconcile_total{controller="pod",result="success"} 1',
      'sealwatch_events_dropped_total 4',
      'sealwatch_revocation_sweep_lag_seconds 1.5',
      'sealwatch_cache_lookups_total{cache="token",result="hit"} 1',
      'sealwatch_cache_lookups_total{cache="token",result="miss"} 1',
    ])
      expect(text).toContain(`${line}\n`);
    expect(Number(/^sealwatch_oldest_verdict_age_seconds (.+)$/m.exec(text)?.[1])).toBeCloseTo(60, 0);
  });

  it('is every watch of a resource: one that is well hides none that is not', async () => {
    const metrics = new Metrics();
    const counts = { lists: 1, watches: 2, events: 3, garbageLines: 4 };
    metrics.observeWatches(() => [
      { resource: 'pods', phase: 'Degraded', ...counts },
      { resource: 'pods', phase: 'Watching', ...counts },
    ]);
    await metrics.text();
    const text = await metrics.text();
    for (const line of [
      'sealwatch_watch_state{resource="pods",phase="Degraded"} 1',
      'sealwatch_watch_state{resource="pods",phase="Watching"} 1',
      'sealwatch_watch_state{resource="pods",phase="Waiting"} 0',
      'sealwatch_watch_lists_total{resource="pods"} 2',
      'sealwatch_watch_opened_total{resource="pods"} 4',
      'sealwatch_watch_events_total{resource="pods"} 6',
      'sealwatch_watch_garbage_lines_total{resource="pods"} 8',
    ])
      expect(text).toContain(`${line}\n`);
  });

  it('is nothing of verdicts and queues on a standby, and that it is one', async () => {
    const metrics = new Metrics();
    metrics.observe({
      ...NOTHING_OBSERVED,
      queues: () => [{ queue: 'pod', depth: 3, running: 2, delayed: 7 }],
      sweepLagMs: () => 9_000,
    });
    metrics.setPod('n/p', podWith(1));
    metrics.leads(true);
    const leading = await metrics.text();
    metrics.leads(false);
    metrics.standby();
    const standing = await metrics.text();
    const told = (text: string): readonly number[] =>
      ['sealwatch_queue_depth', 'sealwatch_running_containers', 'sealwatch_flagged_container_info'].map(
        (name) => series(text, name).length,
      );
    expect([told(leading), series(leading, 'sealwatch_leader')]).toEqual([[1, 1, 1], ['sealwatch_leader 1']]);
    expect([told(standing), series(standing, 'sealwatch_leader')]).toEqual([[0, 0, 0], ['sealwatch_leader 0']]);
    expect(standing).toContain('sealwatch_revocation_sweep_lag_seconds 0\n');
  });

  it('is the longest delay of the event loop, since the last scrape and since the start', async () => {
    const metrics = new Metrics();
    const delays = async (): Promise<{ readonly max: number; readonly sinceStart: number }> => {
      const text = await metrics.text();
      const read = (name: string): number => Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1]);
      return {
        max: read('sealwatch_event_loop_delay_max_seconds'),
        sinceStart: read('sealwatch_event_loop_delay_since_start_max_seconds'),
      };
    };
    const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
    await turns();
    const endsAt = performance.now() + 300;
    while (performance.now() < endsAt);
    await turns();
    const stalled = await delays();
    expect(stalled.max).toBeGreaterThan(0.25);
    await turns();
    const after = await delays();
    expect(after.max).toBeLessThan(stalled.max);
    expect(after.sinceStart).toBeGreaterThanOrEqual(stalled.sinceStart);
  });
});
