import type { Logger } from 'pino';
import type { ImageVerdict } from '../api/image-verdict.ts';
import { BAD_VERDICTS } from '../api/verdict.ts';
import type { AwsRequestEvent } from '../aws/index.ts';
import type { KubernetesClientOptions, ReconcileResult, WorkResult } from '../kubernetes/index.ts';
import type { RegistrySessionOptions } from '../oci/index.ts';
import type { HttpFetchOptions } from '../pki/index.ts';
import { imageFields, type LoggedImage, type LoggedObject, type Metrics } from '../reporting/index.ts';
import type { Tracing } from '../tracing/index.ts';
import { NotLeaderError } from '../transport/index.ts';
import type { ImageEvaluation, ImageKey } from '../verification/index.ts';

type HookOf<T extends { readonly onRequest?: unknown }> = NonNullable<T['onRequest']>;

export interface ObservationOptions {
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly logger: Logger;
}

/** Kubernetes requests that are told as spans: reads come by the thousand, and say little. */
const WRITES: ReadonlySet<string> = new Set(['create', 'patch', 'delete']);
/** Written in the background, after the reconcile that they are of. */
const EVENTS = 'events';
/** Renewed every few seconds, for ever. */
const LEASES = 'leases';

/** Tells what is done to metrics, to traces and, at the levels debug and trace, to the log. */
export class Observation {
  readonly #options: ObservationOptions;

  constructor(options: ObservationOptions) {
    this.#options = options;
  }

  readonly registryRequest: HookOf<RegistrySessionOptions> = (request) => {
    const { metrics, tracing, logger } = this.#options;
    const { registry, operation, outcome, durationMs } = request;
    metrics.registryRequest(request);
    const status = statusOf(outcome);
    tracing.exchange({
      name: `registry ${operation}`,
      attributes: {
        'server.address': registry,
        'http.response.status_code': status,
        'sealwatch.operation': operation,
      },
      durationMs,
      ...(status !== undefined && status < 400 ? {} : { error: outcome }),
    });
    logger.trace({ registry, operation, outcome, durationMs }, 'registry request');
  };

  readonly awsRequest = (request: AwsRequestEvent): void => {
    const { metrics, tracing, logger } = this.#options;
    const { service, operation, region, result: outcome, durationMs } = request;
    metrics.awsRequest(request);
    tracing.exchange({
      name: `aws ${service} ${operation}`,
      attributes: { 'rpc.system': 'aws-api', 'rpc.service': service, 'rpc.method': operation, 'cloud.region': region },
      durationMs,
      ...(outcome === 'success' ? {} : { error: outcome }),
    });
    logger.trace({ service, operation, region, outcome, durationMs }, 'AWS request');
  };

  readonly certificateServiceRequest: HookOf<HttpFetchOptions> = (request) => {
    const { metrics, tracing, logger } = this.#options;
    const { host, outcome, durationMs } = request;
    metrics.certificateServiceRequest(request);
    tracing.exchange({
      name: 'certificate service request',
      attributes: { 'server.address': host },
      durationMs,
      ...(outcome === 'success' ? {} : { error: outcome }),
    });
    logger.trace({ host, outcome, durationMs }, 'certificate service request');
  };

  readonly kubernetesRequest: HookOf<KubernetesClientOptions> = (request) => {
    const { metrics, tracing, logger } = this.#options;
    const { operation, resource, status, durationMs } = request;
    metrics.kubernetesRequest(request);
    if (WRITES.has(operation) && resource !== LEASES) {
      tracing.exchange({
        name: `kubernetes ${operation} ${resource}`,
        ...(resource === EVENTS ? { isRoot: true } : {}),
        attributes: { 'http.response.status_code': status === 0 ? undefined : status, 'sealwatch.resource': resource },
        durationMs,
        ...(status >= 200 && status < 300 ? {} : { error: status === 0 ? 'no answer' : String(status) }),
      });
    }
    logger.trace({ operation, resource, status, durationMs }, 'Kubernetes request');
  };

  /** Runs one reconcile as the root of a trace. */
  reconcile(
    controller: string,
    about: LoggedObject | LoggedImage,
    run: () => Promise<ReconcileResult>,
  ): Promise<ReconcileResult> {
    return this.#options.tracing.span(
      {
        name: `reconcile ${controller}`,
        attributes: { 'sealwatch.controller': controller, ...attributesOf(about) },
        isRoot: true,
      },
      run,
    );
  }

  /** @param isStopping then a failure is of the stop, and not told */
  reconciled(
    controller: string,
    about: LoggedObject | LoggedImage,
    { error, waitedMs, durationMs, retryAfterMs }: WorkResult,
    isStopping: boolean,
  ): void {
    const { metrics, logger } = this.#options;
    metrics.reconciled(controller, error === undefined ? 'success' : 'error', { waitedMs, durationMs });
    const fields = { controller, ...about, waitedMs, durationMs };
    if (error === undefined) logger.debug(fields, 'reconciled');
    else if (!isStopping && !(error instanceof NotLeaderError))
      logger.error({ err: error, ...fields, retryAfterMs }, 'reconcile failed; it is tried again');
  }

  /** Runs the verification of one image. */
  verification(key: ImageKey, run: () => Promise<ImageEvaluation>): Promise<ImageEvaluation> {
    const { metrics, tracing } = this.#options;
    return tracing.span({ name: 'verify', attributes: attributesOf(imageFields(key)) }, async (note) => {
      const started = performance.now();
      const evaluation = await run();
      metrics.verified(evaluation.verdict, performance.now() - started);
      note({
        'sealwatch.verdict': evaluation.verdict,
        'sealwatch.reason': evaluation.cause?.reason,
        'sealwatch.signatures': evaluation.signatures.length,
      });
      return evaluation;
    });
  }

  /** A verdict that flags, and one that takes a flag back, is news; that thousands are Trusted is not. */
  verdictChanged(key: ImageKey, now: ImageVerdict, before: ImageVerdict | undefined): void {
    const { logger } = this.#options;
    const isNews = BAD_VERDICTS.has(now.verdict) || (before !== undefined && BAD_VERDICTS.has(before.verdict));
    const { verdict, cause, statement } = now;
    const fields = { ...imageFields(key), verdict, reason: cause?.reason, before: before?.verdict, statement };
    if (isNews) logger.info(fields, 'the verdict on an image changed');
    else logger.debug(fields, 'the verdict on an image changed');
  }
}

function attributesOf(about: LoggedObject | LoggedImage): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(about).map(([field, value]) => [`sealwatch.${field}`, value]));
}

function statusOf(outcome: string): number | undefined {
  return /^\d{3}$/.test(outcome) ? Number(outcome) : undefined;
}
