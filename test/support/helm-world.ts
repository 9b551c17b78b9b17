import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AwsEmulator, startAwsEmulator } from './aws-emulator/index.ts';
import type { ControlPlane } from './control-plane.ts';
import { type OperatorProcess, startOperator } from './operator.ts';
import { createChain } from './pki.ts';
import { type ProgramResult, runTool, toolOutput } from './program.ts';
import { type Registry, startRegistry } from './registries.ts';
import { Scenario } from './scenario.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const ROOT = join(import.meta.dirname, '../..');
export const CHART = join(ROOT, 'charts/sealwatch');
/** The command, as it is the entry of the image. */
const COMMAND = join(ROOT, 'src/cli/main.ts');
const REGION = 'us-west-2';

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly [{ readonly args: readonly string[] }];
      };
    };
  };
}

export interface ReleaseOptions {
  readonly release: string;
  readonly namespace: string;
  /** A namespace that is there, in which the scenario runs its pods; all that it applies bears its name. */
  readonly id: string;
  /** Beside where registry and AWS are. */
  readonly values?: object;
}

/** A release of the chart, and the operator run as its Deployment says: by no kubelet, but with all else that is there. */
export class HelmWorld {
  readonly plane: ControlPlane;
  readonly #folder: TemporaryFolder;
  readonly #registry: Registry;
  readonly #aws: AwsEmulator;

  private constructor(plane: ControlPlane, folder: TemporaryFolder, registry: Registry, aws: AwsEmulator) {
    this.plane = plane;
    this.#folder = folder;
    this.#registry = registry;
    this.#aws = aws;
  }

  static async start(plane: ControlPlane): Promise<HelmWorld> {
    const registry = await startRegistry('referrers');
    return new HelmWorld(plane, await temporaryFolder('helm'), registry, await startAwsEmulator({ region: REGION }));
  }

  /** Runs helm as the cluster's administrator. @throws Error with what it complains of */
  helm(...args: readonly string[]): Promise<string> {
    return toolOutput('helm', args, { env: this.#env() });
  }

  /** The same, for what may be refused. */
  async tryHelm(args: readonly string[], cwd?: string): Promise<ProgramResult> {
    const result = await runTool('helm', args, { env: this.#env(), ...(cwd === undefined ? {} : { cwd }) });
    // It tells of each link within the chart, and of nothing else at that level.
    return { ...result, stderr: result.stderr.replaceAll(/^level=INFO msg="found symbolic link.*\n/gm, '') };
  }

  /** Installs a release. */
  async install(options: ReleaseOptions): Promise<void> {
    const { release, namespace } = options;
    const values = await this.valuesFile(options);
    await this.helm('install', release, CHART, '-n', namespace, '--create-namespace', '-f', values);
  }

  /** Writes the values of a release. Returns its path. */
  async valuesFile({ release, id, values = {} }: ReleaseOptions): Promise<string> {
    const settings = {
      'plain-http-hosts': [this.#registry.host],
      'allow-addresses': ['127.0.0.0/8'],
      'signer-endpoint': [this.#aws.endpoint],
      'sts-endpoint': this.#aws.endpoint,
      'sweep-interval': '2s',
    };
    const grants = [{ namespaces: [id], profileArns: ['*'], repositories: ['*'] }];
    const path = join(this.#folder.path, `${release}-values.yaml`);
    await writeFile(path, JSON.stringify({ settings, config: { signing: { grants } }, ...values }));
    return path;
  }

  /** Runs the operator of a release, and all that a scenario does with one. */
  async run({ release, namespace, id }: ReleaseOptions): Promise<Scenario> {
    const { plane } = this;
    const start = (): Promise<OperatorProcess> => this.#startOperator(release, namespace);
    this.#aws.createProfile({ name: id.replaceAll('-', '_'), validity: { value: 12, type: 'MONTHS' } });
    return new Scenario({
      plane,
      registry: this.#registry,
      aws: this.#aws,
      operator: await start(),
      chain: await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing' }),
      id,
      folder: this.#folder.path,
      start,
    });
  }

  async stop(): Promise<void> {
    await this.#registry.stop();
    await this.#aws.stop();
    await this.#folder.remove();
  }

  /** With exactly the arguments and the ServiceAccount that stand in the cluster; paths of the container lie elsewhere. */
  async #startOperator(release: string, namespace: string): Promise<OperatorProcess> {
    const { plane } = this;
    const name = release.includes('sealwatch') ? release : `${release}-sealwatch`;
    const { spec } = await plane.get<Deployment>('deployment', name, '-n', namespace);
    const { data } = await plane.get<{ readonly data: Readonly<Record<string, string>> }>(
      'configmap',
      name,
      '-n',
      namespace,
    );
    const folder = join(this.#folder.path, release);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'config.yaml'), data['config.yaml'] ?? '');
    const [pod] = [spec.template.spec];
    const args = pod.containers[0].args.map((argument) =>
      argument.replace('=/etc/sealwatch/', `=${folder}/`).replace('=/var/cache/sealwatch/', `=${folder}/`),
    );
    const [command = '', ...flags] = args;
    const token = await plane.tokenFor(namespace, pod.serviceAccountName);
    return startOperator({
      kubeconfigPath: await plane.kubeconfigFor(token),
      entry: [COMMAND, command],
      args: flags,
      env: {
        // A pod reads it where its token is mounted.
        POD_NAMESPACE: namespace,
        AWS_ACCESS_KEY_ID: this.#aws.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: this.#aws.credentials.secretAccessKey,
      },
    });
  }

  #env(): NodeJS.ProcessEnv {
    // Its own folders: settings and plugins of whoever runs the tests stay out of it.
    const folders = { HELM_CACHE_HOME: 'cache', HELM_CONFIG_HOME: 'config', HELM_DATA_HOME: 'data' };
    return {
      KUBECONFIG: this.plane.kubeconfigPath,
      ...Object.fromEntries(Object.entries(folders).map(([key, name]) => [key, join(this.#folder.path, name)])),
    };
  }
}

/** What the API server refused a ServiceAccount, by its audit log. */
export async function refusalsOf(plane: ControlPlane, namespace: string, account: string): Promise<readonly string[]> {
  const user = `system:serviceaccount:${namespace}:${account}`;
  const lines = (await readFile(plane.auditLogPath, 'utf8')).split('\n').filter((line) => line.includes(user));
  if (lines.length === 0) throw new Error(`expected requests of ${user} in the audit log; found none`);
  return lines.flatMap((line) => {
    const { verb, requestURI, responseStatus } = JSON.parse(line) as {
      readonly verb: string;
      readonly requestURI: string;
      readonly responseStatus?: { readonly code: number };
    };
    return responseStatus?.code === 403 ? [`${verb} ${requestURI}`] : [];
  });
}
