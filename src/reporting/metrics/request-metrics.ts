import { BoundedValues, OTHER, outcomeInfo, outcomeLabel } from './bounded-values.ts';
import type { MetricSet } from './metric-set.ts';

/** Hosts that tenants choose, told one by one. */
const MAX_HOSTS = 100;
/** A registry may answer each operation with each status: so many sets are told with its name. */
const MAX_HOST_SETS = 2_000;
const OPERATIONS = { registry: 8, aws: 12, kubernetes: 6 } as const;
const KUBERNETES_RESOURCES = 16;

const HOSTS = {
  what: `the first ${MAX_HOSTS} hosts that are asked; later ones are \`${OTHER}\``,
  values: MAX_HOSTS + 1,
};
const SECONDS = 'with what it waits for on the wire; not what it waits for its turn';

/** A request that has ended, however it did. */
interface Ended {
  readonly durationMs: number;
}

/** The metrics of requests to others: by host, or service, and outcome. */
export class RequestMetrics {
  readonly #registries = new BoundedValues(MAX_HOSTS);
  readonly #registrySets = new BoundedValues(MAX_HOST_SETS);
  readonly #services = new BoundedValues(MAX_HOSTS);
  readonly #registry;
  readonly #registrySeconds;
  readonly #aws;
  readonly #awsSeconds;
  readonly #certificates;
  readonly #certificateSeconds;
  readonly #kubernetes;
  readonly #kubernetesSeconds;

  constructor(set: MetricSet) {
    const registryOperation = {
      what: 'manifest, blob, referrers, token, login, push-blob, push-manifest, delete-manifest',
      values: OPERATIONS.registry,
    };
    const registryOutcome = outcomeInfo(14, 'the status, `other status` for one without a meaning, or the fault');
    this.#registry = set.counter({
      name: 'sealwatch_registry_requests_total',
      help: 'Requests to registries and their token services, each attempt',
      labels: { registry: HOSTS, operation: registryOperation, outcome: registryOutcome },
      maxSets: MAX_HOST_SETS + registryOperation.values * registryOutcome.values,
    });
    this.#registrySeconds = set.histogram({
      name: 'sealwatch_registry_request_duration_seconds',
      help: `Time of one request to a registry, ${SECONDS}`,
      labels: { operation: registryOperation },
    });
    const service = { what: 'signer, ecr, ecr-public', values: 3 };
    const operation = { what: "AWS's own name", values: OPERATIONS.aws };
    this.#aws = set.counter({
      name: 'sealwatch_aws_requests_total',
      help: 'Calls to AWS, each with its retries',
      labels: { service, operation, outcome: { what: 'success, aborted, or the fault', values: 12 } },
    });
    this.#awsSeconds = set.histogram({
      name: 'sealwatch_aws_request_duration_seconds',
      help: 'Time of one call to AWS, with its retries',
      labels: { service, operation },
    });
    this.#certificates = set.counter({
      name: 'sealwatch_certificate_service_requests_total',
      help: 'Requests to OCSP responders, hosts of CRLs and time stamping authorities',
      labels: { host: HOSTS, outcome: { what: 'success, aborted, or the fault', values: 7 } },
    });
    this.#certificateSeconds = set.histogram({
      name: 'sealwatch_certificate_service_request_duration_seconds',
      help: 'Time of one such request',
    });
    const kubernetesOperation = { what: 'get, list, watch, create, patch, delete', values: OPERATIONS.kubernetes };
    this.#kubernetes = set.counter({
      name: 'sealwatch_kubernetes_requests_total',
      help: 'Requests to the Kubernetes API',
      labels: {
        operation: kubernetesOperation,
        resource: { what: 'the plural, with its subresource', values: KUBERNETES_RESOURCES },
        code: outcomeInfo(1, 'the status, `0` where no answer came, `other status` for one without a meaning'),
      },
    });
    this.#kubernetesSeconds = set.histogram({
      name: 'sealwatch_kubernetes_request_duration_seconds',
      help: 'Time of one request to the Kubernetes API; of a watch until its headers',
      labels: { operation: kubernetesOperation },
    });
  }

  registryRequest(
    request: { readonly registry: string; readonly operation: string; readonly outcome: string } & Ended,
  ): void {
    const { operation } = request;
    const outcome = outcomeLabel(request.outcome);
    const host = this.#registries.of(request.registry);
    const isTold = host === OTHER || this.#registrySets.of(`${host} ${operation} ${outcome}`) !== OTHER;
    this.#registry.inc({ registry: isTold ? host : OTHER, operation, outcome });
    this.#registrySeconds.observe({ operation }, request.durationMs / 1_000);
  }

  awsRequest({
    service,
    operation,
    result,
    durationMs,
  }: { readonly service: string; readonly operation: string; readonly result: string } & Ended): void {
    this.#aws.inc({ service, operation, outcome: result });
    this.#awsSeconds.observe({ service, operation }, durationMs / 1_000);
  }

  certificateServiceRequest({
    host,
    outcome,
    durationMs,
  }: { readonly host: string; readonly outcome: string } & Ended): void {
    this.#certificates.inc({ host: this.#services.of(host), outcome });
    this.#certificateSeconds.observe(durationMs / 1_000);
  }

  kubernetesRequest({
    operation,
    resource,
    status,
    durationMs,
  }: { readonly operation: string; readonly resource: string; readonly status: number } & Ended): void {
    const code = status === 0 ? '0' : outcomeLabel(String(status));
    this.#kubernetes.inc({ operation, resource, code });
    this.#kubernetesSeconds.observe({ operation }, durationMs / 1_000);
  }
}
