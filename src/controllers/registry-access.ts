import type { ConditionReason } from '../api/conditions.ts';
import type { ImageSignatureRequest } from '../api/image-signature-request.ts';
import { type EcrIdentity, parseEcrHost } from '../aws/index.ts';
import { ApiError, type KubernetesClient } from '../kubernetes/index.ts';
import { anonymous, type CredentialProvider, chainCredentials, type RegistryClient } from '../oci/index.ts';
import { checkCABundle } from '../transport/index.ts';
import { INVALID_NAME, pullSecretsOf, readKey, readSecret } from './object-data.ts';
import { PullSecretError, pullSecretCredentials } from './pull-secret.ts';

/** Makes registry clients: the operator's settings with other credentials and CAs. */
export interface RegistryClients {
  /** With the operator's own credentials. */
  readonly operator: RegistryClient;
  /**
   * @param owner whose credentials these are: a namespace, or whom else. What registries told clients with the same CA
   * is known to all of one owner, and to nobody else
   */
  readonly withCredentials: (credentials: CredentialProvider, ca: string | undefined, owner: string) => RegistryClient;
  readonly operatorCredentials: CredentialProvider;
  /** For registries of Amazon ECR with another identity than the operator's own; anonymous for every other registry. */
  readonly ecrCredentialsAs: (identity: EcrIdentity) => CredentialProvider;
  readonly allowsPlainHTTP: (host: string) => boolean;
}

export type RegistryAccess =
  | { readonly kind: 'access'; readonly client: RegistryClient }
  | { readonly kind: 'refused'; readonly reason: ConditionReason; readonly message: string };

/**
 * The registry client of a request: with the Secrets it names, of its own namespace only, used for it alone; they are
 * read anew at each reconcile, those of `secretRefs` come first, and the first that the registry takes serves.
 * The operator's own credentials serve besides only where `mayUseOperators` holds: where the request only reads, or
 * where a signing grant covers the repository. Else a tenant's key could be used to push with the platform's power.
 * With a CA of the request's own, those of the operator's file do not serve: whoever has that CA's key could have them
 * sent to a host of theirs. ECR's do, for its hosts are never trusted by such a CA.
 * Whoever calls has made sure that a grant covers `registry.assumeRoleArn`.
 */
export async function registryAccess(
  request: ImageSignatureRequest,
  mayUseOperators: boolean,
  clients: RegistryClients,
  kubernetes: KubernetesClient,
  signal: AbortSignal,
): Promise<RegistryAccess> {
  const { registry } = request.spec;
  const namespace = request.metadata.namespace ?? '';
  const operators = mayUseOperators ? clients.operatorCredentials : anonymous;
  // ECR Public needs no credentials but for pushing: only then is AWS asked for them.
  const publicPush =
    mayUseOperators && pushesToEcrPublic(request)
      ? [clients.ecrCredentialsAs({ publicRegistry: 'authenticated' })]
      : [];
  if (registry === undefined) {
    if (mayUseOperators && publicPush.length === 0) return { kind: 'access', client: clients.operator };
    const credentials = chainCredentials(...publicPush, operators);
    return { kind: 'access', client: clients.withCredentials(credentials, undefined, namespace) };
  }
  const names = new Set((registry.secretRefs ?? []).map((reference) => reference.name));
  try {
    if (registry.serviceAccountName !== undefined) {
      const account = `ServiceAccount ${namespace}/${registry.serviceAccountName}`;
      for (const name of await notFoundAs(
        account,
        pullSecretsOf(kubernetes, namespace, registry.serviceAccountName, signal),
      )) {
        names.add(name);
      }
    }
    const providers: CredentialProvider[] = [];
    for (const name of names) providers.push(await pullSecret(kubernetes, namespace, name, signal));
    if (registry.assumeRoleArn !== undefined) {
      providers.push(clients.ecrCredentialsAs({ roleArn: registry.assumeRoleArn, publicRegistry: 'authenticated' }));
    }
    const ca = await caBundle(request, kubernetes, signal);
    const own = ca !== undefined && mayUseOperators ? clients.ecrCredentialsAs({}) : operators;
    const credentials = chainCredentials(...providers, ...publicPush, own);
    return { kind: 'access', client: clients.withCredentials(credentials, ca, namespace) };
  } catch (error) {
    if (error instanceof Missing) return { kind: 'refused', reason: error.reason, message: error.message };
    throw error;
  }
}

function pushesToEcrPublic({ spec }: ImageSignatureRequest): boolean {
  const isPublic = (image: string): boolean => parseEcrHost(image.slice(0, image.indexOf('/')))?.kind === 'public';
  return spec.sign !== undefined && spec.images.some(isPublic);
}

class Missing extends Error {
  readonly reason: ConditionReason;
  constructor(reason: ConditionReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

async function pullSecret(
  kubernetes: KubernetesClient,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<CredentialProvider> {
  const where = `Secret ${namespace}/${name}`;
  const data = await notFoundAs(where, readSecret(kubernetes, namespace, name, signal));
  try {
    return pullSecretCredentials(data);
  } catch (error) {
    if (error instanceof PullSecretError) throw new Missing('InvalidSpec', `${where}: ${error.message}`);
    throw error;
  }
}

async function caBundle(
  request: ImageSignatureRequest,
  kubernetes: KubernetesClient,
  signal: AbortSignal,
): Promise<string | undefined> {
  const from = request.spec.registry?.caBundleFrom;
  const reference = from?.configMapKeyRef ?? from?.secretKeyRef;
  if (reference === undefined) return undefined;
  const kind = from?.configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
  const namespace = request.metadata.namespace ?? '';
  const where = `${kind} ${namespace}/${reference.name}`;
  const pem = await notFoundAs(where, readKey(kubernetes, kind, { ...reference, namespace }, signal));
  if (pem === undefined) throw new Missing('SourceNotFound', `${where} has no key ${reference.key}: add it`);
  try {
    return checkCABundle(pem);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Missing('InvalidBundle', `${where}, key ${reference.key}: ${error.message}`);
  }
}

/** Tells a missing or forbidden object in the words of a condition. */
export async function notFoundAs<T>(where: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.reason === INVALID_NAME) throw new Missing('InvalidSpec', error.message);
    if (error.status === 404) throw new Missing('SecretNotFound', `${where} does not exist: create it`);
    if (error.status === 403) throw new Missing('SourceForbidden', `the operator may not read ${where}: grant it get`);
    throw error;
  }
}

/** What `notFoundAs` rejects with, as reason and message; undefined for every other error. */
export function missingObject(
  error: unknown,
): { readonly reason: ConditionReason; readonly message: string } | undefined {
  return error instanceof Missing ? { reason: error.reason, message: error.message } : undefined;
}
