import type { ResourceType } from '../api/group.ts';
import type { KubernetesObject } from '../api/object.ts';
import { ApiError, clusterOf, type KubeConfigChoice, KubernetesClient, loadKubeConfig } from '../kubernetes/index.ts';
import { USER_AGENT } from '../version.ts';
import { UndeterminedError, UsageError } from './failure.ts';

const PAGE_SIZE = 500;

/** A cluster that a command reads, by a context of a kubeconfig. */
export interface Cluster {
  readonly client: KubernetesClient;
  /** For people: the context, and its API server. */
  readonly name: string;
  /** Of the context; `default` where it names none. */
  readonly namespace: string;
}

/**
 * Opens the cluster of a kubeconfig's context; nothing is asked of it yet. Whoever opens it closes its client.
 * @throws UsageError without a usable kubeconfig
 */
export function openCluster(env: NodeJS.ProcessEnv, choice: KubeConfigChoice = {}, what = ''): Cluster {
  try {
    const kubeConfig = loadKubeConfig(env, choice);
    const { context, apiServer } = clusterOf(kubeConfig);
    const namespace = kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace;
    return {
      client: new KubernetesClient(kubeConfig, { userAgent: USER_AGENT }),
      name: `${context} (${apiServer})`,
      namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
    };
  } catch (error) {
    throw new UsageError(`${what}${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Reads every page of a collection. @throws ApiError */
export async function listAll<T extends KubernetesObject>(
  client: KubernetesClient,
  type: ResourceType,
  signal: AbortSignal,
  selection: { readonly namespace?: string | undefined; readonly fieldSelector?: string } = {},
): Promise<readonly T[]> {
  const items: T[] = [];
  for (let next: string | undefined; ; ) {
    const page = await client.list<T>(type, { ...selection, limit: PAGE_SIZE, continue: next, signal });
    items.push(...(page.items ?? []));
    next = page.metadata.continue;
    if (next === undefined || next === '') return items;
  }
}

/** Tells what the API server refuses or does not answer in the command's own words. @param what names who asked, `flag: ` */
export async function answered<T>(promise: Promise<T>, what = ''): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const advice =
      error.status === 404 ? ': is Sealwatch installed there?' : error.status === 403 ? ': you need get and list' : '';
    throw new UndeterminedError(`Cluster${error.reason}`, `${what}${error.message}${advice}`, { cause: error });
  }
}
