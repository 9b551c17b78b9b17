import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeKubeconfig } from './kubeconfig.ts';
import { type CommandResult, runKubectl } from './kubectl.ts';

const ROOT = join(import.meta.dirname, '../..');
const NAMESPACE = 'sealwatch-system';

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
  #operatorKubeconfig: Promise<string> | undefined;

  constructor(address: ControlPlaneAddress) {
    this.address = address;
  }

  get kubeconfigPath(): string {
    return this.address.kubeconfigPath;
  }

  get server(): string {
    return this.address.server;
  }

  /** A JSON object a line, at level Metadata; written only where the control plane was started with `auditLog`. */
  get auditLogPath(): string {
    return join(this.address.folder, 'audit.log');
  }

  /** Runs kubectl; never rejects for what kubectl refuses. */
  kubectl(args: readonly string[], stdin?: string): Promise<CommandResult> {
    const { kubectlPath, kubeconfigPath, folder } = this.address;
    return runKubectl(
      { command: kubectlPath, kubeconfigPath, cacheFolder: join(folder, 'kubectl-cache') },
      args,
      stdin,
    );
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
    return writeKubeconfig(this.address.folder, { server: this.address.server, ca, token });
  }

  /**
   * A kubeconfig of the operator's own ServiceAccount, with exactly the rights of config/rbac: what it may not do in a
   * cluster, it may not do in a test. Returns its path.
   */
  operatorKubeconfig(): Promise<string> {
    this.#operatorKubeconfig ??= this.#makeOperatorKubeconfig();
    return this.#operatorKubeconfig;
  }

  async #makeOperatorKubeconfig(): Promise<string> {
    await this.apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }));
    await this.ok(['apply', '-k', join(ROOT, 'config/rbac')]);
    return this.kubeconfigFor(await this.tokenFor(NAMESPACE, 'sealwatch'));
  }
}
