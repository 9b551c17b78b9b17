import { describe, expect, it } from 'vitest';
import { parseWebhookSecret } from '../../../src/alerting/index.ts';
import { signatureHeaders } from '../../../src/alerting/signature.ts';

describe('the secret of the webhook', () => {
  it('is any text of enough bytes, or base64 after whsec_', () => {
    expect(parseWebhookSecret('  a text of 24 bytes or more\n').toString()).toBe('a text of 24 bytes or more');
    const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
    expect(parseWebhookSecret(`whsec_${key.toString('base64')}\n`)).toEqual(key);
  });

  it.each([
    ['', 'found 0'],
    ['too short', 'found 9'],
    [`whsec_${Buffer.alloc(16).toString('base64')}`, 'found 16'],
    ['x'.repeat(1_025), 'found 1025'],
    ['whsec_not base64 at all, but long enough', 'expected base64 after whsec_'],
  ])('%j is refused, without being repeated', (text, message) => {
    expect(() => parseWebhookSecret(text)).toThrow(message);
    if (text.length > 8) expect(() => parseWebhookSecret(text)).not.toThrow(text);
  });
});

it('signs as the example of Standard Webhooks does', () => {
  const key = parseWebhookSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  expect(
    signatureHeaders(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', new Date(1_614_265_330_000), '{"test": 2432232314}'),
  ).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});
