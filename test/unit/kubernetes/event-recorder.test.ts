import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { cutToBytes, type EventInput, eventBody } from '../../../src/kubernetes/event.ts';
import { EventRecorder } from '../../../src/kubernetes/event-recorder.ts';
import { json, refuse, silentLogger, WireServer } from './wire-server.ts';

const POD = { apiVersion: 'v1', kind: 'Pod', namespace: 'team', name: 'web-1', uid: 'u1' };
const revoked: EventInput = { regarding: POD, type: 'Warning', reason: 'Revoked', action: 'Verify', note: 'revoked' };

describe('EventRecorder', () => {
  let server: WireServer;
  let client: KubernetesClient;
  let now: Date;

  beforeEach(async () => {
    server = await WireServer.start();
    server.answer = json(201, {});
    client = new KubernetesClient(server.kubeConfig(), { userAgent: 'sealwatch/test' });
    now = new Date('2026-01-01T12:00:00Z');
  });

  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  const create = (seriesWindowMs?: number) =>
    new EventRecorder({
      client,
      logger: silentLogger,
      instance: 'sealwatch-0',
      now: () => now,
      ...(seriesWindowMs === undefined ? {} : { seriesWindowMs }),
    });
  const sent = () => server.requests.map(({ method, body }) => ({ method, body: JSON.parse(body) }));

  it('writes the first occurrence at once, in the namespace of what it regards', async () => {
    create().record(revoked);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    expect(server.requests[0]?.path).toBe('/apis/events.k8s.io/v1/namespaces/team/events');
    expect(sent()[0]?.body).toMatchObject({
      metadata: { namespace: 'team', name: expect.stringMatching(/^web-1\.[0-9a-f]+$/) },
      eventTime: '2026-01-01T12:00:00.000000Z',
      reportingController: 'sealwatch.dev/operator',
      reportingInstance: 'sealwatch-0',
      regarding: POD,
      type: 'Warning',
      reason: 'Revoked',
      action: 'Verify',
      note: 'revoked',
    });
  });

  it('writes events of cluster-scoped objects to default', async () => {
    const { namespace: _, ...policy } = { ...POD, kind: 'TrustPolicy' };
    create().record({ ...revoked, regarding: policy });
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    expect(server.requests[0]?.path).toBe('/apis/events.k8s.io/v1/namespaces/default/events');
  });

  it('counts the same again without a write, and tells it as a series at the end', async () => {
    const recorder = create();
    recorder.record(revoked);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    for (let minute = 1; minute <= 5; minute += 1) {
      now = new Date(`2026-01-01T12:0${minute}:00Z`);
      recorder.record(revoked);
    }
    expect(server.requests).toHaveLength(1);
    await recorder.flush();
    expect(sent()[1]).toEqual({
      method: 'PATCH',
      body: { series: { count: 6, lastObservedTime: '2026-01-01T12:05:00.000000Z' } },
    });
    expect(server.requests[1]?.path).toBe(
      `/apis/events.k8s.io/v1/namespaces/team/events/${sent()[0]?.body.metadata.name}`,
    );
  });

  it('tells what came while the first write was under way, also when it is flushed before that is answered', async () => {
    const first = Promise.withResolvers<() => void>();
    server.answer = (response, request) => first.resolve(() => json(201, {})(response, request));
    const recorder = create();
    recorder.record(revoked);
    const answerFirst = await first.promise;
    recorder.record(revoked);
    const flushed = recorder.flush();
    server.answer = json(200, {});
    answerFirst();
    await flushed;
    expect(sent().map(({ method, body }) => [method, body.series?.count])).toEqual([
      ['POST', undefined],
      ['PATCH', 2],
    ]);
  });

  it('gives up a series that the API server refuses', async () => {
    server.answer = (response, request) =>
      (request.method === 'PATCH' ? refuse(403, 'Forbidden') : json(201, {}))(response, request);
    const recorder = create();
    recorder.record(revoked);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    recorder.record(revoked);
    await recorder.flush();
    expect([sent().map(({ method }) => method), recorder.dropped]).toEqual([['POST', 'PATCH'], 1]);
  });

  it('tells a series after its window without being asked', async () => {
    const recorder = create(80);
    recorder.record(revoked);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    recorder.record(revoked);
    await vi.waitFor(() => expect(sent()[1]?.body).toMatchObject({ series: { count: 2 } }));
    await recorder.flush();
    expect(server.requests).toHaveLength(2);
  });

  it('tells what came again before the first write with that write', async () => {
    const recorder = create();
    recorder.record(revoked);
    now = new Date('2026-01-01T12:00:01Z');
    recorder.record(revoked);
    await recorder.flush();
    expect(sent().map(({ body }) => [body.eventTime, body.series])).toEqual([
      ['2026-01-01T12:00:00.000000Z', { count: 2, lastObservedTime: '2026-01-01T12:00:01.000000Z' }],
    ]);
  });

  it('begins a new event when nothing came for 6 minutes', async () => {
    const recorder = create();
    recorder.record(revoked);
    now = new Date('2026-01-01T12:06:00Z');
    recorder.record(revoked);
    await recorder.flush();
    expect(sent().map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  it.each([
    ['another pod', { ...revoked, regarding: { ...POD, uid: 'u2' } }],
    ['another related object', { ...revoked, related: POD }],
    ['another type', { ...revoked, type: 'Normal' as const }],
    ['another reason', { ...revoked, reason: 'Expired' }],
    ['another action', { ...revoked, action: 'Sweep' }],
    ['another note', { ...revoked, note: 'other' }],
  ])('is another event: %s', async (_what, other) => {
    const recorder = create();
    recorder.record(revoked);
    recorder.record(other);
    await recorder.flush();
    expect(sent().map(({ method }) => method)).toEqual(['POST', 'POST']);
    expect(sent()[0]?.body.metadata.name).not.toBe(sent()[1]?.body.metadata.name);
  });

  it('creates an event anew that the API server has forgotten', async () => {
    const recorder = create();
    recorder.record(revoked);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    server.answer = (response, request) =>
      (request.method === 'PATCH' ? refuse(404, 'NotFound') : json(201, {}))(response, request);
    recorder.record(revoked);
    await recorder.flush();
    expect(sent().map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST']);
  });

  it('tries again after a fault that passes', async () => {
    server.answer = (response, request) =>
      (server.requests.length === 1 ? refuse(503, 'ServiceUnavailable') : json(201, {}))(response, request);
    const recorder = create();
    recorder.record(revoked);
    await recorder.flush();
    expect(server.requests).toHaveLength(2);
    expect(recorder.dropped).toBe(0);
  });

  it('drops and counts what the API server refuses, and goes on', async () => {
    server.answer = (response, request) =>
      (server.requests.length === 1 ? refuse(403, 'Forbidden') : json(201, {}))(response, request);
    const recorder = create();
    recorder.record(revoked);
    recorder.record({ ...revoked, note: 'other' });
    await recorder.flush();
    expect(server.requests).toHaveLength(2);
    expect(recorder.dropped).toBe(1);
  });

  it('holds at most 1,000 writes while the API server is silent, and gives up at shutdown (faults.md 51)', async () => {
    server.answer = () => {};
    const recorder = create();
    for (let index = 0; index < 1_500; index += 1) {
      recorder.record({ ...revoked, note: String(index) });
    }
    expect(recorder.dropped).toBe(500);
    // The first is under way: a connection takes longer to make than the flush has, on a busy machine.
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    await recorder.flush(50);
    expect(recorder.dropped).toBe(1_500);
    recorder.record({ ...revoked, note: 'late' });
    expect(server.requests).toHaveLength(1);
  });
});

describe('eventBody', () => {
  it('keeps the name of the event valid for the longest name of an object', () => {
    const name = `${'a'.repeat(234)}.${'b'.repeat(18)}`;
    const { metadata } = eventBody({ ...revoked, regarding: { ...POD, name } }, 'x', new Date());
    expect(metadata.name.length).toBeLessThanOrEqual(253);
    expect(metadata.name).toMatch(/^[a-z0-9]+\.[a-z0-9]+(\.[a-z0-9]+)?$/);
  });
});

describe('cutToBytes', () => {
  it.each([
    ['é'.repeat(512), 'é'.repeat(512)],
    ['é'.repeat(513), `${'é'.repeat(510)}…`],
    [`${'a'.repeat(1020)}😀😀`, `${'a'.repeat(1020)}…`],
  ])('keeps a note within 1,024 bytes and its characters whole', (text, expected) => {
    expect(cutToBytes(text, 1024)).toBe(expected);
    expect(Buffer.byteLength(cutToBytes(text, 1024))).toBeLessThanOrEqual(1024);
  });
});
