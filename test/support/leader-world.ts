import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { PODS } from '../../src/api/group.ts';
import { KubernetesClient, type LeaseSpec } from '../../src/kubernetes/index.ts';
import { type ApiProxy, startApiProxy } from './api-proxy.ts';
import type { ApiRequest } from './api-request.ts';
import type { ControlPlaneClient } from './control-plane-client.ts';
import { type CutLink, startCutLink } from './cut-link.ts';
import { type OperatorProcess, startOperator } from './operator.ts';
import { waitFor } from './processes.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const STEPPED_CLOCK = join(import.meta.dirname, 'stepped-clock.ts');
const STOP_WITHIN = join(import.meta.dirname, 'stop-within.ts');
const CONDITION = 'sealwatch.dev/ImagesTrusted';
/** Where the manifests of config/rbac have the operator and its Lease. */
const OPERATORS = 'sealwatch-system';
const RBAC = join(import.meta.dirname, '../../config/rbac');
const PODS_RUN = 8;
/** A pod's condition is spoilt this often: then whoever leads has always something to write. */
const SPOIL_MS = 25;

/** One replica of the operator, with a way of its own to the API server. */
export class Replica {
  readonly name: string;
  readonly proxy: ApiProxy;
  readonly link: CutLink;
  operator: OperatorProcess;
  readonly #start: () => Promise<OperatorProcess>;
  readonly #folder: TemporaryFolder;

  constructor(
    parts: Pick<Replica, 'name' | 'proxy' | 'link' | 'operator'> & {
      readonly start: () => Promise<OperatorProcess>;
      readonly folder: TemporaryFolder;
    },
  ) {
    this.name = parts.name;
    this.proxy = parts.proxy;
    this.link = parts.link;
    this.operator = parts.operator;
    this.#start = parts.start;
    this.#folder = parts.folder;
  }

  /** What it wrote but the Lease, as it came to the API server. */
  get writes(): readonly ApiRequest[] {
    return this.proxy.requests.filter(({ verb, resource }) => isWrite(verb) && resource !== 'leases');
  }

  /** The Lease as it wrote it, where the API server took it. */
  get leaseWrites(): readonly { readonly at: number; readonly spec: LeaseSpec }[] {
    return this.proxy.requests
      .filter(
        ({ verb, resource, status }) => isWrite(verb) && resource === 'leases' && (status === 200 || status === 201),
      )
      .map(({ at, body }) => ({ at, spec: (JSON.parse(body) as { readonly spec: LeaseSpec }).spec }));
  }

  async leads(): Promise<boolean> {
    return (await this.operator.metric('sealwatch_leader ')) === 1;
  }

  /** Steps the wall clock that it reads, from the real one. */
  stepClock(ms: number): Promise<void> {
    return writeFile(join(this.#folder.path, 'step'), String(ms));
  }

  /** Stops it in the middle of a request, mostly a write. */
  async stopWithin(): Promise<void> {
    const file = join(this.#folder.path, 'stop');
    await writeFile(file, '');
    await waitFor('it to stop within a request', () => !existsSync(file), 10_000, 5);
  }

  async restart(): Promise<void> {
    this.operator = await this.#start();
  }

  async stop(): Promise<void> {
    this.operator.process.signal('SIGCONT');
    await this.operator.stop();
    await this.link.stop();
    await this.proxy.stop();
    await this.#folder.remove();
  }
}

function isWrite(verb: string): boolean {
  return verb === 'create' || verb === 'patch' || verb === 'delete' || verb === 'other';
}

/** Two replicas, and pods that always give whoever leads something to write. */
export class LeaderWorld {
  readonly id: string;
  readonly replicas: readonly [Replica, Replica];
  /** Past both ways. */
  readonly direct: KubernetesClient;
  readonly #plane: ControlPlaneClient;
  #spoiling: Promise<void> = Promise.resolve();
  #isSpoiling = false;

  constructor(plane: ControlPlaneClient, id: string, replicas: readonly [Replica, Replica]) {
    this.#plane = plane;
    this.id = id;
    this.replicas = replicas;
    this.direct = directClient(plane);
  }

  /** Brings both replicas up. @returns who leads, and who stands by */
  async settled(): Promise<{ readonly leader: Replica; readonly standby: Replica }> {
    const [a, b] = this.replicas;
    for (const replica of this.replicas) {
      replica.link.mend();
      replica.proxy.heal();
      if (replica.operator.process.hasExited) await replica.restart();
    }
    const pair = await waitFor(
      'one replica to lead, and the other to be ready',
      async () => {
        const [isA, isB] = [await a.leads(), await b.leads()];
        if (isA === isB) return undefined;
        const found = isA ? { leader: a, standby: b } : { leader: b, standby: a };
        return (await found.standby.operator.fetch('/readyz')).status === 200 ? found : undefined;
      },
      40_000,
    );
    return pair;
  }

  /** Takes the word of the leader from one pod after the other, until `quiet`: it writes it again each time. */
  spoil(): void {
    this.#isSpoiling = true;
    this.#spoiling = (async () => {
      for (let i = 0; this.#isSpoiling; i += 1) {
        const conditions = [{ type: CONDITION, status: 'Unknown', reason: 'Spoilt', message: String(i) }];
        await this.direct.patch(PODS, `${this.id}/pod-${i % PODS_RUN}`, {
          subresource: 'status',
          contentType: 'application/strategic-merge-patch+json',
          body: { status: { conditions } },
        });
        await new Promise((resolve) => setTimeout(resolve, SPOIL_MS));
      }
    })();
  }

  async quiet(): Promise<void> {
    this.#isSpoiling = false;
    await this.#spoiling;
  }

  /** Forgets what passed so far. */
  forget(): void {
    for (const { proxy } of this.replicas) proxy.requests.length = 0;
  }

  /** Waits until a replica holds the Lease, and has written under it. @returns when it took it, by performance.now() */
  async takenOver(replica: Replica, timeoutMs: number): Promise<number> {
    const write = await waitFor(
      `replica ${replica.name} to take over`,
      () => replica.leaseWrites.find(({ spec }) => spec.acquireTime !== undefined && spec.holderIdentity !== ''),
      timeoutMs,
      10,
    );
    await waitFor('the new leader to write', () => replica.writes.length > 0, 10_000, 10);
    return write.at;
  }

  async stop(): Promise<void> {
    await this.quiet();
    for (const replica of this.replicas) await replica.stop();
    await this.direct.close();
    await this.#plane.kubectl(['delete', 'namespace', this.id, '--wait=false']);
  }
}

function directClient(plane: ControlPlaneClient): KubernetesClient {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(plane.kubeconfigPath);
  return new KubernetesClient(kubeConfig, { userAgent: 'sealwatch-test' });
}

async function startReplica(plane: ControlPlaneClient, name: string, namespace: string): Promise<Replica> {
  const folder = await temporaryFolder('replica');
  const proxy = await startApiProxy(plane.address, { token: await plane.tokenFor(OPERATORS, 'sealwatch') });
  const link = await startCutLink(proxy.relay.port);
  const kubeconfigPath = join(folder.path, 'kubeconfig');
  const text = await readFile(proxy.kubeconfigPath, 'utf8');
  await writeFile(kubeconfigPath, text.replace(`127.0.0.1:${proxy.relay.port}`, `127.0.0.1:${link.port}`));
  await writeFile(join(folder.path, 'step'), '0');
  const start = (): Promise<OperatorProcess> =>
    startOperator({
      kubeconfigPath,
      args: ['--lease-namespace', OPERATORS, '--watch-namespaces', namespace],
      env: {
        NODE_OPTIONS: `--import=${STEPPED_CLOCK} --import=${STOP_WITHIN}`,
        STEPPED_CLOCK_FILE: join(folder.path, 'step'),
        STOP_WITHIN_FILE: join(folder.path, 'stop'),
      },
    });
  return new Replica({ name, proxy, link, operator: await start(), start, folder });
}

/**
 * Starts both replicas, with the rights of config/rbac and no more; the control plane is theirs alone. Their pods run images whose digest nobody can tell, so that each is
 * flagged without a registry.
 */
export async function startLeaderWorld(plane: ControlPlaneClient): Promise<LeaderWorld> {
  const id = `leader-${randomBytes(3).toString('hex')}`;
  await plane.ok(['create', 'namespace', OPERATORS]);
  await plane.ok(['apply', '-k', RBAC]);
  await plane.ok(['create', 'namespace', id]);
  const world = new LeaderWorld(plane, id, [await startReplica(plane, 'a', id), await startReplica(plane, 'b', id)]);
  const pod = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: id },
    spec: { containers: [{ name: 'app', image: 'registry.invalid/app:1' }] },
  });
  const names = Array.from({ length: PODS_RUN }, (_, i) => `pod-${i}`);
  await plane.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: names.map(pod) }));
  const status = {
    phase: 'Running',
    containerStatuses: [
      {
        name: 'app',
        image: 'registry.invalid/app:1',
        imageID: 'sha256:of-no-repository',
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
      },
    ],
  };
  for (const name of names) {
    const body = { subresource: 'status', contentType: 'application/merge-patch+json', body: { status } } as const;
    await world.direct.patch(PODS, `${id}/${name}`, body);
  }
  return world;
}
