import type { ResourceType } from '../api/group.ts';
import { isObjectName, type KubernetesObject } from '../api/object.ts';
import { ApiError, type KubernetesClient } from '../kubernetes/index.ts';
import { printable } from '../transport/index.ts';

const SECRETS: ResourceType = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
const CONFIG_MAPS: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};
const SERVICE_ACCOUNTS: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};

interface DataObject extends KubernetesObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** The reason of an ApiError for a name that no object can have. */
export const INVALID_NAME = 'InvalidName';

/** Reads an object that a tenant's object names. */
async function get<T extends KubernetesObject>(
  client: KubernetesClient,
  type: ResourceType,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<T> {
  if (!isObjectName(name)) {
    const message = `${type.kind} ${namespace}/${printable(name, 60)}: expected a name of lower-case letters, digits, - and . (RFC 1123); correct the reference`;
    throw new ApiError(message, { status: 404, reason: INVALID_NAME });
  }
  return client.get<T>(type, `${namespace}/${name}`, { signal });
}

/** The data of a Secret, decoded. Rejects with ApiError (404: not there, 403: not allowed). */
export async function readSecret(
  client: KubernetesClient,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const secret = await get<DataObject>(client, SECRETS, { namespace, name }, signal);
  return new Map(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]));
}

/** One key of a Secret or ConfigMap as text; undefined when the object has no such key. Rejects with ApiError. */
export async function readKey(
  client: KubernetesClient,
  kind: 'Secret' | 'ConfigMap',
  reference: { readonly namespace: string; readonly name: string; readonly key: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  if (kind === 'Secret') {
    const secret = await readSecret(client, reference.namespace, reference.name, signal);
    return secret.get(reference.key)?.toString('utf8');
  }
  const configMap = await get<DataObject>(client, CONFIG_MAPS, reference, signal);
  return configMap.data?.[reference.key];
}

/** Names of the pull secrets of a ServiceAccount. Rejects with ApiError. */
export async function pullSecretsOf(
  client: KubernetesClient,
  namespace: string,
  serviceAccount: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const account = await get<KubernetesObject & { readonly imagePullSecrets?: readonly { readonly name?: string }[] }>(
    client,
    SERVICE_ACCOUNTS,
    { namespace, name: serviceAccount },
    signal,
  );
  return (account.imagePullSecrets ?? []).flatMap((reference) =>
    reference.name === undefined ? [] : [reference.name],
  );
}
