import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Condition } from '../../src/api/conditions.ts';
import type { ImageSignatureRequest, ImageSignatureRequestSpec } from '../../src/api/image-signature-request.ts';
import { type AwsEmulator, startAwsEmulator } from './aws-emulator/index.ts';
import type { ControlPlaneClient } from './control-plane-client.ts';
import { type OperatorProcess, startOperator } from './operator.ts';
import { type Chain, createChain } from './pki.ts';
import { waitFor } from './processes.ts';
import { type Registry, type RegistryKind, type RegistryOptions, startRegistry } from './registries.ts';

const REGION = 'us-west-2';
const POD_CONDITION = 'sealwatch.dev/ImagesTrusted';

export interface ScenarioOptions {
  /** One that runs already, such as one behind a proxy, or the kind of one to start. */
  readonly registry?: RegistryKind | Registry;
  /** The registry speaks TLS; default plain HTTP. */
  readonly isTls?: true;
  readonly basic?: NonNullable<RegistryOptions['basic']>;
  readonly deletion?: NonNullable<RegistryOptions['deletion']>;
  /** The operator watches the scenario's namespace alone: several on one control plane then tell nothing twice. */
  readonly isAlone?: false;
  /** More flags for the operator. */
  readonly args?: readonly string[];
  /** More variables for the operator, read at each start. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The operator speaks to the API server by this; default: one of its own ServiceAccount. */
  readonly kubeconfigPath?: string;
  /** A command that runs the operator, as OperatorOptions has it. */
  readonly within?: readonly string[];
  /** `signing.grants` of the operator; default: everything in the scenario's namespace. */
  readonly grants?: readonly object[];
}

/** A kubelet's word on a container that runs. */
export interface RunningImage {
  readonly image: string;
  readonly imageID: string;
}

/** An operator on the shared control plane, with a registry, an emulated AWS and a namespace of its own. */
export class Scenario {
  readonly plane: ControlPlaneClient;
  readonly registry: Registry;
  readonly aws: AwsEmulator;
  /** The one that runs now. */
  operator: OperatorProcess;
  /** A chain whose root is the trust store `ca:<id>`. */
  readonly chain: Chain;
  /** Name of the namespace, and of every cluster-scoped object of this scenario. */
  readonly id: string;
  readonly #folder: string;
  readonly #start: () => Promise<OperatorProcess>;

  constructor(
    parts: Pick<Scenario, 'plane' | 'registry' | 'aws' | 'operator' | 'chain' | 'id'> & {
      readonly folder: string;
      readonly start: () => Promise<OperatorProcess>;
    },
  ) {
    this.plane = parts.plane;
    this.registry = parts.registry;
    this.aws = parts.aws;
    this.operator = parts.operator;
    this.chain = parts.chain;
    this.id = parts.id;
    this.#folder = parts.folder;
    this.#start = parts.start;
  }

  /**
   * Ends the operator, and starts another with the same settings: it knows what the cluster knows, and no more.
   * @param meanwhile done while none runs
   */
  async restartOperator(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.operator.stop();
    await meanwhile();
    this.operator = await this.#start();
  }

  /** Replaces the operator's grants; it reads them again by itself. */
  writeGrants(grants: readonly object[]): Promise<void> {
    return this.writeSettings({ signing: { grants } });
  }

  /** Replaces the operator's configuration file; it reads it again by itself. */
  writeSettings(settings: object): Promise<void> {
    return writeFile(join(this.#folder, 'config.yaml'), JSON.stringify(settings));
  }

  /** The ARN of a profile of the emulator's account. */
  profileArn(name: string): string {
    return `arn:aws:signer:${REGION}:${this.aws.accountId}:/signing-profiles/${name}`;
  }

  /** Applies both trust stores and one policy over repositories of the scenario's registry. */
  async trust(statement: {
    readonly repositories: readonly string[];
    /** Scopes beside them, of other registries. */
    readonly scopes?: readonly string[];
    readonly identities?: readonly string[];
    readonly level?: object;
    /** Beside `ca:<id>` and `signingAuthority:<id>`. */
    readonly trustStores?: readonly string[];
  }): Promise<void> {
    const { id } = this;
    const store = (type: string, caBundle: string): object => ({
      ...this.#object('TrustStore', `${id}-${type.toLowerCase()}`),
      spec: { trustStoreName: id, type, caBundle },
    });
    const policy = {
      ...this.#object('TrustPolicy', id),
      spec: {
        version: '1.0',
        trustPolicies: [
          {
            name: 'images',
            registryScopes: [
              ...statement.repositories.map((repository) => `${this.registry.host}/${repository}`),
              ...(statement.scopes ?? []),
            ],
            signatureVerification: { level: 'strict', ...statement.level },
            trustStores: [`ca:${id}`, `signingAuthority:${id}`, ...(statement.trustStores ?? [])],
            trustedIdentities: statement.identities ?? [
              'x509.subject: C=US, ST=WA, O=Acme',
              this.profileArn(id.replaceAll('-', '_')),
            ],
          },
        ],
      },
    };
    await this.apply(store('ca', this.chain.rootPem), store('signingAuthority', this.aws.rootPem), policy);
    await this.plane.ok([
      'wait',
      '--for=condition=Ready',
      `tst/${id}-ca`,
      `tst/${id}-signingauthority`,
      `tp/${id}`,
      '--timeout=30s',
    ]);
  }

  apply(...objects: readonly object[]): Promise<void> {
    return this.plane.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  }

  /** Applies a request in the scenario's namespace. */
  request(
    name: string,
    spec: ImageSignatureRequestSpec,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    return this.apply({
      apiVersion: 'sealwatch.dev/v1alpha1',
      kind: 'ImageSignatureRequest',
      metadata: { name, namespace: this.id, annotations },
      spec,
    });
  }

  /** A Secret with the key of `chain`, for `sign.key`. */
  keySecret(name: string, chain: Chain = this.chain): Promise<void> {
    return this.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: this.id },
      stringData: { 'tls.crt': chain.pem, 'tls.key': chain.keyPem },
    });
  }

  getRequest(name: string): Promise<ImageSignatureRequest> {
    return this.plane.read<ImageSignatureRequest>(
      `/apis/sealwatch.dev/v1alpha1/namespaces/${this.id}/imagesignaturerequests/${name}`,
    );
  }

  /** Asks for a reconcile of a request, and waits until it is done. @param at any value that was not asked for before */
  async reconcileNow(name: string, at: string): Promise<ImageSignatureRequest> {
    const annotation = `sealwatch.dev/reconcile-requested-at=${at}`;
    await this.plane.ok(['annotate', '--overwrite', 'isr', name, '-n', this.id, annotation]);
    return waitFor(`${annotation} to be handled`, async () => {
      const request = await this.getRequest(name);
      return request.status?.lastHandledReconcileAt === at ? request : undefined;
    });
  }

  /** Waits until a condition of a request is as wanted, for its newest generation. */
  async waitForRequest(name: string, type: string, status: string, reason?: string): Promise<ImageSignatureRequest> {
    return waitFor(
      `isr/${name} to have ${type}=${status} ${reason ?? ''}`,
      async () => {
        const request = await this.getRequest(name);
        const condition = request.status?.conditions?.find((candidate) => candidate.type === type);
        const holds =
          condition?.status === status &&
          (reason === undefined || condition.reason === reason) &&
          condition.observedGeneration === request.metadata.generation;
        return holds ? request : undefined;
      },
      45_000,
    );
  }

  /** Creates a pod, and says of its containers what a kubelet would: there is none here. */
  async runPod(
    name: string,
    containers: Readonly<Record<string, RunningImage>>,
    spec: object = {},
    namespace = this.id,
  ): Promise<void> {
    const entries = Object.entries(containers);
    await this.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { ...spec, containers: entries.map(([container, { image }]) => ({ name: container, image })) },
    });
    await this.reportRunning(name, containers, namespace);
  }

  /** Says of a pod that is there what a kubelet would once its containers run. */
  async reportRunning(
    name: string,
    containers: Readonly<Record<string, RunningImage>>,
    namespace = this.id,
  ): Promise<void> {
    const entries = Object.entries(containers);
    const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };
    const status = {
      phase: 'Running',
      containerStatuses: entries.map(([container, { image, imageID }]) => ({
        name: container,
        image,
        imageID,
        ready: true,
        started: true,
        restartCount: 0,
        state: running,
      })),
    };
    await this.plane.ok([
      'patch',
      'pod',
      name,
      '-n',
      namespace,
      '--subresource=status',
      '-p',
      JSON.stringify({ status }),
    ]);
  }

  /** The condition of ours on a pod; undefined while there is none. */
  async podCondition(name: string): Promise<Condition | undefined> {
    const pod = await this.plane.read<{ readonly status: { readonly conditions?: readonly Condition[] } }>(
      `/api/v1/namespaces/${this.id}/pods/${name}`,
    );
    return pod.status.conditions?.find(({ type }) => type === POD_CONDITION);
  }

  waitForPod(name: string, status: string, reason: string, timeoutMs = 30_000): Promise<Condition> {
    return waitFor(
      `pod ${name} to have ${POD_CONDITION}=${status}, reason ${reason}`,
      async () => {
        const condition = await this.podCondition(name);
        return condition?.status === status && condition.reason === reason ? condition : undefined;
      },
      timeoutMs,
    );
  }

  /** The notes of events about an object, by their reason. */
  async eventNotes(kind: string, name: string, reason: string): Promise<readonly string[]> {
    const { items } = await this.plane.read<{
      readonly items: readonly {
        readonly reason: string;
        readonly note: string;
        readonly regarding: { readonly kind: string; readonly name: string };
      }[];
    }>(`/apis/events.k8s.io/v1/namespaces/${this.id}/events`);
    return items
      .filter((event) => event.reason === reason && event.regarding.kind === kind && event.regarding.name === name)
      .map((event) => event.note);
  }

  /** Deletes the requests, and waits until the operator has let them go. */
  async deleteRequests(): Promise<void> {
    await this.plane.kubectl(['delete', 'isr', '--all', '-n', this.id, '--timeout=20s', '--ignore-not-found']);
  }

  /** Stops what was started, and deletes what was created. */
  async stop(): Promise<void> {
    const { plane, id } = this;
    await this.deleteRequests();
    await this.operator.stop();
    const shared = [`tst/${id}-ca`, `tst/${id}-signingauthority`, `tp/${id}`];
    await Promise.all([
      plane.kubectl(['delete', ...shared, '--ignore-not-found']),
      plane.kubectl(['delete', 'pods', '--all', '-n', id, '--grace-period=0', '--force']),
      this.registry.stop(),
      this.aws.stop(),
    ]);
    await plane.kubectl(['delete', 'namespace', id, '--wait=false']);
    await rm(this.#folder, { recursive: true, force: true });
  }

  #object(kind: string, name: string): object {
    return { apiVersion: 'sealwatch.dev/v1alpha1', kind, metadata: { name } };
  }
}

/** Starts a scenario; what was started is stopped when a later part fails. */
export async function startScenario(
  plane: ControlPlaneClient,
  name: string,
  options: ScenarioOptions = {},
): Promise<Scenario> {
  const id = `${name}-${randomBytes(3).toString('hex')}`;
  const { registry: given = 'referrers', basic, deletion } = options;
  const started = {
    ...(basic === undefined ? {} : { basic }),
    ...(deletion === undefined ? {} : { deletion }),
  };
  const registry = typeof given === 'string' ? await startRegistry(given, started) : given;
  const aws = await startAwsEmulator({ region: REGION });
  aws.createProfile({ name: id.replaceAll('-', '_'), validity: { value: 12, type: 'MONTHS' } });
  const folder = await mkdtemp(join(tmpdir(), 'sealwatch-scenario-'));
  const grants = options.grants ?? [{ namespaces: [id], profileArns: ['*'], roleArns: ['*'], repositories: ['*'] }];
  await writeFile(join(folder, 'config.yaml'), JSON.stringify({ signing: { grants } }));
  try {
    await plane.ok(['create', 'namespace', id]);
    const kubeconfigPath = options.kubeconfigPath ?? (await plane.operatorKubeconfig());
    const start = (): Promise<OperatorProcess> =>
      startOperator({
        kubeconfigPath,
        ...(options.within === undefined ? {} : { within: options.within }),
        args: [
          '--config',
          join(folder, 'config.yaml'),
          ...(options.isTls === true ? [] : ['--plain-http-hosts', registry.host]),
          '--allow-addresses',
          '127.0.0.0/8',
          '--signer-endpoint',
          aws.endpoint,
          '--sts-endpoint',
          aws.endpoint,
          '--sweep-interval',
          '2s',
          '--trust-store-refresh',
          '2s',
          ...(options.isAlone === false ? ['--watch-namespaces', id] : []),
          ...(options.args ?? []),
        ],
        env: {
          AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
          ...options.env,
        },
      });
    const operator = await start();
    const chain = await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing' });
    return new Scenario({ plane, registry, aws, operator, chain, id, folder, start });
  } catch (error) {
    await registry.stop();
    await aws.stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
