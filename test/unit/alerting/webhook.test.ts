import { Writable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DropReason, type VerdictAlert, Webhook, type WebhookOptions } from '../../../src/alerting/index.ts';
import { createLogger } from '../../../src/reporting/index.ts';
import { createDispatcher } from '../../../src/transport/index.ts';
import { waitFor } from '../../support/processes.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts';

const KEY = Buffer.from('a key of more than 24 bytes, for tests');
const DIGEST = `sha256:${'a'.repeat(64)}`;
const ALERT: VerdictAlert = {
  state: 'began',
  namespace: 'shop',
  workload: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web', uid: 'u1' },
  image: 'r.example.com/shop/web:v1',
  digest: DIGEST,
  verdict: 'Revoked',
  before: 'Trusted',
  statement: 'acme/images',
  cause: {
    reason: 'SigningJobRevoked',
    message: 'the signing job <arn> was revoked & more',
    revoked: ['arn:aws:signer:us-west-2:1:/signing-jobs/x'],
    since: '2026-01-01T00:00:00.000Z',
  },
};
const about = (name: string): VerdictAlert => ({ ...ALERT, workload: { ...ALERT.workload, name } });
const namesOf = (alerts: readonly { readonly body: string }[]): readonly string[] =>
  alerts.map(({ body }) => (JSON.parse(body) as { data: VerdictAlert }).data.workload.name);

let receiver: WebhookReceiver;
let dispatcher: Dispatcher;
let log: string;
let webhooks: Webhook[];
let sent: string[];
let dropped: DropReason[];
beforeEach(async () => {
  receiver = await startWebhookReceiver(KEY);
  dispatcher = createDispatcher({ allowAddresses: ['127.0.0.0/8'] });
  [log, webhooks, sent, dropped] = ['', [], [], []];
});
afterEach(async () => {
  await Promise.all(webhooks.map((webhook) => webhook.close(0)));
  await dispatcher.destroy();
  await receiver.stop();
});

function open(options: Partial<WebhookOptions> = {}): Webhook {
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      log += String(chunk);
      done();
    },
  });
  const webhook = new Webhook({
    url: receiver.url,
    format: 'cloudevents',
    source: '/clusters/test',
    secret: () => KEY,
    dispatcher,
    userAgent: 'sealwatch/test',
    logger: createLogger('info', destination),
    onSent: (outcome) => sent.push(outcome),
    onDropped: (reason) => dropped.push(reason),
    timing: { timeoutMs: 300, baseDelayMs: 10, maxDelayMs: 20 },
    ...options,
  });
  webhooks.push(webhook);
  return webhook;
}
const delivered = (count: number) =>
  waitFor(`${count} alerts`, async () => receiver.taken.length === count || undefined);

describe('the webhook', () => {
  it('sends a CloudEvent in structured mode, signed so that a receiver knows it', async () => {
    open().send(ALERT);
    await delivered(1);
    const [request] = receiver.taken;
    expect(request?.isSigned).toBe(true);
    expect(request?.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'user-agent': 'sealwatch/test',
    });
    const event = JSON.parse(request?.body ?? '') as Record<string, unknown>;
    expect(event['id']).toBe(request?.headers['webhook-id']);
    expect(Math.abs(Date.parse(String(event['time'])) - Date.now())).toBeLessThan(10_000);
    const { workload, image, digest, state, namespace, verdict, before, statement, cause } = ALERT;
    expect({ ...event, id: '', time: '' }).toEqual({
      specversion: '1.0',
      id: '',
      source: '/clusters/test',
      type: 'dev.sealwatch.verdict.changed',
      subject: 'shop/Deployment/web',
      time: '',
      datacontenttype: 'application/json',
      data: { state, namespace, workload, image, digest, verdict, before, statement, cause },
    });
  });

  it('signs with the secret that is there at the time', async () => {
    let key = Buffer.from('another key, which the receiver does not know');
    const webhook = open({ secret: () => key });
    webhook.send(about('a'));
    await delivered(1);
    key = KEY;
    webhook.send(about('b'));
    await delivered(2);
    expect(receiver.taken.map(({ isSigned }) => isSigned)).toEqual([false, true]);
  });

  it('writes text for Slack, without anything that Slack reads as markup of ours', async () => {
    const webhook = open({ format: 'slack' });
    webhook.send(ALERT);
    webhook.send({ ...ALERT, state: 'ended', verdict: 'Trusted', before: 'Revoked' });
    const { verdict: _, ...gone } = ALERT;
    webhook.send({ ...gone, state: 'ended', before: 'Revoked' });
    await delivered(3);
    expect(receiver.taken.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      {
        text: `*shop/Deployment/web* runs r.example.com/shop/web:v1 (${DIGEST}), which is *Revoked*, before Trusted (policy acme/images): the signing job &lt;arn&gt; was revoked &amp; more`,
      },
      { text: `*shop/Deployment/web* runs r.example.com/shop/web:v1 (${DIGEST}), now *Trusted* (it was Revoked)` },
      { text: `*shop/Deployment/web* no longer runs r.example.com/shop/web:v1 (${DIGEST}) (it was Revoked)` },
    ]);
  });

  it.each<[string, Parameters<WebhookReceiver['answer']>[0]]>([
    ['500', 500],
    ['429', 429],
    ['no answer', 'hang'],
  ])('%s: tries again with the same id until it is taken, in the order in which alerts came', async (_what, answer) => {
    receiver.answer(answer);
    const webhook = open();
    for (const name of ['a', 'b', 'c']) webhook.send(about(name));
    await waitFor('three attempts', async () => receiver.requests.length >= 3 || undefined);
    expect(webhook.queued).toBe(3);
    receiver.answer(204);
    await delivered(3);
    expect(namesOf(receiver.taken)).toEqual(['a', 'b', 'c']);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(3);
    expect(receiver.requests.every(({ isSigned }) => isSigned)).toBe(true);
    await waitFor('the queue to be empty', async () => webhook.queued === 0 || undefined);
    expect(dropped).toEqual([]);
    expect(log.match(/could not be delivered; it is tried again/g)).toHaveLength(1);
    expect(log).toContain('alerts are delivered again');
  });

  it('waits for as long as a receiver asks', async () => {
    receiver.answer({ status: 503, headers: { 'retry-after': '1' } });
    const started = performance.now();
    open().send(ALERT);
    await waitFor('two attempts', async () => receiver.requests.length >= 2 || undefined);
    expect(performance.now() - started).toBeGreaterThan(950);
  });

  it.each<[string, Parameters<WebhookReceiver['answer']>[0]]>([
    ['a redirect, which is not followed', { status: 307, headers: { location: '/elsewhere' } }],
    ['400', 400],
    ['403', 403],
  ])('%s: gives the alert up, counts it, and goes on with the next', async (_what, answer) => {
    receiver.answer(answer);
    const webhook = open();
    webhook.send(about('a'));
    await waitFor('it to be dropped', async () => dropped.length === 1 || undefined);
    expect(dropped).toEqual(['refused']);
    receiver.answer(200);
    webhook.send(about('b'));
    await delivered(1);
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/hook/secret-path', '/hook/secret-path']);
    expect(sent).toEqual(['failed', 'delivered']);
    expect(log.match(/the receiver refuses alerts/g)).toHaveLength(1);
  });

  it('takes the status for the answer: a body without an end holds up nothing (faults.md 51)', async () => {
    receiver.answer('endless');
    const webhook = open({ timing: { timeoutMs: 60_000 } });
    for (const name of ['a', 'b', 'c']) webhook.send(about(name));
    await delivered(3);
    expect(namesOf(receiver.taken)).toEqual(['a', 'b', 'c']);
  });

  it('holds at most so many while the receiver is blocked; those beyond are counted, and told of once (faults.md 51)', async () => {
    receiver.answer('hang');
    const webhook = open({ timing: { timeoutMs: 300, baseDelayMs: 10, maxDelayMs: 20, maxQueued: 10 } });
    for (let i = 0; i < 100; i += 1) webhook.send(about(`w${i}`));
    expect([webhook.queued, dropped.length]).toEqual([10, 90]);
    expect(new Set(dropped)).toEqual(new Set(['full']));
    expect(log.match(/the queue of alerts is full/g)).toHaveLength(1);
    receiver.answer(200);
    await delivered(10);
    expect(namesOf(receiver.taken)).toEqual(Array.from({ length: 10 }, (_, i) => `w${i}`));
  });

  it('gives an alert up that could not be delivered for too long', async () => {
    receiver.answer(500);
    open({ timing: { timeoutMs: 300, baseDelayMs: 10, maxDelayMs: 20, maxAgeMs: 100 } }).send(ALERT);
    await waitFor('it to be dropped', async () => dropped.length > 0 || undefined);
    expect(dropped).toEqual(['expired']);
    expect(receiver.requests.length).toBeGreaterThan(2);
  });

  it('at its end delivers what waits, and gives up what it cannot within the time', async () => {
    const webhook = open();
    for (const name of ['a', 'b']) webhook.send(about(name));
    await webhook.close(5_000);
    expect(namesOf(receiver.taken)).toEqual(['a', 'b']);
    webhook.send(about('late'));
    expect(dropped).toEqual(['stopped']);

    receiver.answer('hang');
    const other = open();
    other.send(about('c'));
    const started = performance.now();
    await other.close(100);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(dropped).toEqual(['stopped', 'stopped']);
    expect(log).toContain('alerts were not delivered before the end');
  });

  it('connects to no address that is refused, and tells the path and the secret nowhere', async () => {
    const guarded = createDispatcher();
    try {
      open({ dispatcher: guarded }).send(ALERT);
      await waitFor('an attempt', async () => sent.length > 0 || undefined);
      expect(receiver.requests).toEqual([]);
      expect(log).toContain('add it to --allow-addresses');
      expect(log).not.toContain('secret-path');
      expect(log).not.toContain(KEY.toString());
    } finally {
      await guarded.destroy();
    }
  });
});
