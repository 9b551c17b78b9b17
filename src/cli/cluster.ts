import { TRUST_POLICIES, TRUST_STORES } from '../api/group.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import type { TrustStore } from '../api/trust-store.ts';
import { readKey } from '../controllers/object-data.ts';
import { storeName } from '../controllers/trust-store.ts';
import type { KubernetesClient } from '../kubernetes/index.ts';
import {
  type FindTrustStore,
  NotaryError,
  parseTrustStore,
  type Statement,
  type TrustStoreCertificates,
} from '../notary/index.ts';
import { createPolicySet, type PolicySet } from '../verification/index.ts';
import { answered, listAll, openCluster } from './cluster-client.ts';
import { UndeterminedError } from './failure.ts';
import type { LoadedStores, TrustSource } from './trust-source.ts';

const FLAG = '--from-cluster: ';

/**
 * The TrustPolicies and TrustStores of the current kubeconfig context, joined as the operator joins them. One list of
 * each; a bundle in a ConfigMap or Secret is read only for a store that the statement names.
 * @throws UsageError without a usable kubeconfig; UndeterminedError when the cluster does not answer or refuses
 */
export async function clusterTrust(signal: AbortSignal): Promise<TrustSource> {
  const { client, name } = openCluster(process.env, {}, FLAG);
  try {
    const policies = await answered(listAll<TrustPolicy>(client, TRUST_POLICIES, signal), FLAG);
    const set = createPolicySet(policies);
    return {
      origin: originOf(name),
      warnings: invalidPolicies(set),
      select: set.select,
      stores: clusterStores(client, signal, FLAG),
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Whose TrustPolicies, for people. */
export function originOf(cluster: string): string {
  return `the TrustPolicies of ${cluster}`;
}

/** What is wrong with those of a cluster: a sentence each. */
export function invalidPolicies(set: PolicySet): readonly string[] {
  return [...set.states].flatMap(([name, state]) =>
    state.invalid === undefined ? [] : [`TrustPolicy ${name}: ${state.invalid}`],
  );
}

/** The TrustStores that statements name. They are listed once, when first needed. @param what names who asked, `flag: ` */
export function clusterStores(client: KubernetesClient, signal: AbortSignal, what = ''): TrustSource['stores'] {
  let objects: Promise<readonly TrustStore[]> | undefined;
  return async (statement) => {
    objects ??= answered(listAll<TrustStore>(client, TRUST_STORES, signal), what);
    return loadStores(client, await objects, statement, signal, what);
  };
}

/** The older of two objects that claim one name holds it; a store that cannot be read leaves its last good bundle. */
async function loadStores(
  client: KubernetesClient,
  objects: readonly TrustStore[],
  statement: Statement,
  signal: AbortSignal,
  what: string,
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
    const problem = await tried(async () => parse(await bundleOf(client, object, signal, what)));
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

async function bundleOf(
  client: KubernetesClient,
  object: TrustStore,
  signal: AbortSignal,
  what: string,
): Promise<string> {
  const { caBundle, caBundleFrom } = object.spec;
  if (caBundle !== undefined) return caBundle;
  const reference = caBundleFrom?.configMapKeyRef ?? caBundleFrom?.secretKeyRef;
  const kind = caBundleFrom?.configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
  if (reference === undefined) throw new UndeterminedError('TrustStoreUnavailable', 'it has no bundle');
  const pem = await answered(readKey(client, kind, reference, signal), what);
  if (pem !== undefined) return pem;
  const where = `${kind} ${reference.namespace}/${reference.name}`;
  throw new UndeterminedError('TrustStoreUnavailable', `${where} has no key ${reference.key}`);
}
