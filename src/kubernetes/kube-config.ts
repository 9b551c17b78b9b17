import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { withTokenFiles } from './token-files.ts';

/** What client-node makes up where it finds neither a kubeconfig nor a pod's service account: nobody meant it. */
const MADE_UP_SERVER = 'http://localhost:8080';

/**
 * The kubeconfig of KUBECONFIG, else of ~/.kube/config, else that of the pod this runs in.
 * @param env as the process has it: messages say where the file's name came from
 * @throws Error that names the file and what to do
 */
export function loadKubeConfig(env: NodeJS.ProcessEnv): KubeConfig {
  let kubeConfig = new KubeConfig();
  const from = env['KUBECONFIG'] === undefined || env['KUBECONFIG'] === '' ? '~/.kube/config' : 'KUBECONFIG';
  try {
    kubeConfig.loadFromDefault();
    kubeConfig = withTokenFiles(kubeConfig, env);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${from}: the kubeconfig cannot be used: ${why}`, { cause: error });
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
