import type { Logger } from 'pino';
import { parseWebhookSecret, Webhook } from '../alerting/index.ts';
import { type Config, ConfigError } from '../config.ts';
import type { Metrics } from '../reporting/index.ts';
import { WatchedFile } from '../settings/index.ts';
import { createDispatcher } from '../transport/index.ts';
import { USER_AGENT } from '../version.ts';

/** The webhook, and what ends with it. */
export interface OpenWebhook {
  readonly webhook: Webhook;
  /** Delivers what waits, for as long as a shutdown may take. */
  readonly close: () => Promise<void>;
}

/**
 * Makes the webhook that the configuration names; nothing is sent yet.
 * @returns undefined: none is named
 * @throws ConfigError that names the file of the secret, and what is wrong with it
 */
export async function openWebhook(config: Config, metrics: Metrics, logger: Logger): Promise<OpenWebhook | undefined> {
  if (config.webhook === undefined) return undefined;
  const { url, format, source, secretFile } = config.webhook;
  const secret = new WatchedFile({
    path: secretFile,
    fallback: Buffer.alloc(0),
    parse: parseWebhookSecret,
    what: '--webhook-secret-file',
  });
  try {
    await secret.load();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ConfigError(message.includes('--webhook-secret-file') ? message : `--webhook-secret-file: ${message}`);
  }
  secret.start(() => undefined, logger);
  const dispatcher = createDispatcher({ allowAddresses: config.allowAddresses, connectionsPerHost: 1 });
  const webhook = new Webhook({
    url,
    format,
    source,
    ...(secretFile === undefined ? {} : { secret: () => secret.current() }),
    dispatcher,
    userAgent: USER_AGENT,
    logger,
    onSent: (result) => metrics.alertSent(result),
    onDropped: (reason) => metrics.alertDropped(reason),
  });
  metrics.observeAlerts(webhook);
  return {
    webhook,
    close: async () => {
      secret.stop();
      await webhook.close(config.shutdownTimeoutMs);
      await dispatcher.destroy();
    },
  };
}
