import { type Config, ConfigError, parseConfig } from '../config.ts';
import { clusterOf, loadKubeConfig, ownNamespace } from '../kubernetes/index.ts';
import { SealwatchOperator } from '../operator.ts';
import { createLogger, Metrics } from '../reporting/index.ts';
import { openTracing, TracingError } from '../tracing/index.ts';
import { VERSION } from '../version.ts';
import { checkConfiguredFiles } from './operator-files.ts';

/** Exit codes: 0 done, 1 could not start or stop, 64 wrong usage (sysexits.h). */
const EXIT_FAILURE = 1;
const EXIT_USAGE = 64;

/** Runs the operator until a signal ends it. */
async function run(config: Config, env: NodeJS.ProcessEnv): Promise<number> {
  await checkConfiguredFiles(config);
  const kubeConfig = loadKubeConfig(env);
  const logger = createLogger(config.logLevel);
  const metrics = new Metrics();
  const tracing = await openTracing(config.tracing, {
    env,
    onProblem: (problem) => logger.warn({ problem }, 'traces are not told, or not all; nothing else is held up'),
    onSpans: (outcome, count) => metrics.spans(outcome, count),
  });
  process.on('unhandledRejection', (error) =>
    logger.error({ err: error }, 'a rejection was not handled; this is a bug, please report it'),
  );
  const leaseNamespace = config.leaseNamespace ?? (await ownNamespace(kubeConfig));
  const elected = leaseNamespace === undefined ? config : { ...config, leaseNamespace };
  const operator = new SealwatchOperator(elected, logger, kubeConfig, { metrics, tracing });
  const stop = async (): Promise<void> => {
    await operator.shutdown();
    await tracing.close();
  };
  const ended = Promise.withResolvers<number>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping');
      stop().then(
        () => ended.resolve(0),
        (error: unknown) => {
          logger.error({ err: error }, 'could not stop cleanly');
          ended.resolve(EXIT_FAILURE);
        },
      );
    });
  }
  // Which cluster this is about to write to is what a person must see first.
  logger.info(
    {
      version: VERSION,
      ...clusterOf(kubeConfig),
      tracing: tracing.isOn ? 'on' : 'off',
      watchNamespaces: config.watchNamespaces.length === 0 ? 'all' : config.watchNamespaces,
      signingGrants: config.configFile ?? 'none: nothing is signed with AWS Signer (--config)',
    },
    'sealwatch starts',
  );
  try {
    await operator.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return ended.promise;
}

/**
 * The operator, by its flags and environment (src/config.ts); ends with SIGTERM or SIGINT.
 * @param argv without node and script
 * @returns the exit code: 0 done, 1 could not start or stop, 64 wrong usage
 */
export async function operatorCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    const parsed = parseConfig(argv, env);
    switch (parsed.kind) {
      case 'help':
        process.stdout.write(parsed.text);
        return 0;
      case 'version':
        process.stdout.write(`${VERSION}\n`);
        return 0;
      case 'config':
        return await run(parsed.config, env);
    }
  } catch (error) {
    if (error instanceof ConfigError || error instanceof TracingError) {
      process.stderr.write(`sealwatch: ${error.message}\nRun with --help for every setting.\n`);
      return EXIT_USAGE;
    }
    process.stderr.write(`sealwatch: could not start: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_FAILURE;
  }
}
