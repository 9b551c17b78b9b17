import type { KubeConfig } from '@kubernetes/client-node';
import { TRUST_POLICIES, TRUST_STORES } from '../api/group.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import type { TrustStore } from '../api/trust-store.ts';
import { readKey } from '../controllers/object-data.ts';
import { storeName } from '../controllers/trust-store.ts';
import { ApiError, KubernetesClient, loadKubeConfig } from '../kubernetes/index.ts';
import {
  type FindTrustStore,
  NotaryError,
  parseTrustStore,
  type Statement,
  type TrustStoreCertificates,
} from '../notary/index.ts';
import { createPolicySet } from '../verification/index.ts';
import { USER_AGENT } from '../version.ts';
import { UndeterminedError, UsageError } from './failure.ts';
import type { LoadedStores, TrustSource } from './trust-source.ts';

/**
 * The TrustPolicies and TrustStores of the current kubeconfig context, joined as the operator joins them. One list of
 * each; a bundle in a ConfigMap or Secret is read only for a store that the statement names.
 * @throws UsageError without a usable kubeconfig; UndeterminedError when the cluster does not answer or refuses
 */
export async function clusterTrust(signal: AbortSignal): Promise<TrustSource> {
  const kubeConfig = kubeConfigOf(process.env);
  const origin = `the TrustPolicies of ${kubeConfig.getCurrentContext()} (${kubeConfig.getCurrentCluster()?.server ?? ''})`;
  const client = new KubernetesClient(kubeConfig, { userAgent: USER_AGENT });
  try {
    const policies = (await answered(client.list<TrustPolicy>(TRUST_POLICIES, { signal }))).items;
    const set = createPolicySet(policies);
    const invalid = [...set.states].flatMap(([name, state]) =>
      state.invalid === undefined ? [] : [`TrustPolicy ${name}: ${state.invalid}`],
    );
    return {
      origin,
      warnings: invalid,
      select: set.select,
      stores: async (statement) => {
        const stores = (await answered(client.list<TrustStore>(TRUST_STORES, { signal }))).items;
        return loadStores(client, stores, statement, signal);
      },
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

function kubeConfigOf(env: NodeJS.ProcessEnv): KubeConfig {
  try {
    return loadKubeConfig(env);
  } catch (error) {
    throw new UsageError(`--from-cluster: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** The older of two objects that claim one name holds it; a store that cannot be read leaves its last good bundle. */
async function loadStores(
  client: KubernetesClient,
  objects: readonly TrustStore[],
  statement: Statement,
  signal: AbortSignal,
): Promise<LoadedStores> {
  const oldestFirst = objects.toSorted(
    (a, b) =>
      Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  const loaded = new Map<string, TrustStoreCertificates>();
  const missing: string[] = [];
  for (const { type, name } of statement.trustStores) {
    const object = oldestFirst.find((one) => one.spec.type === type && storeName(one) === name);
    if (object === undefined) {
      missing.push(`trust store ${type}:${name}: the cluster has no such TrustStore`);
      continue;
    }
    const parse = (pem: string): void => {
      loaded.set(`${type}:${name}`, parseTrustStore(type, name, pem));
    };
    const problem = await tried(async () => parse(await bundleOf(client, object, signal)));
    if (problem === undefined) continue;
    missing.push(`TrustStore ${object.metadata.name}: ${problem}`);
    const kept = object.status?.lastGoodBundle;
    if (kept !== undefined) await tried(async () => parse(kept));
  }
  const find: FindTrustStore = (type, name) => loaded.get(`${type}:${name}`);
  return { find, missing };
}

/** What is wrong with a bundle: a sentence, or nothing. */
async function tried(run: () => Promise<void>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof NotaryError || error instanceof UndeterminedError) return error.message;
    throw error;
  }
}

async function bundleOf(client: KubernetesClient, object: TrustStore, signal: AbortSignal): Promise<string> {
  const { caBundle, caBundleFrom } = object.spec;
  if (caBundle !== undefined) return caBundle;
  const reference = caBundleFrom?.configMapKeyRef ?? caBundleFrom?.secretKeyRef;
  const kind = caBundleFrom?.configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
  if (reference === undefined) throw new UndeterminedError('TrustStoreUnavailable', 'it has no bundle');
  const pem = await answered(readKey(client, kind, reference, signal));
  if (pem !== undefined) return pem;
  const where = `${kind} ${reference.namespace}/${reference.name}`;
  throw new UndeterminedError('TrustStoreUnavailable', `${where} has no key ${reference.key}`);
}

/** Tells what the API server refuses or does not answer in the command's own words. */
async function answered<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const advice =
      error.status === 404 ? ': is Sealwatch installed there?' : error.status === 403 ? ': you need get and list' : '';
    throw new UndeterminedError(`Cluster${error.reason}`, `--from-cluster: ${error.message}${advice}`, {
      cause: error,
    });
  }
}
