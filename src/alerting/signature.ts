import { createHmac } from 'node:crypto';

const MIN_BYTES = 24;
const MAX_BYTES = 1_024;
const PREFIX = 'whsec_';

/** The secret is too short to be one, or cannot be read. The message never holds it. */
export class WebhookSecretError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WebhookSecretError';
  }
}

/**
 * Reads a secret: `whsec_` and base64, as Standard Webhooks writes it, or any text, whose bytes are the key. White space
 * around it is no part of it.
 * @throws WebhookSecretError
 */
export function parseWebhookSecret(text: string): Buffer {
  const trimmed = text.trim();
  const encoded = trimmed.startsWith(PREFIX) ? trimmed.slice(PREFIX.length) : undefined;
  if (encoded !== undefined && !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded))
    throw new WebhookSecretError(`expected base64 after ${PREFIX}`);
  const key = encoded === undefined ? Buffer.from(trimmed, 'utf8') : Buffer.from(encoded, 'base64');
  if (key.length < MIN_BYTES || key.length > MAX_BYTES)
    throw new WebhookSecretError(
      `expected a secret of ${MIN_BYTES} to ${MAX_BYTES} bytes, found ${key.length}: make one with openssl rand -base64 32`,
    );
  return key;
}

/**
 * The headers by which a receiver knows who sent a body, and when (Standard Webhooks 1.0, "Signature scheme"):
 * `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
 * @param at of this attempt: a receiver refuses what is old, so that nobody sends it again later
 */
export function signatureHeaders(key: Buffer, id: string, at: Date, body: string): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
