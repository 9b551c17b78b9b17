import { afterAll, beforeAll, expect, it } from 'vitest';
import { pushImage } from '../support/images.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

const BASIC = { username: 'robot', password: 'correct-horse' };
const COLLECTOR_TOKEN = 'collector-secret';

let receiver: OtlpReceiver;
let scenario: Scenario;
const env: Record<string, string> = {};

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  Object.assign(env, {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${COLLECTOR_TOKEN}`,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  scenario = await startScenario(sharedControlPlane(), 'observe', { basic: BASIC, args: ['--tracing'], env });
  await scenario.trust({ repositories: ['team/app'] });
  const auth = Buffer.from(`${BASIC.username}:${BASIC.password}`).toString('base64');
  await scenario.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/dockerconfigjson',
    metadata: { name: 'pull', namespace: scenario.id },
    stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [scenario.registry.host]: { auth } } }) },
  });
});
afterAll(async () => {
  await scenario?.stop();
  await receiver?.stop();
});

/** A span and all that was done within it. */
function within(root: ReceivedSpan): readonly ReceivedSpan[] {
  const parts = [root];
  for (const part of parts) parts.push(...receiver.spans.filter(({ parentSpanId }) => parentSpanId === part.spanId));
  return parts;
}

it('a verification is one trace, from its reconcile to its requests, and no secret is in any', async () => {
  const image = await pushImage(scenario.registry.host, 'team/app', 'v1', { basic: BASIC });
  const awsSigner = { profileArn: scenario.profileArn(scenario.id.replaceAll('-', '_')) };
  await scenario.request('app', {
    images: [image.reference],
    sign: { awsSigner },
    registry: { secretRefs: [{ name: 'pull' }] },
  });
  await scenario.waitForRequest('app', 'Ready', 'True');

  const verify = await waitFor('the span of a verification that trusts the image', () =>
    receiver.spans.find(
      ({ name, attributes }) =>
        name === 'verify' &&
        attributes['sealwatch.digest'] === image.digest &&
        attributes['sealwatch.verdict'] === 'Trusted',
    ),
  );
  const root = await waitFor('the span of its reconcile', () =>
    receiver.spans.find(({ traceId, parentSpanId }) => traceId === verify.traceId && parentSpanId === ''),
  );
  expect(root.name).toBe('reconcile image-signature-request');
  expect(root.attributes).toMatchObject({
    'sealwatch.resource': 'imagesignaturerequests',
    'sealwatch.object': `${scenario.id}/app`,
  });
  const names = within(root).map(({ name }) => name);
  for (const name of [
    'verify',
    'registry referrers',
    'registry push-manifest',
    'aws signer SignPayload',
    'aws signer GetRevocationStatus',
    'kubernetes patch imagesignaturerequests/status',
  ])
    expect(names).toContain(name);
  // What the verification asked for is within it.
  expect(within(verify).map(({ name }) => name)).toContain('registry blob');
  expect(new Set(within(root).map(({ traceId }) => traceId)).size).toBe(1);

  const told = Buffer.concat([...receiver.bytes]).toString('latin1');
  for (const secret of [
    BASIC.password,
    Buffer.from(`${BASIC.username}:${BASIC.password}`).toString('base64').replace(/=+$/, ''),
    scenario.aws.credentials.secretAccessKey,
    COLLECTOR_TOKEN,
  ]) {
    expect(told.includes(secret)).toBe(false);
    expect(scenario.operator.process.output.includes(secret)).toBe(false);
  }
  // Names and values alone: the bytes of an identifier may look like anything.
  const texts = receiver.spans.flatMap(({ name, attributes }) => [name, ...Object.entries(attributes).flat()]);
  expect(texts.filter((text) => /authorization|X-Amz-|\?/i.test(String(text)))).toEqual([]);
  expect(await scenario.operator.metric('sealwatch_trace_spans_total{outcome="exported"}')).toBeGreaterThan(10);
});

it('the level of the log follows the configuration file, and lines say what they are about', async () => {
  const ofLevel = (level: number) => scenario.operator.logs().filter((line) => line['level'] === level);
  expect(ofLevel(20)).toEqual([]);
  await scenario.writeSettings({ signing: { grants: [] }, logLevel: 'debug' });
  const bad = await pushImage(scenario.registry.host, 'team/app', 'unsigned', { basic: BASIC });
  await scenario.request('bad', { images: [bad.reference], registry: { secretRefs: [{ name: 'pull' }] } });
  const verdict = await waitFor('the verdict in the log', () =>
    scenario.operator.logs().find(({ digest, verdict }) => digest === bad.digest && verdict === 'Unsigned'),
  );
  expect(verdict).toMatchObject({ level: 30, image: bad.repository, reason: expect.any(String) });
  await waitFor('a line of level debug about the request', async () => {
    // It may have been read a moment after the last reconcile.
    await scenario.reconcileNow('bad', `look-${Date.now()}`);
    return ofLevel(20).some(
      (line) =>
        line['msg'] === 'reconciled' &&
        line['resource'] === 'imagesignaturerequests' &&
        line['object'] === `${scenario.id}/bad`,
    );
  });
  await scenario.writeSettings({ signing: { grants: [] }, logLevel: 'louder' });
  await waitFor('the refusal', () =>
    scenario.operator.logs().find(({ err }) => /logLevel: expected trace/.test(JSON.stringify(err ?? ''))),
  );
  await scenario.writeSettings({ signing: { grants: [] } });
});

it('queues, requests, caches and watches are told of in the metrics', async () => {
  const text = (await scenario.operator.fetch('/metrics')).text;
  const expected = [
    /^sealwatch_queue_wait_seconds_count\{queue="image-signature-request"\} [1-9]/m,
    /^sealwatch_cache_lookups_total\{cache="signature",result="(?:hit|miss)"\} [1-9]/m,
    /^sealwatch_cache_lookups_total\{cache="revocation-status",result="(?:hit|miss)"\} [1-9]/m,
    /^sealwatch_registry_request_duration_seconds_count\{operation="referrers"\} [1-9]/m,
    /^sealwatch_aws_request_duration_seconds_count\{service="signer",operation="SignPayload"\} [1-9]/m,
    /^sealwatch_kubernetes_request_duration_seconds_count\{operation="patch"\} [1-9]/m,
    /^sealwatch_watch_state\{resource="pods",phase="Watching"\} 1$/m,
    /^sealwatch_watch_opened_total\{resource="pods"\} [1-9]/m,
    /^sealwatch_verifications_total\{verdict="Trusted"\} [1-9]/m,
    /^sealwatch_event_loop_delay_since_start_max_seconds 0?\.?\d/m,
    /^sealwatch_events_dropped_total 0$/m,
  ];
  expect(expected.filter((line) => !line.test(text))).toEqual([]);
});

it('a collector that takes what comes and answers nothing holds up neither a verdict nor the end', async () => {
  const blocked = await startOtlpReceiver({ isBlocked: true });
  try {
    env['OTEL_EXPORTER_OTLP_ENDPOINT'] = blocked.endpoint;
    await scenario.restartOperator();
    await waitFor('the collector to be asked', () => blocked.requests > 0);
    const bad = await pushImage(scenario.registry.host, 'team/app', 'unsigned-2', { basic: BASIC });
    await scenario.request('late', { images: [bad.reference], registry: { secretRefs: [{ name: 'pull' }] } });
    await scenario.waitForRequest('late', 'Ready', 'False', 'SomeUnsigned');
    await waitFor('the warning', () =>
      scenario.operator.logs().find(({ level, problem }) => level === 40 && typeof problem === 'string'),
    );
    expect(await scenario.operator.metric('sealwatch_trace_spans_total{outcome="exported"}')).toBeUndefined();
    const started = performance.now();
    expect(await scenario.operator.stop()).toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
  } finally {
    await blocked.stop();
  }
});
