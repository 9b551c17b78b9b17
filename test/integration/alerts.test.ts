import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VerdictAlert } from '../../src/alerting/index.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Registry, startRegistry } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';
import { localClient, signImage } from '../support/signed-images.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const KEY = 'a secret of the receiver and the operator';

let receiver: WebhookReceiver;
let registry: Registry;
let scenario: Scenario;
let folder: string;
let unsigned: PushedImage;

beforeAll(async () => {
  receiver = await startWebhookReceiver(Buffer.from(KEY));
  registry = await startRegistry('referrers');
  folder = await mkdtemp(join(tmpdir(), 'sealwatch-alerts-'));
  await writeFile(join(folder, 'key'), `${KEY}\n`);
  scenario = await startScenario(sharedControlPlane(), 'alerts', {
    registry,
    isAlone: false,
    args: [
      ...[
        '--webhook-url',
        receiver.url,
        '--webhook-secret-file',
        join(folder, 'key'),
        '--webhook-source',
        '/clusters/test',
      ],
      ...['--plain-http-hosts', receiver.host, '--plain-http-hosts', registry.host, '--verify-interval', '2s'],
    ],
  });
  await scenario.trust({ repositories: ['team/app'] });
  unsigned = await pushImage(registry.host, 'team/app', 'unsigned');
});
afterAll(async () => {
  await scenario?.stop();
  await receiver?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

function run(pod: string, image = unsigned): Promise<void> {
  return scenario.runPod(pod, { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
}

/** `state pod verdict` of what came. */
function told(): readonly string[] {
  return receiver.taken.map(({ body }) => {
    const { data } = JSON.parse(body) as { readonly data: VerdictAlert };
    return `${data.state} ${data.workload.kind}/${data.workload.name} ${data.verdict}`;
  });
}
const waitForAlerts = (count: number) =>
  waitFor(`${count} alerts`, async () => receiver.taken.length >= count || undefined, 45_000);

it('tells a receiver, signed, that a workload runs an unsigned image', async () => {
  await run('first');
  await waitForAlerts(1);
  const [request] = receiver.taken;
  expect(request?.isSigned).toBe(true);
  expect(JSON.parse(request?.body ?? '')).toMatchObject({
    specversion: '1.0',
    source: '/clusters/test',
    type: 'dev.sealwatch.verdict.changed',
    subject: `${scenario.id}/Pod/first`,
    data: {
      state: 'began',
      namespace: scenario.id,
      workload: { apiVersion: 'v1', kind: 'Pod', name: 'first', namespace: scenario.id },
      image: unsigned.reference,
      digest: unsigned.digest,
      verdict: 'Unsigned',
      statement: `${scenario.id}/images`,
      cause: { reason: 'NoSignature', message: 'the image has no Notary Project signature' },
    },
  });
  expect(await scenario.operator.metric('sealwatch_webhook_requests_total{result="delivered"}')).toBe(1);
});

it('tells nothing twice after a restart, and goes on with what is new', async () => {
  await scenario.restartOperator();
  await run('second');
  await waitForAlerts(2);
  expect(told()).toEqual(['began Pod/first Unsigned', 'began Pod/second Unsigned']);
});

it('holds nothing up while the receiver is blocked, and delivers when it is there again (faults.md 51)', async () => {
  receiver.answer('hang');
  const before = receiver.requests.length;
  for (const pod of ['third', 'fourth']) {
    await run(pod);
    await scenario.waitForPod(pod, 'False', 'Unsigned', 20_000);
  }
  await waitFor('an attempt', async () => receiver.requests.length > before || undefined);
  expect((await scenario.operator.fetch('/readyz')).status).toBe(200);
  expect(receiver.taken).toHaveLength(2);
  receiver.answer(500);
  await waitFor('an answer of 500', async () => receiver.requests.length > before + 1 || undefined, 30_000);
  receiver.answer(200);
  await waitForAlerts(4);
  expect(told().slice(2)).toEqual(['began Pod/third Unsigned', 'began Pod/fourth Unsigned']);
  expect(await scenario.operator.metric('sealwatch_webhook_alerts_queued')).toBe(0);
});

it('tells that it ended, for each workload once', async () => {
  await signImage(localClient(), unsigned, scenario.chain);
  await waitForAlerts(8);
  const ended = ['first', 'fourth', 'second', 'third'].map((pod) => `ended Pod/${pod} Trusted`);
  expect(told().slice(4).toSorted()).toEqual(ended);
  expect(receiver.requests.every(({ isSigned }) => isSigned)).toBe(true);
  const log = scenario.operator.process.output;
  expect(log).not.toContain(KEY);
  expect(log).not.toContain('secret-path');
});
