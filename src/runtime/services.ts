import type { Logger } from 'pino';
import type { Webhook } from '../alerting/index.ts';
import { type AwsOptions, ecrCredentials, SignerService } from '../aws/index.ts';
import type { Config } from '../config.ts';
import type { RegistryClients } from '../controllers/registry-access.ts';
import { createRegistryClients } from '../controllers/registry-clients.ts';
import { type Metrics, setLogLevel } from '../reporting/index.ts';
import { NO_SETTINGS, parseSettings, type Settings, WatchedFile } from '../settings/index.ts';
import type { WriteFence } from '../transport/index.ts';
import { type CacheRead, openVerdictCache, systemClock, type VerdictCache } from '../verification/index.ts';
import type { Observation } from './observation.ts';
import { openWebhook } from './webhook.ts';

/** What the operator asks outside its cluster, and the file that says how. */
export interface Services {
  readonly settings: Pick<WatchedFile<Settings>, 'current'>;
  /** Has one told when the file changes: whoever leads; undefined: nobody. It is read all the time. */
  readonly onSettings: (tell: ((now: Settings, before: Settings) => void) | undefined) => void;
  readonly signerService: SignerService;
  readonly registries: RegistryClients;
  /** Absent: nothing outlives a restart. */
  readonly verdictCache?: VerdictCache;
  /** Absent: nobody is told outside the cluster. It outlives a term: what waits in it is still true. */
  readonly webhook?: Webhook;
  readonly close: () => Promise<void>;
}

/** Reads the configuration file and makes the clients of registries and AWS; none of them asks anything yet. */
export async function createServices(options: {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly observation: Observation;
  readonly logger: Logger;
  readonly fence: WriteFence;
}): Promise<Services> {
  const { config, metrics, observation, logger, fence } = options;
  const settings = new WatchedFile({
    path: config.configFile,
    fallback: NO_SETTINGS,
    parse: parseSettings,
    what: 'the configuration',
  });
  await settings.load();
  let tell: ((now: Settings, before: Settings) => void) | undefined;
  // A standby's log is looked into as well.
  const applyLogLevel = (): void => setLogLevel(logger, settings.current().logLevel ?? config.logLevel);
  applyLogLevel();
  settings.start((now, before) => {
    applyLogLevel();
    tell?.(now, before);
  }, logger);
  const aws: AwsOptions = {
    ...(config.stsEndpoint === undefined ? {} : { stsEndpoint: config.stsEndpoint }),
    requestTimeoutMs: config.requestTimeoutMs,
    onRequest: observation.awsRequest,
  };
  const signerService = new SignerService({
    ...aws,
    fence,
    endpoint: (region) => config.signerEndpoints.get(region) ?? config.signerEndpoints.get('*'),
  });
  const ecr = ecrCredentials({
    ...aws,
    ...(config.ecrEndpoint === undefined ? {} : { endpoint: config.ecrEndpoint }),
    roleOf: (account) => settings.current().ecrRoles.get(account),
  });
  const registries = await createRegistryClients({
    config,
    onRequest: observation.registryRequest,
    onTokenLookup: (isHit) => metrics.cacheLookup('token', isHit),
    logger,
    ecr,
    mirrors: () => settings.current().mirrors,
    fence,
  });
  const webhook = await openWebhook(config, metrics, logger);
  const { verdictCacheDir: folder } = config;
  const onFault = (err: unknown): void =>
    logger.warn({ err, folder }, 'the verdict cache on disk cannot be used; going on without what it cannot keep');
  const onRead = (result: CacheRead): void => metrics.verdictCacheRead(result);
  const verdictCache =
    folder === undefined ? undefined : openVerdictCache({ folder, clock: systemClock, onFault, onRead });

  return {
    settings,
    onSettings: (listener) => {
      tell = listener;
    },
    signerService,
    registries,
    ...(verdictCache === undefined ? {} : { verdictCache }),
    ...(webhook === undefined ? {} : { webhook: webhook.webhook }),
    close: async () => {
      settings.stop();
      await webhook?.close();
      await verdictCache?.flush();
      signerService.close();
      ecr.close();
      await registries.close();
    },
  };
}
