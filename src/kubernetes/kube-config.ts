import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { withTokenFiles } from './token-files.ts';

/** What client-node makes up where it finds neither a kubeconfig nor a pod's service account: nobody meant it. */
const MADE_UP_SERVER = 'http://localhost:8080';

/** What a person chooses as kubectl's flags have it. */
export interface KubeConfigChoice {
  /** A file instead of those that KUBECONFIG names. */
  readonly file?: string | undefined;
  /** A context instead of the current one. */
  readonly context?: string | undefined;
}

/**
 * The kubeconfig of KUBECONFIG, else of ~/.kube/config, else that of the pod this runs in.
 * @param env as the process has it: messages say where the file's name came from
 * @throws Error that names the file and what to do
 */
export function loadKubeConfig(env: NodeJS.ProcessEnv, { file, context }: KubeConfigChoice = {}): KubeConfig {
  let kubeConfig = new KubeConfig();
  const named = env['KUBECONFIG'] === undefined || env['KUBECONFIG'] === '' ? '~/.kube/config' : 'KUBECONFIG';
  const from = file === undefined ? named : `--kubeconfig ${file}`;
  try {
    if (file === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(file);
    kubeConfig = withTokenFiles(kubeConfig, file === undefined ? env : { KUBECONFIG: file });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${from}: the kubeconfig cannot be used: ${why}`, { cause: error });
  }
  if (context !== undefined) {
    if (kubeConfig.getContextObject(context) === null) {
      const names = kubeConfig.getContexts().map(({ name }) => name);
      const known = names.length === 0 ? 'it has none' : `it has ${names.slice(0, 20).join(', ')}`;
      throw new Error(`--context: the kubeconfig has no context ${JSON.stringify(context.slice(0, 100))}: ${known}`);
    }
    kubeConfig.setCurrentContext(context);
  }
  const server = kubeConfig.getCurrentCluster()?.server;
  if (server === undefined || server === MADE_UP_SERVER) {
    throw new Error('no kubeconfig with a current context: set KUBECONFIG, or run kubectl config use-context');
  }
  return kubeConfig;
}

/** Which API server is spoken to, and by which context of the kubeconfig; `in-cluster` in a pod. */
export function clusterOf(kubeConfig: KubeConfig): { readonly apiServer: string; readonly context: string } {
  const context = kubeConfig.getCurrentContext();
  return {
    apiServer: kubeConfig.getCurrentCluster()?.server ?? '',
    context: context === 'inClusterContext' ? 'in-cluster' : context,
  };
}

const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/**
 * The namespace of the pod that this runs in, as its ServiceAccount's volume names it; undefined where the API server is
 * named by a kubeconfig: that may be another cluster's.
 * @param file that volume's
 * @throws Error when the file cannot be read
 */
export async function ownNamespace(kubeConfig: KubeConfig, file = NAMESPACE_FILE): Promise<string | undefined> {
  if (clusterOf(kubeConfig).context !== 'in-cluster') return undefined;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the pod's own namespace cannot be read (${why}): give --lease-namespace`, { cause });
  }
}
