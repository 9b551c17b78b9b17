import type { Logger } from 'pino';
import { type AwsOptions, ecrCredentials, SignerService } from '../aws/index.ts';
import type { Config } from '../config.ts';
import type { RegistryClients } from '../controllers/registry-access.ts';
import { createRegistryClients } from '../controllers/registry-clients.ts';
import type { Metrics } from '../reporting/index.ts';
import { NO_SETTINGS, parseSettings, type Settings, WatchedFile } from '../settings/index.ts';
import type { Observation } from './observation.ts';

/** What the operator asks outside its cluster, and the file that says how. */
export interface Services {
  readonly settings: WatchedFile<Settings>;
  readonly signerService: SignerService;
  readonly registries: RegistryClients;
  readonly close: () => Promise<void>;
}

/** Reads the configuration file and makes the clients of registries and AWS; none of them asks anything yet. */
export async function createServices(options: {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly observation: Observation;
  readonly logger: Logger;
}): Promise<Services> {
  const { config, metrics, observation, logger } = options;
  const settings = new WatchedFile({
    path: config.configFile,
    fallback: NO_SETTINGS,
    parse: parseSettings,
    what: 'the configuration',
  });
  await settings.load();
  const aws: AwsOptions = {
    ...(config.stsEndpoint === undefined ? {} : { stsEndpoint: config.stsEndpoint }),
    requestTimeoutMs: config.requestTimeoutMs,
    onRequest: observation.awsRequest,
  };
  const signerService = new SignerService({
    ...aws,
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
  });

  return {
    settings,
    signerService,
    registries,
    close: async () => {
      signerService.close();
      ecr.close();
      await registries.close();
    },
  };
}
