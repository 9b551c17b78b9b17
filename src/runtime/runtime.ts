import { hostname } from 'node:os';
import type { Logger } from 'pino';
import {
  IMAGE_SIGNATURE_REQUESTS,
  NAMESPACES,
  PODS,
  type ResourceType,
  TRUST_POLICIES,
  TRUST_STORES,
} from '../api/group.ts';
import type { KubernetesObject, ObjectKey } from '../api/object.ts';
import { createSignerPlugin } from '../aws/index.ts';
import type { Config } from '../config.ts';
import { createCertificateServices } from '../controllers/certificate-services.ts';
import { containerVerdict } from '../controllers/container-verdict.ts';
import type { ControllerContext } from '../controllers/context.ts';
import { ImageController } from '../controllers/image.ts';
import { ImageSignatureRequestController } from '../controllers/image-signature-request.ts';
import { PodController } from '../controllers/pod.ts';
import { PullCredentials } from '../controllers/pull-credentials.ts';
import { OPERATOR } from '../controllers/registry-clients.ts';
import { requestOfSweepUser } from '../controllers/request-names.ts';
import { TrustPolicyController } from '../controllers/trust-policy.ts';
import { TrustStoreController } from '../controllers/trust-store.ts';
import { WorkloadAlerts } from '../controllers/workload-alerts.ts';
import {
  EventRecorder,
  type KubernetesClient,
  type OnChange,
  OwnerResolver,
  type ReconcileResult,
  type StatusWriter,
  WorkQueue,
  type WorkQueueOptions,
} from '../kubernetes/index.ts';

import { createRevocationChecker, createTimestampVerifier, createVerificationCache } from '../notary/index.ts';
import { chainCredentials } from '../oci/index.ts';
import { imageFields, type LoggedImage, type LoggedObject, type Metrics } from '../reporting/index.ts';
import {
  affectedByPolicies,
  affectedByStores,
  createPolicySet,
  ImageVerifier,
  type IsAffected,
  type PolicySet,
  RevocationSweep,
  referenceOf,
  systemClock,
  TrustStoreSet,
  VerdictStore,
} from '../verification/index.ts';
import { USER_AGENT } from '../version.ts';
import { namespaceOfKey, WorkloadIndex } from '../workloads/index.ts';
import { imagesByPod, imagesOfPod, isImageAffected, isMovedBy, isRequestAffected, registryOf } from './images.ts';
import type { Observation } from './observation.ts';
import { isWorthAReconcile } from './projections.ts';
import { createReports } from './reports.ts';
import type { Services } from './services.ts';
import { firstPass, isSettled, settled, until } from './start-order.ts';
import { queueAll, type WatchedResources } from './watch.ts';

/** Counts in a TrustPolicy's status follow the verdicts this much later, so that a rollout is one write. */
const COUNTS_DELAY_MS = 1_000;
/** A status that another writer changed is put right this much later: two operators that disagree must not race. */
const FOREIGN_STATUS_DELAY_MS = 5_000;

export interface RuntimeOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly observation: Observation;
  readonly client: KubernetesClient;
  readonly status: StatusWriter;
  readonly services: Services;
  readonly watched: WatchedResources;
  /** Aborts when the term of leadership ends, or the process. */
  readonly signal: AbortSignal;
}

export interface Runtime {
  /**
   * Ends every reconcile, the timers and what is told of verdicts; a second time it does nothing more.
   * @param events `flush`: those that wait are written; `discard`: another replica leads and tells its own
   */
  readonly stop: (events: 'flush' | 'discard') => Promise<void>;
}

/**
 * Puts the parts together (design.md, "How data flows"): watch events fill indexes and queue keys; controllers read
 * the indexes; timers and the sweep queue keys again. It lives as long as this replica leads: the watches, and the clients
 * of registries and AWS, outlive it, and the next one begins with nothing but them.
 */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { config, logger, metrics, observation, client, status, services, watched } = options;
  const clock = systemClock;
  const events = new EventRecorder({ client, logger, instance: hostname() });
  const context: ControllerContext = { client, status, events, logger, clock };

  const { settings, signerService, registries, verdictCache } = services;

  const verdicts = new VerdictStore();
  const trustStores = new TrustStoreSet();
  const workloads = new WorkloadIndex();
  let policySet: PolicySet = createPolicySet([]);

  const sweep = new RevocationSweep({
    source: signerService,
    clock,
    intervalMs: config.sweepIntervalMs,
    concurrency: 4,
    onChange: (users) => {
      for (const user of users) {
        const request = requestOfSweepUser(user);
        if (request === undefined) imageQueue.add(user);
        else requestQueue.add(request);
      }
    },
    onChecked: (result) => metrics.revocationCheck(result),
    onLookup: (isHit) => metrics.cacheLookup('revocation-status', isHit),
  });
  const { checkChainRevocation, timestampRequester } = createCertificateServices(config, logger, {
    onRequest: observation.certificateServiceRequest,
    onLookup: (isHit) => metrics.cacheLookup('revocation-answer', isHit),
  });
  const cache = createVerificationCache();
  const verifier = new ImageVerifier({
    policies: () => policySet,
    findTrustStore: trustStores.find,
    plugins: [createSignerPlugin(sweep)],
    checkRevocation: createRevocationChecker(checkChainRevocation),
    verifyTimestamp: createTimestampVerifier({ checkChainRevocation, signedBy: cache.isSignedBy }),
    cache,
    clock,
    maxSignatures: config.maxSignatures,
    keptListMaxAgeMs: 2 * config.verifyIntervalMs,
    signatureCacheBytes: config.signatureCacheBytes,
    ...(verdictCache === undefined ? {} : { verdictCache }),
    onLookup: (cache, isHit) => metrics.cacheLookup(cache, isHit),
    around: (key, run) => observation.verification(key, run),
  });
  verdicts.onUpdate((key, verdict) => verifier.keep(key, verdict));

  const queue = (
    name: string,
    about: (key: string) => LoggedObject | LoggedImage,
    reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>,
    groups: Pick<WorkQueueOptions, 'laneOf' | 'tenantOf'> = {},
  ): WorkQueue =>
    new WorkQueue({
      ...groups,
      concurrency: config.concurrency,
      baseDelayMs: 500,
      maxDelayMs: 5 * 60_000,
      reconcile: (key, signal) => observation.reconcile(name, about(key), () => reconcile(key, signal)),
      onResult: (result) => observation.reconciled(name, about(result.key), result, options.signal.aborted),
    });

  const onlyWhatMatters = <T extends KubernetesObject>(to: () => WorkQueue, also?: () => void): OnChange<T> => {
    return (key, old, now) => {
      if (old !== undefined && old.metadata.uid !== now?.metadata.uid) status.forget(old);
      if (old !== undefined && now !== undefined && !isWorthAReconcile(old, now)) {
        if (!status.isAsWanted(now)) to().addAfter(key, FOREIGN_STATUS_DELAY_MS);
        return;
      }
      also?.();
      to().add(key);
    };
  };
  /** The counts in the status of the TrustPolicy that a statement (`policy/statement`) is of. */
  const countAnew = (statement: string | undefined): void => {
    if (statement === undefined) return;
    policyQueue.addAfter(statement.slice(0, statement.lastIndexOf('/')), COUNTS_DELAY_MS);
  };
  /** A verdict depends on its statement and the stores that this names; what they have in common with others stands. */
  const reevaluate = (isAffected: IsAffected, stores: ReadonlySet<string> = new Set()): void => {
    for (const key of workloads.images()) if (isImageAffected(key, isAffected)) imageQueue.add(key);
    for (const [key, request] of requests) if (isRequestAffected(request, isAffected, stores)) requestQueue.add(key);
    for (const key of policies.keys()) policyQueue.addAfter(key, COUNTS_DELAY_MS);
  };

  const [stores, policies] = [watched.stores.store, watched.policies.store];
  const [requests, pods] = [watched.requests.store, watched.pods.store];
  const namespaces = watched.namespaces.store;
  const listen = (): Promise<unknown> => {
    const { signal } = options;
    return Promise.all([
      watched.stores.listen(
        onlyWhatMatters(
          () => storeQueue,
          () => queueAll(stores, storeQueue),
        ),
        signal,
      ),
      watched.policies.listen(
        onlyWhatMatters(
          () => policyQueue,
          () => {
            // The index is not changed yet while it tells: read it once the handler is done.
            queueMicrotask(() => {
              const before = policySet;
              policySet = createPolicySet(policies.values(), before);
              queueAll(policies, policyQueue);
              reevaluate(affectedByPolicies(before, policySet));
            });
          },
        ),
        signal,
      ),
      watched.requests.listen(
        onlyWhatMatters(() => requestQueue),
        signal,
      ),
      reports?.listen(signal),
      watched.pods.listen((key, old, now) => {
        if (now !== undefined && old === undefined) alerts?.seen(key, now);
        const containersBefore = workloads.containersOfPod(key);
        const before = imagesOfPod(key, workloads);
        const { changedImages } = workloads.update(key, now);
        for (const image of changedImages) imageQueue.add(image);
        const after = imagesOfPod(key, workloads);
        if (before.join() !== after.join()) {
          for (const image of [...before, ...after]) countAnew(verdicts.get(image)?.statement);
        }
        reports?.podChanged(key, containersBefore, now === undefined ? undefined : workloads.containersOfPod(key));
        podQueue.add(key);
      }, signal),
    ]);
  };

  const storeController = new TrustStoreController({
    context,
    stores,
    inForce: trustStores,
    refreshMs: config.trustStoreRefreshMs,
    onChange: () => {
      const changed = trustStores.takeChanged();
      reevaluate(affectedByStores(policySet, changed), changed);
    },
  });
  const hasFirstPass = firstPass(watched.pods.reflectors, workloads, verdicts);
  const policyController = new TrustPolicyController({
    context,
    policies,
    policySet: () => policySet,
    trustStores,
    verdicts,
    imagesByPod: () => imagesByPod(pods, workloads),
    storesLoaded: () => watched.stores.reflectors.every(({ hasSynced }) => hasSynced) && storesSettled(),
    countsComplete: hasFirstPass,
  });
  const requestController = new ImageSignatureRequestController({
    context,
    requests,
    namespaceLabels: (name) => {
      const namespace = namespaces.get(name);
      return namespace === undefined ? undefined : (namespace.metadata.labels ?? {});
    },
    verifier,
    verdicts,
    sweep,
    registries,
    signerService,
    grants: () => settings.current().grants,
    signingAgent: USER_AGENT,
    findTrustStore: trustStores.find,
    timestampRequester,
    runningReferences: (key) => workloads.referencesOf(key),
    onReleased: (key) => imageQueue.add(key),
  });
  const pullCredentials = new PullCredentials({
    allowed: config.pullSecrets,
    kubernetes: client,
    podsOf: (key) => workloads.podsOf(key),
    pods,
  });
  const imageController = new ImageController({
    verifier,
    verdicts,
    sweep,
    clientOf: (key) =>
      config.pullSecrets === 'none'
        ? registries.operator
        : registries.withCredentials(
            chainCredentials(registries.operatorCredentials, pullCredentials.of(key)),
            undefined,
            OPERATOR,
          ),
    refusalHint: (key) => pullCredentials.hint(key),
    clock,
    verifyIntervalMs: config.verifyIntervalMs,
    runningReferences: (key) => workloads.referencesOf(key),
    isRunning: (key) => workloads.podsOf(key).length > 0,
    isRequested: (key) => requestController.requestsOf(key).length > 0,
    onForgotten: (key, verdict) => {
      pullCredentials.forget(key);
      countAnew(verdict?.statement);
      alerts?.imageForgotten(key);
    },
  });
  const owners = new OwnerResolver(client);
  const { webhook } = services;
  const alerts =
    webhook === undefined
      ? undefined
      : new WorkloadAlerts({
          send: (alert) => webhook.send(alert),
          owners,
          pods,
          podsOf: (image) => workloads.podsOf(image),
          isReady: () => watched.pods.reflectors.every(isSettled),
        });
  const reports = createReports(
    watched.reports,
    {
      context,
      pods,
      workloads,
      verdictOf: (container) => containerVerdict(container, verdicts, clock),
      owners,
      isComplete: hasFirstPass,
    },
    () => reportQueue,
  );
  const podController = new PodController({
    context,
    pods,
    workloads,
    verdicts,
    owners,
    metrics,
    ...(alerts === undefined ? {} : { alerts }),
  });

  const storeQueue = queue('trust-store', objectsOf(TRUST_STORES), (key, signal) =>
    storeController.reconcile(key, signal),
  );
  const policyQueue = queue('trust-policy', objectsOf(TRUST_POLICIES), (key) => policyController.reconcile(key));
  const requestQueue = queue(
    'image-signature-request',
    objectsOf(IMAGE_SIGNATURE_REQUESTS),
    (key, signal) => requestController.reconcile(key, signal),
    // Most requests name images of one registry.
    { laneOf: (key) => registryOf(requests.get(key)?.spec.images[0]), tenantOf: namespaceOfKey },
  );
  const imageQueue = queue('image', imageFields, (key, signal) => imageController.reconcile(key, signal), {
    laneOf: (key) => referenceOf(key).registry,
    tenantOf: (key) => workloads.namespaceOf(key),
  });
  const podQueue = queue('pod', objectsOf(PODS), (key, signal) => podController.reconcile(key, signal), {
    tenantOf: namespaceOfKey,
  });
  const reportQueue = queue('report', objectsOf(NAMESPACES), async (namespace, signal) =>
    reports === undefined ? {} : reports.controller.reconcile(namespace, signal),
  );
  const queues = {
    'trust-store': storeQueue,
    'trust-policy': policyQueue,
    'image-signature-request': requestQueue,
    image: imageQueue,
    pod: podQueue,
    ...(reports === undefined ? {} : { report: reportQueue }),
  };
  const storesSettled = (): boolean => storeQueue.depth === 0 && storeQueue.running === 0;

  verdicts.onChange((key, now, before) => {
    alerts?.verdictChanged(key, now, before);
    for (const pod of workloads.podsOf(key)) {
      podQueue.add(pod);
      reports?.touch(pod);
    }
    countAnew(now.statement);
    countAnew(before?.statement);
    observation.verdictChanged(key, now, before);
  });
  metrics.observe({
    queues: () =>
      Object.entries(queues).map(([name, { depth, running, delayed }]) => ({ queue: name, depth, running, delayed })),
    sweepLagMs: () => sweep.lagMs(),
    eventsDropped: () => events.dropped,
    reportResultsOmitted: () => reports?.controller.omitted ?? 0,
    verdicts: () => verdicts.entries(),
    trustStores: () => trustStores.certificates(),
  });

  services.onSettings((now, before) => {
    // What was listed at another place says nothing of this one.
    for (const key of workloads.images()) {
      if (!isMovedBy(key, before.mirrors, now.mirrors)) continue;
      verifier.forget(key);
      imageQueue.add(key);
    }
    queueAll(requests, requestQueue);
  });

  // Policies and stores come first: a verdict made without them would be told, and taken back a moment later.
  const begin = async (): Promise<void> => {
    const told = listen();
    storeQueue.start();
    await settled([...watched.stores.reflectors, ...watched.policies.reflectors], options.signal);
    // A store that cannot be read leaves its images Unknown. Without the policies every image would be covered by none,
    // and what is flagged would be told as well again: until they are known nothing is.
    const arePoliciesKnown = (): boolean => watched.policies.reflectors.every(({ hasSynced }) => hasSynced);
    if (!arePoliciesKnown() && !options.signal.aborted)
      logger.warn(
        { resource: TRUST_POLICIES.plural },
        'nothing is verified until trustpolicies can be listed: see what is said of that watch; what was flagged stays',
      );
    await until(() => arePoliciesKnown() || options.signal.aborted);
    await told;
    await until(() => storesSettled() || options.signal.aborted);
    policyQueue.start();
    imageQueue.start();
    podQueue.start();
    requestQueue.start();
    reportQueue.start();
  };
  const beginning = begin().catch((error: unknown) => {
    if (!options.signal.aborted) logger.error({ err: error }, 'the controllers could not be started');
  });

  const stop = async (waiting: 'flush' | 'discard'): Promise<void> => {
    await beginning;
    services.onSettings(undefined);
    await Promise.all(Object.values(queues).map((each) => each.stop()));
    alerts?.stop();
    await sweep.stop();
    if (waiting === 'flush') await events.flush(config.shutdownTimeoutMs);
    else await events.discard();
    metrics.standby();
  };
  let stopped: Promise<void> | undefined;
  return {
    stop: (waiting) => {
      stopped ??= stop(waiting);
      return stopped;
    },
  };
}

/** What a line about a key of a resource's queue says. */
function objectsOf({ plural }: ResourceType): (key: ObjectKey) => LoggedObject {
  return (key) => ({ resource: plural, object: key });
}
