import type { Logger } from 'pino';
import { type AwsOptions, ecrCredentials, SignerService } from '../aws/index.ts';
import type { Config } from '../config.ts';
import type { RegistryClients } from '../controllers/registry-access.ts';
import { createRegistryClients } from '../controllers/registry-clients.ts';
import type { Metrics } from '../reporting/index.ts';
import { NO_SETTINGS, parseSettings, type Settings, WatchedFile } from '../settings/index.ts';
import type { WriteFence } from '../transport/index.ts';

/** What the operator asks outside its cluster, and the file that says how. */
export interface Services {
  readonly settings: Pick<WatchedFile<Settings>, 'current'>;
  /** Has one told when the file changes: whoever leads; undefined: nobody. It is read all the time. */
  readonly onSettings: (tell: ((now: Settings, before: Settings) => void) | undefined) => void;
  readonly signerService: SignerService;
  readonly registries: RegistryClients;
  readonly close: () => Promise<void>;
}

/** Reads the configuration file and makes the clients of registries and AWS; none of them asks anything yet. */
export async function createServices(options: {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly fence: WriteFence;
}): Promise<Services> {
  const { config, metrics, logger, fence } = options;
  const settings = new WatchedFile({
    path: config.configFile,
    fallback: NO_SETTINGS,
    parse: parseSettings,
    what: 'the configuration',
  });
  await settings.load();
  let tell: ((now: Settings, before: Settings) => void) | undefined;
  settings.start((now, before) => tell?.(now, before), logger);
  const aws: AwsOptions = {
    ...(config.stsEndpoint === undefined ? {} : { stsEndpoint: config.stsEndpoint }),
    requestTimeoutMs: config.requestTimeoutMs,
    onRequest: (request) => metrics.awsRequest(request.service, request.operation, request.result),
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
    metrics,
    logger,
    ecr,
    mirrors: () => settings.current().mirrors,
    fence,
  });

  return {
    settings,
    onSettings: (listener) => {
      tell = listener;
    },
    signerService,
    registries,
    close: async () => {
      settings.stop();
      signerService.close();
      ecr.close();
      await registries.close();
    },
  };
}
