import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import k8sOperator, { type ResourceEvent, type ResourceEventType, type ResourceMeta } from '@dot-i/k8s-operator';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import type { ResourceType } from './api/group.ts';
import type { KubernetesObject, ObjectKey } from './api/object.ts';
import type { Config } from './config.ts';
import {
  KubernetesClient,
  LeaderElector,
  LeaseFence,
  Reflector,
  type ReflectorState,
  StatusWriter,
} from './kubernetes/index.ts';
import { Metrics } from './reporting/index.ts';
import {
  createRuntime,
  createServices,
  Observation,
  type Runtime,
  type Services,
  type WatchOptions,
  watchResources,
} from './runtime/index.ts';
import { HttpServer } from './server/index.ts';
import { NO_TRACING, type Tracing } from './tracing/index.ts';
import { ALWAYS_OPEN } from './transport/index.ts';
import { USER_AGENT } from './version.ts';

// The package is CommonJS: its default export is a property of what Node imports.
const Operator = k8sOperator.default;

/**
 * The operator: the frame of @dot-i/k8s-operator (its life cycle, its event model), with what is unsafe in it
 * replaced, reason beside each. What it runs is put together in runtime/.
 */
export class SealwatchOperator extends Operator {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #observation: Observation;
  readonly #stopping = new AbortController();
  readonly #reflectors: {
    readonly resource: string;
    readonly reflector: Pick<Reflector<KubernetesObject>, 'state' | 'stats' | 'hasSynced'>;
    readonly isOptional: boolean;
  }[] = [];
  readonly #watches: Promise<void>[] = [];
  readonly #types = new Map<string, ResourceType>();
  readonly #client: KubernetesClient;
  readonly #status: StatusWriter;
  readonly #fence: LeaseFence | undefined;
  #services: Services | undefined;
  #election: { readonly elector: LeaderElector; readonly client: KubernetesClient } | undefined;
  /** While this replica leads. */
  #runtime: Runtime | undefined;
  #server: HttpServer | undefined;

  /** @param observed absent: metrics of its own, and no traces */
  constructor(
    config: Config,
    logger: Logger,
    kubeConfig?: KubeConfig,
    observed: { readonly metrics?: Metrics; readonly tracing?: Tracing } = {},
  ) {
    super({
      debug: (message) => logger.debug(message),
      info: (message) => logger.info(message),
      warn: (message) => logger.warn(message),
      error: (message) => logger.error(message),
    });
    if (kubeConfig !== undefined) this.kubeConfig = kubeConfig;
    this.#config = config;
    this.#logger = logger;
    const { metrics = new Metrics(), tracing = NO_TRACING } = observed;
    this.#metrics = metrics;
    this.#observation = new Observation({ metrics, tracing, logger });
    metrics.observeWatches(() =>
      this.#wanted.map(({ resource, reflector: { state, stats } }) => ({
        resource,
        phase: state.phase,
        ...stats,
      })),
    );
    this.#fence = config.leaseNamespace === undefined ? undefined : new LeaseFence();
    this.#client = this.#createClient(this.#fence);
    this.#status = new StatusWriter(this.#client);
  }

  /** The address that probes and metrics are served on; undefined before `start`. */
  get address(): { readonly host: string; readonly port: number } | undefined {
    return this.#server?.address;
  }

  /** Called once by `start` of the frame: serves probes, wires the controllers, and starts every watch. */
  protected override async init(): Promise<void> {
    this.#server = await HttpServer.listen({
      ...this.#config.listenAddress,
      metrics: this.#metrics,
      ready: () => this.#readiness(),
      logger: this.#logger,
    });
    this.#logger.info({ address: this.#server.address }, 'probes and metrics are served');
    const services = await createServices({
      config: this.#config,
      metrics: this.#metrics,
      observation: this.#observation,
      logger: this.#logger,
      fence: this.#fence ?? ALWAYS_OPEN,
    });
    this.#services = services;
    const watched = watchResources(
      (type, options) => this.watch(type, options),
      this.#config.watchNamespaces,
      this.#config.reports,
    );
    const lead = (term: AbortSignal): void => {
      if (this.#stopping.signal.aborted) return;
      this.#metrics.leads(true);
      this.#runtime = createRuntime({
        config: this.#config,
        logger: this.#logger,
        metrics: this.#metrics,
        observation: this.#observation,
        client: this.#client,
        status: this.#status,
        services,
        watched,
        signal: AbortSignal.any([term, this.#stopping.signal]),
      });
    };
    if (this.#fence === undefined) {
      this.#logger.info('no leader election: this process takes itself for the only one (--lease-namespace)');
      lead(this.#stopping.signal);
    } else this.#elect(this.#fence, this.#config.leaseNamespace ?? '', lead);
  }

  /**
   * Ends the watches, lets every reconcile under way end, writes the events that wait, gives the lease back, and closes
   * the server.
   */
  async shutdown(): Promise<void> {
    this.stop();
    this.#stopping.abort(new Error('the operator stops'));
    await this.#runtime?.stop('flush');
    // Only now may another replica take over.
    await this.#election?.elector.stop();
    await this.#election?.client.close();
    await this.#services?.close();
    await Promise.all(this.#watches);
    await this.#server?.close();
    // Its connection for watches would keep the process alive.
    await this.#client.close();
    this.#logger.info('stopped');
  }

  /** Starts a reflector: the way our own controllers watch. */
  watch<T extends KubernetesObject>(type: ResourceType, options: WatchOptions<T>): Reflector<T> {
    const isOptional = options.isOptional === true;
    const reflector = new Reflector<T>({
      client: this.#client,
      type,
      ...options,
      logger: this.#logger,
      onState: (state) => this.#told(type, state, isOptional),
    });
    this.#types.set(`${type.plural}.${type.group === '' ? type.version : `${type.group}/${type.version}`}`, type);
    this.#reflectors.push({ resource: type.plural, reflector, isOptional });
    this.#watches.push(reflector.start(this.#stopping.signal));
    return reflector;
  }

  /**
   * Replaces the frame's watch: that one ends the process on any error, throws on ERROR events, and never lists again,
   * so that deletions during an interruption are lost.
   */
  protected override async watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: (event: ResourceEvent) => Promise<void>,
    namespace?: string,
  ): Promise<void> {
    const type: ResourceType = { group, version, plural, kind: '', namespaced: true };
    const apiVersion = group === '' ? version : `${group}/${version}`;
    this.watch(type, {
      ...(namespace === undefined ? {} : { namespace }),
      project: (raw) => ({ ...raw, apiVersion: raw.apiVersion ?? apiVersion }),
      onChange: (key, old, now) => {
        const object = now ?? old;
        if (object === undefined) return;
        const event = eventOf(`${plural}.${apiVersion}`, object, typeOf(old, now));
        onEvent(event).catch((error: unknown) =>
          this.#logger.error({ err: error, resource: plural, object: key }, 'an event handler failed'),
        );
      },
    });
  }

  /** Replaces the frame's status requests, which swallow errors and do not compare before they write. */
  protected override async setResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    return this.patchResourceStatus(meta, status);
  }

  /** Throws ApiError where the frame's own would log and return null. */
  protected override async patchResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    const patched = await this.#client.patch<KubernetesObject>(this.#typeOf(meta), keyOfMeta(meta), {
      subresource: 'status',
      contentType: 'application/merge-patch+json',
      body: { metadata: { resourceVersion: meta.resourceVersion }, status },
    });
    return { ...meta, resourceVersion: patched.metadata.resourceVersion };
  }

  /** Throws ApiError where the frame's own would log it and report success: a finalizer that was not removed stays. */
  protected override async setResourceFinalizers(meta: ResourceMeta, finalizers: string[]): Promise<void> {
    await this.#client.patch(this.#typeOf(meta), keyOfMeta(meta), {
      contentType: 'application/merge-patch+json',
      body: { metadata: { resourceVersion: meta.resourceVersion, finalizers } },
    });
  }

  #createClient(fence?: LeaseFence): KubernetesClient {
    return new KubernetesClient(this.kubeConfig, {
      userAgent: USER_AGENT,
      onRequest: this.#observation.kubernetesRequest,
      ...(fence === undefined ? {} : { fence }),
    });
  }

  #elect(fence: LeaseFence, namespace: string, lead: (term: AbortSignal) => void): void {
    const client = this.#createClient();
    const elector = new LeaderElector({
      client,
      fence,
      namespace,
      name: this.#config.leaseName,
      identity: `${hostname()}_${randomUUID()}`,
      logger: this.#logger,
      onLeading: lead,
      onLost: async () => {
        this.#metrics.leads(false);
        const runtime = this.#runtime;
        this.#runtime = undefined;
        await runtime?.stop('discard');
      },
    });
    this.#metrics.leads(false);
    this.#election = { elector, client };
    elector.start();
  }

  #typeOf(meta: ResourceMeta): ResourceType {
    const type = this.#types.get(meta.id);
    if (type === undefined) throw new Error(`resource ${meta.id} is not watched`);
    return type;
  }

  /** What a cluster need not serve, and does not, is nobody's concern. */
  get #wanted() {
    return this.#reflectors.filter(({ isOptional, reflector: { state } }) => !isOptional || state.phase !== 'Waiting');
  }

  #told(type: ResourceType, state: ReflectorState, isOptional: boolean): void {
    const fields = { resource: type.plural, phase: state.phase };
    if (state.phase === 'Degraded' || (state.phase === 'Waiting' && !isOptional))
      this.#logger.warn(fields, state.message ?? 'the watch is interrupted');
    else this.#logger.debug(fields, 'watch');
  }

  /** Ready once everything that may be watched was listed; a resource that may not be is said, and does not hold up the rest. */
  #readiness(): { readonly ready: boolean; readonly message: string } {
    if (this.#runtime === undefined && this.#election === undefined) return { ready: false, message: 'starting' };
    const lines = this.#wanted.map(({ resource, reflector }) => `${resource}: ${reflector.state.phase}`);
    const waiting = this.#wanted.some(
      ({ reflector: { hasSynced, state } }) => !hasSynced && state.phase !== 'Degraded' && state.phase !== 'Waiting',
    );
    return { ready: !waiting, message: [...this.#role(), ...lines].join('\n') };
  }

  #role(): readonly string[] {
    if (this.#election === undefined) return [];
    if (this.#runtime !== undefined) return ['leader'];
    const { holder } = this.#election.elector;
    return [holder === '' ? 'standby: nobody leads yet' : `standby: ${holder} leads`];
  }
}

function eventOf(id: string, object: KubernetesObject, type: `${ResourceEventType}`): ResourceEvent {
  const { name, namespace, resourceVersion } = object.metadata;
  return {
    type: type as ResourceEventType,
    object: object as unknown as ResourceEvent['object'],
    meta: {
      id,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      resourceVersion,
      apiVersion: object.apiVersion ?? '',
      kind: object.kind ?? '',
    },
  };
}

function typeOf(old: unknown, now: unknown): `${ResourceEventType}` {
  if (now === undefined) return 'DELETED';
  return old === undefined ? 'ADDED' : 'MODIFIED';
}

function keyOfMeta(meta: ResourceMeta): ObjectKey {
  return meta.namespace === undefined ? meta.name : `${meta.namespace}/${meta.name}`;
}
