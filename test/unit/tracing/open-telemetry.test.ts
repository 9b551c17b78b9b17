import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { openTracing, type Tracing } from '../../../src/tracing/index.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../support/otlp-receiver.ts';
import { freePort } from '../../support/ports.ts';

describe('traces', () => {
  const counts = { ended: 0, exported: 0, failed: 0 };
  const problems: string[] = [];
  let receiver: OtlpReceiver | undefined;

  afterEach(async () => {
    await receiver?.stop();
    receiver = undefined;
    problems.length = 0;
    for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
    Object.assign(counts, { ended: 0, exported: 0, failed: 0 });
  });

  const open = (endpoint: string, variables: NodeJS.ProcessEnv = {}): Promise<Tracing> => {
    // The SDK reads the process's own.
    Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...variables });
    return openTracing(true, {
      env: process.env,
      onProblem: (text) => problems.push(text),
      onSpans: (outcome, count) => {
        counts[outcome] += count;
      },
    });
  };

  it('have what is done within a span as its part, and what is done later apart', async () => {
    receiver = await startOtlpReceiver();
    const tracing = await open(receiver.endpoint, { OTEL_RESOURCE_ATTRIBUTES: 'k8s.cluster.name=test' });
    const exchange = (name: string) => tracing.exchange({ name, attributes: {}, durationMs: 5 });
    let timer: Promise<void> | undefined;
    await tracing.span({ name: 'reconcile', attributes: { 'sealwatch.object': 'n/p' }, isRoot: true }, async () => {
      timer = delay(50).then(() => exchange('sweep'));
      await tracing.span({ name: 'verify', attributes: {} }, async (note) => {
        await delay(5);
        exchange('registry');
        note({ 'sealwatch.verdict': 'Trusted', 'sealwatch.signatures': 1, 'sealwatch.reason': undefined });
      });
      await tracing.span({ name: 'other reconcile', attributes: {}, isRoot: true }, async () => undefined);
    });
    await timer;
    await tracing.close();
    const named = (name: string) => {
      const span = receiver?.spans.find((each) => each.name === name);
      if (span === undefined) throw new Error(`no span ${name}`);
      return span;
    };
    const reconcile = named('reconcile');
    expect(reconcile).toMatchObject({ parentSpanId: '', attributes: { 'sealwatch.object': 'n/p' } });
    expect(named('verify')).toMatchObject({ traceId: reconcile.traceId, parentSpanId: reconcile.spanId });
    expect(named('verify').attributes).toEqual({ 'sealwatch.verdict': 'Trusted', 'sealwatch.signatures': 1 });
    expect(named('registry')).toMatchObject({ traceId: reconcile.traceId, parentSpanId: named('verify').spanId });
    for (const name of ['sweep', 'other reconcile']) {
      expect(named(name).parentSpanId).toBe('');
      expect(named(name).traceId).not.toBe(reconcile.traceId);
    }
    expect(receiver.resources[0]).toMatchObject({ 'service.name': 'sealwatch', 'k8s.cluster.name': 'test' });
    expect(counts).toEqual({ ended: 5, exported: 5, failed: 0 });
  });

  it('tell that something failed by its kind alone, and reject as it does', async () => {
    receiver = await startOtlpReceiver();
    const tracing = await open(receiver.endpoint);
    const error = Object.assign(new TypeError('Authorization: Basic c2VjcmV0'), { code: 'E_CODE' });
    await expect(tracing.span({ name: 'failing', attributes: {} }, () => Promise.reject(error))).rejects.toBe(error);
    await tracing.close();
    expect(receiver.spans[0]?.attributes).toEqual({ 'error.type': 'TypeError E_CODE' });
    expect(Buffer.concat([...receiver.bytes]).toString('latin1')).not.toMatch(/Authorization|c2VjcmV0/);
  });

  it('of a reconcile that is not sampled have no part that is', async () => {
    receiver = await startOtlpReceiver();
    const tracing = await open(receiver.endpoint, {
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    });
    await tracing.span({ name: 'reconcile', attributes: {}, isRoot: true }, async () =>
      tracing.exchange({ name: 'registry', attributes: {}, durationMs: 1 }),
    );
    await tracing.close();
    expect([receiver.spans, counts.ended]).toEqual([[], 0]);
  });

  it.each([
    ['is blocked', async () => (await startOtlpReceiver({ isBlocked: true })) as OtlpReceiver | undefined],
    ['is gone', async () => undefined],
  ])(
    'are dropped where the collector %s: what waits is bounded, nothing else waits, and the end is',
    async (_, start) => {
      receiver = await start();
      const tracing = await open(receiver?.endpoint ?? `http://127.0.0.1:${await freePort()}`, {
        OTEL_BSP_MAX_QUEUE_SIZE: '100',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50',
        OTEL_BSP_SCHEDULE_DELAY: '10',
        OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      });
      const started = performance.now();
      for (let n = 0; n < 20_000; n += 1)
        await tracing.span({ name: 'work', attributes: { n } }, async () => undefined);
      expect(performance.now() - started).toBeLessThan(5_000);
      const closing = performance.now();
      await tracing.close();
      expect(performance.now() - closing).toBeLessThan(4_000);
      expect([counts.ended, counts.exported]).toEqual([20_000, 0]);
      expect(counts.failed).toBeGreaterThan(0);
      // What was not dropped was tried, and given up: never more than the queue and the batch under way.
      expect(counts.failed).toBeLessThan(2_000);
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.length).toBeLessThan(3);
    },
  );
});
