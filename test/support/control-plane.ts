import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureTool } from '../../hack/tools/ensure.ts';
import { type ControlPlaneAddress, ControlPlaneClient } from './control-plane-client.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { freePort } from './ports.ts';
import { ManagedProcess, type ProcessOptions, waitFor } from './processes.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

export { type ControlPlaneAddress, ControlPlaneClient } from './control-plane-client.ts';
export type { CommandResult } from './kubectl.ts';

const START_ATTEMPTS = 3;
const START_MS = 90_000;
const STOP_MS = 5_000;
/** In the folder of a control plane. */
const ETCD_DATA = 'etcd';
/** What makes Pods of Deployments, clears away what is deleted, and fills `view` and `edit`; no more is used. */
const CONTROLLERS = [
  'deployment-controller',
  'replicaset-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'clusterrole-aggregation-controller',
];

export interface ControlPlaneOptions {
  /** Deployments then make ReplicaSets and Pods, and garbage is collected. */
  readonly controllerManager?: boolean;
  /** Writes an audit log at level Metadata. */
  readonly auditLog?: boolean;
  /** A folder that `keepData` of another control plane wrote: this one starts with a copy of it. */
  readonly etcdData?: string;
}

export interface ControlPlane extends ControlPlaneClient {
  /** How long it took until it was ready, its tools at hand, in milliseconds. */
  readonly startMs: number;
  /** Keeps what etcd has now; what is returned puts etcd back to it, under a fresh API server (faults.md 14). */
  readonly saveState: () => Promise<() => Promise<void>>;
  /** Where etcd answers to clients and tells its metrics. */
  readonly etcdUrl: string;
  /** Stops it, and leaves what etcd holds in a folder for later ones. */
  readonly keepData: (folder: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

class RunningControlPlane extends ControlPlaneClient implements ControlPlane {
  readonly startMs: number;
  readonly etcdUrl: string;
  readonly #folder: TemporaryFolder;
  readonly #processes: readonly RestartableProcess[];

  constructor(
    address: ControlPlaneAddress,
    folder: TemporaryFolder,
    processes: readonly RestartableProcess[],
    started: Pick<ControlPlane, 'startMs' | 'etcdUrl'>,
  ) {
    super(address);
    this.#folder = folder;
    this.#processes = processes;
    this.startMs = started.startMs;
    this.etcdUrl = started.etcdUrl;
  }

  readonly saveState = async (): Promise<() => Promise<void>> => {
    const [etcd, apiserver] = this.#processes;
    if (etcd === undefined || apiserver === undefined) throw new Error('the control plane runs etcd and an API server');
    const [data, saved] = [join(this.#folder.path, ETCD_DATA), join(this.#folder.path, 'etcd-saved')];
    // Its files are whole while it does not run; the API server waits for it meanwhile.
    await etcd.stop(STOP_MS);
    await cp(data, saved, { recursive: true });
    etcd.start();
    await this.#waitUntilReady();
    return async () => {
      await apiserver.stop(STOP_MS);
      await etcd.stop(STOP_MS);
      await rm(data, { recursive: true });
      await cp(saved, data, { recursive: true });
      etcd.start();
      apiserver.start();
      await this.#waitUntilReady();
    };
  };

  async #waitUntilReady(): Promise<void> {
    await waitFor(
      'the API server to be ready again',
      async () => (await this.kubectl(['get', '--raw', '/readyz'])).stdout.trim() === 'ok',
      START_MS,
      100,
    );
  }

  readonly keepData = async (folder: string): Promise<void> => {
    await stopProcesses(this.#processes);
    await mkdir(dirname(folder), { recursive: true });
    await cp(join(this.#folder.path, ETCD_DATA), folder, { recursive: true });
    await this.#folder.remove();
  };

  readonly stop = async (): Promise<void> => {
    await stopAll(this.#processes, this.#folder);
  };
}

/** A process that can be started again as it was. */
class RestartableProcess {
  readonly #options: ProcessOptions;
  #process: ManagedProcess;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#process = new ManagedProcess(options);
  }

  get output(): string {
    return this.#process.output;
  }

  assertRunning(): void {
    this.#process.assertRunning();
  }

  start(): void {
    this.#process = new ManagedProcess(this.#options);
  }

  stop(graceMs: number): Promise<number | string> {
    return this.#process.stop(graceMs);
  }
}

/**
 * Starts etcd, kube-apiserver and, if asked for, kube-controller-manager, on free ports with fresh data.
 * @throws Error with the last words of the process that failed
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  for (let attempt = 1; ; attempt += 1) {
    const processes: RestartableProcess[] = [];
    const folder = await temporaryFolder('control-plane');
    try {
      return await start(options, folder, processes);
    } catch (error) {
      await stopAll(processes, folder);
      // A port may have been taken between the look for a free one and its use.
      const isPortTaken = processes.some((each) => /address already in use/.test(each.output));
      if (!isPortTaken || attempt >= START_ATTEMPTS) throw error;
    }
  }
}

/** The last started first: the API server would wait for an etcd that is gone. */
async function stopAll(processes: readonly RestartableProcess[], folder: TemporaryFolder): Promise<void> {
  await stopProcesses(processes);
  await folder.remove();
}

async function stopProcesses(processes: readonly RestartableProcess[]): Promise<void> {
  for (const each of processes.toReversed()) await each.stop(STOP_MS);
}

async function start(
  options: ControlPlaneOptions,
  folder: TemporaryFolder,
  processes: RestartableProcess[],
): Promise<ControlPlane> {
  const { path } = folder;
  const etcd = await ensureTool('etcd');
  const apiserver = await ensureTool('kube-apiserver');
  const kubectlPath = await ensureTool('kubectl');
  const manager = options.controllerManager === true ? await ensureTool('kube-controller-manager') : undefined;
  const began = performance.now();
  const run = (name: string, command: string, args: readonly string[]): void => {
    processes.push(new RestartableProcess({ name, command, args, cwd: path }));
  };
  const whileRunning = <T>(what: string, condition: () => Promise<T | undefined | false>): Promise<T> =>
    waitFor(
      what,
      () => {
        for (const each of processes) each.assertRunning();
        return condition();
      },
      START_MS,
      100,
    );

  const [clientPort, peerPort, securePort] = await Promise.all([freePort(), freePort(), freePort()]);
  const server = `https://127.0.0.1:${securePort}`;
  const token = randomBytes(24).toString('hex');
  await writeFile(join(path, 'tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  if (options.etcdData !== undefined) await cp(options.etcdData, join(path, ETCD_DATA), { recursive: true });
  run('etcd', etcd, etcdArguments(path, clientPort, peerPort));
  run('kube-apiserver', apiserver, [
    `--etcd-servers=http://127.0.0.1:${clientPort}`,
    `--cert-dir=${join(path, 'certs')}`,
    `--secure-port=${securePort}`,
    '--bind-address=127.0.0.1',
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    // Without a kubelet, a Pod that waits for its ServiceAccount's token would only be refused.
    '--disable-admission-plugins=ServiceAccount',
    `--token-auth-file=${join(path, 'tokens.csv')}`,
    ...(await serviceAccountArguments(path)),
    ...(options.auditLog === true ? await auditArguments(path) : []),
  ]);
  const ca = await whileRunning('the API server to make its certificate', async () => {
    // The key is written after the certificate: once it is there, the certificate is whole.
    const hasKey = existsSync(join(path, 'certs', 'apiserver.key'));
    return hasKey && readFile(join(path, 'certs', 'apiserver.crt'));
  });
  const kubeconfigPath = await writeKubeconfig(path, { server, ca, token });
  const plane = new ControlPlaneClient({ folder: path, server, kubeconfigPath, kubectlPath });
  await whileRunning('the API server to be ready', async () => {
    const { stdout } = await plane.kubectl(['get', '--raw', '/readyz']);
    return stdout.trim() === 'ok';
  });
  // Made a moment after it is ready; without it, nothing can be put there.
  await whileRunning('the namespace default', async () => (await plane.kubectl(['get', 'ns', 'default'])).code === 0);
  if (manager !== undefined) {
    run('kube-controller-manager', manager, [
      `--kubeconfig=${kubeconfigPath}`,
      '--leader-elect=false',
      '--secure-port=0',
      `--service-account-private-key-file=${join(path, 'sa.key')}`,
      '--use-service-account-credentials=false',
      `--controllers=${CONTROLLERS.join(',')}`,
    ]);
  }
  return new RunningControlPlane(plane.address, folder, processes, {
    startMs: Math.round(performance.now() - began),
    etcdUrl: `http://127.0.0.1:${clientPort}`,
  });
}

function etcdArguments(folder: string, clientPort: number, peerPort: number): readonly string[] {
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    `--data-dir=${join(folder, ETCD_DATA)}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ];
}

async function serviceAccountArguments(folder: string): Promise<readonly string[]> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [key, pub] = [join(folder, 'sa.key'), join(folder, 'sa.pub')];
  await writeFile(key, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  await writeFile(pub, publicKey.export({ type: 'spki', format: 'pem' }));
  return [
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pub}`,
    `--service-account-signing-key-file=${key}`,
  ];
}

async function auditArguments(folder: string): Promise<readonly string[]> {
  const policy = join(folder, 'audit-policy.yaml');
  const rules = 'omitStages: [RequestReceived]\nrules:\n- level: Metadata\n';
  await writeFile(policy, `apiVersion: audit.k8s.io/v1\nkind: Policy\n${rules}`);
  // Blocking: what an answered request did is in the file.
  return [
    `--audit-policy-file=${policy}`,
    `--audit-log-path=${join(folder, 'audit.log')}`,
    '--audit-log-mode=blocking',
  ];
}
