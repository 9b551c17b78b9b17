import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TRUST_POLICIES, TRUST_STORES } from '../../src/api/group.ts';
import type { KubernetesClient } from '../../src/kubernetes/index.ts';
import { type AwsEmulator, startAwsEmulator } from '../../test/support/aws-emulator/index.ts';
import type { ControlPlane } from '../../test/support/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../../test/support/fault-proxy.ts';
import { startOperator } from '../../test/support/operator.ts';
import { type Registry, startRegistry } from '../../test/support/registries.ts';
import { type TemporaryFolder, temporaryFolder } from '../../test/support/temporary-folder.ts';
import { builtOperator } from './build.ts';
import { etcdPutBytes } from './etcd-bytes.ts';
import { ImageSigner, REGISTRY_NAME, type Standing, type WorldImage, worldImage } from './images.ts';
import { administrator, type PlaneContent, startFilledPlane } from './plane.ts';
import type { NewObject } from './pods.ts';
import { WorldOperator } from './world-operator.ts';

/** One second: signatures of profiles that are valid for days then expire within a bench. */
const DAY_MS = 1_000;

export interface WorldOptions {
  /** Each of one container. */
  readonly pods: number;
  /** All signed, but for those that `standingOf` tells of; pods run them in turn. */
  readonly images: number;
  /** Default 20. */
  readonly namespaces?: number;
  /** Default: all are trusted. */
  readonly standingOf?: (image: WorldImage) => Standing;
  /** Puts a proxy before the registry, which counts. */
  readonly proxied?: boolean;
  /** The API server writes down every request that it answered. */
  readonly auditLog?: boolean;
  readonly say: (line: string) => void;
}

/** A cluster with pods that run signed images, their registry and AWS: all that the operator needs, but not itself. */
export class World {
  readonly plane: ControlPlane;
  readonly kubernetes: KubernetesClient;
  readonly aws: AwsEmulator;
  readonly signer: ImageSigner;
  readonly images: readonly WorldImage[];
  readonly pods: number;
  /** Undefined where the world is not proxied. */
  readonly proxy: FaultProxy | undefined;
  readonly #registry: Registry;
  readonly #folder: TemporaryFolder;

  constructor(
    parts: Pick<World, 'plane' | 'kubernetes' | 'aws' | 'signer' | 'images' | 'pods' | 'proxy'>,
    registry: Registry,
    folder: TemporaryFolder,
  ) {
    this.plane = parts.plane;
    this.kubernetes = parts.kubernetes;
    this.aws = parts.aws;
    this.signer = parts.signer;
    this.images = parts.images;
    this.pods = parts.pods;
    this.proxy = parts.proxy;
    this.#registry = registry;
    this.#folder = folder;
  }

  /** An image by its number, which may be one that nobody pushed yet. */
  imageOf(number: number): WorldImage {
    return worldImage(number, new Set(this.images.map(({ namespace }) => namespace)).size);
  }

  /** Starts the operator; it is not waited for. */
  async startOperator(
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<WorldOperator> {
    const { host } = this.proxy ?? this.#registry;
    const config = join(this.#folder.path, 'config.yaml');
    const registry = { mirrors: [{ prefix: REGISTRY_NAME, mirror: host }] };
    await writeFile(config, JSON.stringify({ registry }));
    const { entry, env: image } = await builtOperator();
    const kubeconfigPath = await this.plane.operatorKubeconfig();
    const startedAt = performance.now();
    const operator = await startOperator({
      kubeconfigPath,
      args: [
        // Its own ServiceAccount, and a Lease, as in a cluster.
        ...['--lease-namespace', 'sealwatch-system'],
        ...['--config', config, '--plain-http-hosts', host, '--allow-addresses', '127.0.0.0/8'],
        ...['--signer-endpoint', this.aws.endpoint, '--sts-endpoint', this.aws.endpoint],
        ...args,
      ],
      env: {
        AWS_ACCESS_KEY_ID: this.aws.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: this.aws.credentials.secretAccessKey,
        ...image,
        ...env,
      },
      entry,
      waitForReady: false,
    });
    return new WorldOperator(operator, startedAt);
  }

  /** Bytes that etcd was given so far. */
  etcdPutBytes(): Promise<number> {
    return etcdPutBytes(this.plane.etcdUrl);
  }

  async stop(): Promise<void> {
    await this.kubernetes.close();
    await this.proxy?.stop();
    await this.#registry.stop();
    await this.aws.stop();
    await this.plane.stop();
    await this.#folder.remove();
  }
}

/** Builds a world; the pods of one that was built before are copied. What was started is stopped when a later part fails. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { pods, images: count, namespaces = 20, standingOf = () => 'trusted', say } = options;
  const content: PlaneContent = { pods, images: count, namespaces };
  const plane = await startFilledPlane(content, { auditLog: options.auditLog === true, say });
  const undo: (() => Promise<void>)[] = [plane.stop];
  try {
    const folder = await temporaryFolder('world');
    undo.push(folder.remove);
    const aws = await startAwsEmulator({ dayMs: DAY_MS });
    undo.push(() => aws.stop());
    const registry = await startRegistry('referrers');
    undo.push(registry.stop);
    const signer = new ImageSigner(registry.host, aws);
    const images = Array.from({ length: count }, (_, i) => worldImage(i, namespaces));
    await signer.push(images, standingOf);
    const kubernetes = administrator(plane);
    undo.push(() => kubernetes.close());
    await trustSigner(kubernetes, aws.rootPem, signer.profileArns);
    const proxy = options.proxied === true ? await startFaultProxy(registry.host) : undefined;
    return new World({ plane, kubernetes, aws, signer, images, pods, proxy }, registry, folder);
  } catch (error) {
    for (const step of undo.toReversed()) await step();
    throw error;
  }
}

/** One strict policy over every image of the world. */
async function trustSigner(
  kubernetes: KubernetesClient,
  rootPem: string,
  trustedIdentities: readonly string[],
): Promise<void> {
  const apiVersion = 'sealwatch.dev/v1alpha1';
  const store: NewObject = {
    ...{ apiVersion, kind: 'TrustStore', metadata: { name: 'bench' } },
    spec: { type: 'signingAuthority', caBundle: rootPem },
  };
  const statement = {
    name: 'images',
    registryScopes: ['*'],
    signatureVerification: { level: 'strict' },
    trustStores: ['signingAuthority:bench'],
    trustedIdentities,
  };
  const policy: NewObject = {
    ...{ apiVersion, kind: 'TrustPolicy', metadata: { name: 'bench' } },
    spec: { version: '1.0', trustPolicies: [statement] },
  };
  await kubernetes.create(TRUST_STORES, store);
  await kubernetes.create(TRUST_POLICIES, policy);
}
