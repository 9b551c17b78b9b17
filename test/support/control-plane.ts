import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTool } from '../../hack/tools/ensure.ts';
import { freePort } from './ports.ts';
import { ManagedProcess, waitFor } from './processes.ts';

const START_ATTEMPTS = 3;
const ROOT = join(import.meta.dirname, '../..');

export interface ControlPlaneOptions {
  /** Deployments then make ReplicaSets and Pods, and garbage is collected. */
  readonly controllerManager?: boolean;
  /** Writes an audit log at level Metadata. */
  readonly auditLog?: boolean;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** What names a running control plane: enough for another process to use it. */
export interface ControlPlaneAddress {
  readonly folder: string;
  readonly server: string;
  readonly kubeconfigPath: string;
  readonly kubectlPath: string;
}

/** Uses a control plane: kubectl as its administrator, and kubeconfigs for others. */
export class ControlPlaneClient {
  readonly address: ControlPlaneAddress;

  constructor(address: ControlPlaneAddress) {
    this.address = address;
  }

  get kubeconfigPath(): string {
    return this.address.kubeconfigPath;
  }

  get server(): string {
    return this.address.server;
  }

  get auditLogPath(): string {
    return join(this.address.folder, 'audit.log');
  }

  /** Runs kubectl; never rejects for what kubectl refuses. */
  kubectl(args: readonly string[], stdin?: string): Promise<CommandResult> {
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
    const child = spawn(this.address.kubectlPath, ['--kubeconfig', this.address.kubeconfigPath, ...args], { stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ stdout, stderr, code: code ?? 1 }));
    child.stdin.end(stdin ?? '');
    return promise;
  }

  /** Runs kubectl, and gives what it prints. @throws Error with what it complains of */
  async ok(args: readonly string[], stdin?: string): Promise<string> {
    const { stdout, stderr, code } = await this.kubectl(args, stdin);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr || stdout}`);
    return stdout;
  }

  /** Reads an object. @throws Error when it is not there */
  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.ok(['get', ...args, '-o', 'json'])) as T;
  }

  /** Applies manifests, as YAML or JSON text. */
  async apply(manifests: string): Promise<void> {
    await this.ok(['apply', '-f', '-'], manifests);
  }

  /** Applies crds/ and waits until they are served. */
  async installCrds(): Promise<void> {
    await this.ok(['apply', '--server-side', '-k', join(ROOT, 'crds')]);
    await this.ok(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
  }

  /** A token of a ServiceAccount, by the TokenRequest API. */
  async tokenFor(namespace: string, serviceAccount: string): Promise<string> {
    return (await this.ok(['create', 'token', serviceAccount, '-n', namespace, '--duration=1h'])).trim();
  }

  /** Writes a kubeconfig that authenticates with a token. Returns its path. */
  async kubeconfigFor(token: string): Promise<string> {
    const ca = await readFile(join(this.address.folder, 'certs', 'apiserver.crt'));
    const path = join(this.address.folder, `kubeconfig-${randomBytes(4).toString('hex')}`);
    await writeFile(path, kubeconfig(this.address.server, ca, token), { mode: 0o600 });
    return path;
  }
}

export interface ControlPlane extends ControlPlaneClient {
  readonly stop: () => Promise<void>;
}

class RunningControlPlane extends ControlPlaneClient implements ControlPlane {
  readonly #processes: readonly ManagedProcess[];

  constructor(address: ControlPlaneAddress, processes: readonly ManagedProcess[]) {
    super(address);
    this.#processes = processes;
  }

  readonly stop = async (): Promise<void> => {
    // The API server first: it would wait for an etcd that is gone.
    for (const each of this.#processes) await each.stop(5_000);
    await rm(this.address.folder, { recursive: true, force: true });
  };
}

/** Starts etcd, kube-apiserver and, if asked for, kube-controller-manager, on free ports with fresh data. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  for (let attempt = 1; ; attempt += 1) {
    const processes: ManagedProcess[] = [];
    const folder = await mkdtemp(join(tmpdir(), 'sealwatch-control-plane-'));
    try {
      return await start(options, folder, processes);
    } catch (error) {
      for (const each of processes.toReversed()) await each.stop(2_000);
      await rm(folder, { recursive: true, force: true });
      // A port may have been taken between the look for a free one and its use.
      const isPortTaken = processes.some((each) => /address already in use/.test(each.output));
      if (!isPortTaken || attempt >= START_ATTEMPTS) throw error;
    }
  }
}

async function start(options: ControlPlaneOptions, folder: string, processes: ManagedProcess[]): Promise<ControlPlane> {
  const run = (name: string, command: string, args: readonly string[]): ManagedProcess => {
    const each = new ManagedProcess({ name, command, args, cwd: folder });
    processes.unshift(each);
    return each;
  };
  const [etcd, apiserver, kubectlPath] = await Promise.all([ensureTool('etcd'), ensureTool('kube-apiserver'), ensureTool('kubectl')]);
  const [clientPort, peerPort, securePort] = await Promise.all([freePort(), freePort(), freePort()]);
  const etcdUrl = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  run('etcd', etcd, [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ]);

  const token = randomBytes(24).toString('hex');
  await writeFile(join(folder, 'tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  await writeFile(join(folder, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  const audit = options.auditLog === true ? await auditArguments(folder) : [];
  const server = `https://127.0.0.1:${securePort}`;
  const api = run('kube-apiserver', apiserver, [
    `--etcd-servers=${etcdUrl}`,
    `--cert-dir=${join(folder, 'certs')}`,
    `--secure-port=${securePort}`,
    '--bind-address=127.0.0.1',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(folder, 'sa.pub')}`,
    `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--disable-admission-plugins=ServiceAccount',
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    ...audit,
  ]);
  const ca = await waitFor(
    'the API server to make its certificate',
    async () => {
      if (api.hasExited) throw new Error(`kube-apiserver ended:\n${api.output.slice(-4_000)}`);
      return readFile(join(folder, 'certs', 'apiserver.crt')).catch(() => undefined);
    },
    60_000,
  );
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, kubeconfig(server, ca, token), { mode: 0o600 });
  const plane = new RunningControlPlane({ folder, server, kubeconfigPath, kubectlPath }, processes);
  await waitFor(
    'the API server to be ready',
    async () => {
      if (api.hasExited) throw new Error(`kube-apiserver ended:\n${api.output.slice(-4_000)}`);
      const { stdout } = await plane.kubectl(['get', '--raw', '/readyz']);
      return stdout.trim() === 'ok';
    },
    60_000,
    200,
  );
  if (options.controllerManager === true) {
    run('kube-controller-manager', await ensureTool('kube-controller-manager'), [
      `--kubeconfig=${kubeconfigPath}`,
      '--leader-elect=false',
      '--secure-port=0',
      `--service-account-private-key-file=${join(folder, 'sa.key')}`,
      '--use-service-account-credentials=false',
      '--controllers=deployment-controller,replicaset-controller,garbage-collector-controller,namespace-controller,serviceaccount-controller',
    ]);
  }
  return plane;
}

async function auditArguments(folder: string): Promise<readonly string[]> {
  const policy = join(folder, 'audit-policy.yaml');
  await writeFile(policy, 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n');
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${join(folder, 'audit.log')}`, '--audit-log-mode=blocking'];
}

function kubeconfig(server: string, ca: Buffer, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'default',
    clusters: [{ name: 'default', cluster: { server, 'certificate-authority-data': ca.toString('base64') } }],
    users: [{ name: 'default', user: { token } }],
    contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
  });
}
