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
