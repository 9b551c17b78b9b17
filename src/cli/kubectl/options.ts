import type { OutputFormat } from '../arguments.ts';
import { type Cluster, openCluster } from '../cluster-client.ts';
import { UsageError } from '../failure.ts';
import type { Io } from '../io.ts';

/** The flags that say which cluster, as kubectl has them. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly output: OutputFormat;
}

/** The flags that say which namespaces. */
export interface NamespaceOptions extends ClusterOptions {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

/** The flags that say how to get at registries, and how signatures are read. */
export interface CheckOptions {
  readonly plainHttpHosts?: readonly string[];
  readonly caFile?: string;
  readonly allowAddresses?: readonly string[];
  readonly maxSignatures: number;
  readonly awsEndpoint?: string;
}

/** Does something with the cluster that the flags name, and closes it. @throws UsageError without a usable kubeconfig */
export async function withCluster<T>(
  { kubeconfig, context }: ClusterOptions,
  io: Io,
  run: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = openCluster(io.env, { file: kubeconfig, context });
  try {
    return await run(cluster);
  } finally {
    await cluster.client.close();
  }
}

/**
 * The namespace that is meant; undefined for all.
 * @param otherwise where no flag names any: that of the context, as kubectl has it, or all
 * @throws UsageError where flags contradict each other
 */
export function namespaceOf(
  { namespace, allNamespaces = false }: NamespaceOptions,
  cluster: Cluster,
  otherwise: 'current' | 'all',
): string | undefined {
  if (allNamespaces && namespace !== undefined)
    throw new UsageError('--namespace and --all-namespaces exclude each other: give one of them');
  if (allNamespaces) return undefined;
  return namespace ?? (otherwise === 'all' ? undefined : cluster.namespace);
}

/** `in namespace shop`, or `in all namespaces`. */
export function inNamespace(namespace: string | undefined): string {
  return namespace === undefined ? 'in all namespaces' : `in namespace ${namespace}`;
}
