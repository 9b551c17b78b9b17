import { readFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { join } from 'node:path';
import { writeKubeconfig } from './kubeconfig.ts';
import { type CommandResult, runKubectl } from './kubectl.ts';

const ROOT = join(import.meta.dirname, '../..');
const NAMESPACE = 'sealwatch-system';

const READ_TIMEOUT_MS = 30_000;

/** What names a running control plane: enough for another process to use it. */
export interface ControlPlaneAddress {
  readonly folder: string;
  readonly server: string;
  readonly kubeconfigPath: string;
  readonly kubectlPath: string;
}

/** A kubeconfig as kubeconfig.ts writes it. */
interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly 'certificate-authority-data': string } }];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

/** Uses a control plane: kubectl as its administrator, and kubeconfigs for others. */
export class ControlPlaneClient {
  readonly address: ControlPlaneAddress;
  #operatorKubeconfig: Promise<string> | undefined;
  #access: Promise<{ readonly agent: Agent; readonly token: string }> | undefined;

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

  /**
   * Reads a path of the API, such as `/api/v1/namespaces/team/pods/web`, on a connection that is kept: what waits for
   * something asks often, and a kubectl each time takes more of the machine than what is tested.
   * @throws Error when the answer is not 200
   */
  async read<T>(path: string): Promise<T> {
    this.#access ??= this.#readAccess();
    const { agent, token } = await this.#access;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const options = { agent, headers: { authorization: `Bearer ${token}` }, timeout: READ_TIMEOUT_MS };
    const request = get(`${this.address.server}${path}`, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('error', reject).once('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(body) as T);
        else reject(new Error(`GET ${path}: ${response.statusCode} ${body}`));
      });
    });
    request.once('timeout', () => request.destroy(new Error(`GET ${path}: no answer in ${READ_TIMEOUT_MS} ms`)));
    request.once('error', reject);
    return promise;
  }

  async #readAccess(): Promise<{ readonly agent: Agent; readonly token: string }> {
    const { clusters, users } = JSON.parse(await readFile(this.kubeconfigPath, 'utf8')) as Kubeconfig;
    const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64');
    return { agent: new Agent({ ca, keepAlive: true }), token: users[0].user.token };
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
