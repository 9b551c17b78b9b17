import { describe, expect, it } from 'vitest';
import type { ImageVerdict } from '../../../src/api/image-verdict.ts';
import { Metrics } from '../../../src/reporting/index.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const FOREIGN_TEXT = 'a message that a registry chose';

function podWith(n: number) {
  const pod = { name: `p${n}`, namespace: 'n', uid: `u${n}`, resourceVersion: '1', creationTimestamp: '' };
  const verdict: ImageVerdict = {
    verdict: 'Unsigned',
    verifiedAt: NOW,
    cause: { reason: 'NoSignature', message: `${FOREIGN_TEXT} ${n}` },
  };
  const image = { kind: 'resolved', repository: 'r.example/app', digest: `sha256:${n}` } as const;
  const container = { name: 'c', kind: 'container', reference: `r.example/app:${n}`, image } as const;
  return { pod, containers: [{ container, verdict }] };
}

const series = (text: string, name: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));

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

  it('hosts of registries come from tenants: behind the first hundred they are one', async () => {
    const metrics = new Metrics();
    for (let n = 0; n < 1_000; n += 1) metrics.registryRequest(`r${n}.example`, 'manifest', '200');
    const text = await metrics.text();
    expect(series(text, 'sealwatch_registry_requests_total')).toHaveLength(101);
    expect(text).toContain(
      'sealwatch_registry_requests_total{registry="other",operation="manifest",outcome="200"} 900',
    );
  });

  it('and the statuses that they answer with: those without a meaning are one', async () => {
    const metrics = new Metrics();
    for (let status = 100; status < 1_000; status += 1) metrics.registryRequest('r', 'manifest', String(status));
    metrics.registryRequest('r', 'manifest', 'Timeout');
    const text = await metrics.text();
    expect(series(text, 'sealwatch_registry_requests_total').length).toBeLessThan(30);
    for (const outcome of ['200', '404', '429', '503', 'Timeout', 'other status'])
      expect(text).toContain(`outcome="${outcome}"`);
  });

  it('expiries up to a bound, and none of an image that is forgotten', async () => {
    const metrics = new Metrics();
    let verdicts = Array.from({ length: 5_010 }, (_, n): readonly [string, ImageVerdict] => [
      `r.example/app@sha256:${n}`,
      { verdict: 'Trusted', verifiedAt: NOW, expiresAt: NOW },
    ]);
    metrics.observe({
      queueDepths: () => [{ queue: 'pods', depth: 3 }],
      sweepLagMs: () => 1_500,
      eventsDropped: () => 3,
      verdicts: () => verdicts,
    });
    const name = 'sealwatch_image_signature_expiry_timestamp_seconds';
    const text = await metrics.text();
    expect(series(text, name)).toHaveLength(5_000);
    expect(text).toContain(`${name}{image="r.example/app",digest="sha256:0"} ${NOW.getTime() / 1_000}`);
    expect(text).toContain('sealwatch_queue_depth{queue="pods"} 3');
    expect(text).toContain('sealwatch_revocation_sweep_lag_seconds 1.5');
    verdicts = [];
    expect(series(await metrics.text(), name)).toEqual([]);
  });
});
