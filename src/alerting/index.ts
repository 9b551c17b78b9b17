export type { AlertedWorkload, VerdictAlert } from './alert.ts';
export { parseWebhookSecret, WebhookSecretError } from './signature.ts';
export { type DropReason, Webhook, type WebhookOptions } from './webhook.ts';
