import { IMAGE_SIGNATURE_REQUESTS, PODS, type ResourceType, TRUST_POLICIES } from '../api/group.ts';
import type { ImageSignatureRequest, ImageStatus } from '../api/image-signature-request.ts';
import type { KubernetesObject } from '../api/object.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import { ApiError, clusterOf, KubernetesClient, loadKubeConfig } from '../kubernetes/index.ts';
import { OciError, parseReference, repositoryName } from '../oci/index.ts';
import { USER_AGENT } from '../version.ts';
import { containersOf, projectPod } from '../workloads/index.ts';
import { UndeterminedError } from './failure.ts';

const PAGE_SIZE = 500;
const TIMEOUT_MS = 20_000;

/** What is about to be revoked: a signature, or what a version of a profile signed from a moment on. */
export type Revocation =
  | { readonly kind: 'job'; readonly jobArn: string }
  | { readonly kind: 'profile'; readonly profileArn: string; readonly versionArn: string; readonly from: Date };

/** What of a cluster a revocation hits, as far as its objects tell. */
export interface Preview {
  /** The context of the kubeconfig, and its API server. */
  readonly cluster: string;
  /** Signatures that requests' statuses record. */
  readonly signatures: readonly {
    /** `namespace/name`. */
    readonly request: string;
    readonly image: string;
    readonly digest: string;
    readonly signedAt: string | null;
  }[];
  /** Containers that run an image with such a signature. */
  readonly containers: readonly {
    /** `namespace/name`. */
    readonly pod: string;
    readonly container: string;
    readonly image: string;
  }[];
  /** TrustPolicies that name the profile, with what is in their scopes. */
  readonly policies: readonly { readonly name: string; readonly images: number; readonly pods: number }[];
  /** Signatures that statuses leave out: they may be hit too. */
  readonly omittedSignatures: number;
}

/**
 * What a revocation would hit in the cluster of the current kubeconfig context: three lists, nothing else is read.
 * An image that only pods name has no status: what signed it is not known here.
 * @throws UndeterminedError when there is no cluster, or it does not answer or refuses
 */
export async function previewRevocation(
  revocation: Revocation,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Preview> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const kubeConfig = loaded(env);
  const client = new KubernetesClient(kubeConfig, { userAgent: USER_AGENT });
  try {
    const requests = await listAll<ImageSignatureRequest>(client, IMAGE_SIGNATURE_REQUESTS, deadline);
    const policies = await listAll<TrustPolicy>(client, TRUST_POLICIES, deadline);
    const pods = await listAll(client, PODS, deadline);
    const { context, apiServer } = clusterOf(kubeConfig);
    return { cluster: `${context} (${apiServer})`, ...previewOf(revocation, requests, policies, pods) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof ApiError)) throw error;
    throw new UndeterminedError(`Cluster${error.reason}`, error.message, { cause: error });
  } finally {
    await client.close();
  }
}

function loaded(env: NodeJS.ProcessEnv): ReturnType<typeof loadKubeConfig> {
  try {
    return loadKubeConfig(env);
  } catch (error) {
    throw new UndeterminedError('NoCluster', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function listAll<T extends KubernetesObject>(
  client: KubernetesClient,
  type: ResourceType,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const items: T[] = [];
  for (let next: string | undefined; ; ) {
    const page = await client.list<T>(type, { limit: PAGE_SIZE, continue: next, signal });
    items.push(...(page.items ?? []));
    next = page.metadata.continue;
    if (next === undefined || next === '') return items;
  }
}

/** The same from objects that were read. */
export function previewOf(
  revocation: Revocation,
  requests: readonly ImageSignatureRequest[],
  policies: readonly TrustPolicy[],
  pods: readonly KubernetesObject[],
): Omit<Preview, 'cluster'> {
  const images = requests.flatMap((request) =>
    (request.status?.images ?? []).map((image) => ({ request: nameOf(request), image })),
  );
  const signatures = images.flatMap(({ request, image }) =>
    (image.signatures ?? [])
      .filter((signature) => isHit(revocation, signature))
      .map(({ signedAt }) => ({
        ...{ request, image: image.reference, digest: image.digest ?? '' },
        signedAt: signedAt ?? null,
      })),
  );
  const hit = new Set(
    images
      .filter(({ image }) => (image.signatures ?? []).some((signature) => isHit(revocation, signature)))
      .flatMap(({ image }) => imageName(image)),
  );
  const containers = pods.flatMap((pod) => {
    const name = nameOf(pod);
    return containersOf(projectPod(pod)).flatMap(({ name: container, image }) => {
      const running = image.kind === 'resolved' ? `${image.repository}@${image.digest}` : undefined;
      return running !== undefined && hit.has(running) ? [{ pod: name, container, image: running }] : [];
    });
  });
  return {
    signatures,
    containers,
    policies: policies.filter((policy) => names(policy, revocation)).map(countsOf),
    omittedSignatures: images.reduce((sum, { image }) => sum + (image.omittedSignatures ?? 0), 0),
  };
}

interface Named {
  readonly jobArn?: string;
  readonly profileVersionArn?: string;
  readonly signedAt?: string;
}

function isHit(revocation: Revocation, { jobArn, profileVersionArn, signedAt }: Named): boolean {
  switch (revocation.kind) {
    case 'job':
      return jobArn === revocation.jobArn;
    case 'profile':
      // Signer's times are of whole seconds; one that is missing may be any.
      return (
        profileVersionArn === revocation.versionArn &&
        (signedAt === undefined || Date.parse(signedAt) >= revocation.from.getTime())
      );
  }
}

function names({ spec }: TrustPolicy, revocation: Revocation): boolean {
  if (revocation.kind === 'job') return false;
  const wanted = new Set([revocation.profileArn.toLowerCase(), revocation.versionArn.toLowerCase()]);
  return spec.trustPolicies.some(({ trustedIdentities = [] }) =>
    trustedIdentities.some((identity) => wanted.has(identity.toLowerCase())),
  );
}

function countsOf({ metadata, status }: TrustPolicy): Preview['policies'][number] {
  return { name: metadata.name, images: status?.images?.total ?? 0, pods: status?.pods?.total ?? 0 };
}

function imageName({ reference, digest }: ImageStatus): readonly string[] {
  if (digest === undefined) return [];
  try {
    return [`${repositoryName(parseReference(reference))}@${digest}`];
  } catch (error) {
    // A status that another wrote: it names no image.
    if (error instanceof OciError) return [];
    throw error;
  }
}

function nameOf({ metadata }: KubernetesObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
