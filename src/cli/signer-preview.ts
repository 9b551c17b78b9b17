import { IMAGE_SIGNATURE_REQUESTS, PODS, TRUST_POLICIES } from '../api/group.ts';
import type { ImageSignatureRequest, ImageStatus } from '../api/image-signature-request.ts';
import type { KubernetesObject } from '../api/object.ts';
import type { TrustPolicy } from '../api/trust-policy.ts';
import { ApiError, clusterOf, KubernetesClient, loadKubeConfig } from '../kubernetes/index.ts';
import { OciError, parseReference, repositoryName } from '../oci/index.ts';
import { USER_AGENT } from '../version.ts';
import { containersOf, projectPod } from '../workloads/index.ts';
import { listAll } from './cluster-client.ts';
import { UndeterminedError } from './failure.ts';

const TIMEOUT_MS = 20_000;

/** What is about to be revoked: a signature, or what a version of a profile, or all of them, signed from a moment on. */
export type Revocation =
  | { readonly kind: 'job'; readonly jobArn: string }
  | {
      readonly kind: 'profile';
      readonly profileArn: string;
      /** Absent: every version. */
      readonly versionArn?: string;
      readonly from: Date;
    };

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

/** What names a signature of AWS Signer. */
export interface NamedSignature {
  readonly jobArn?: string | undefined;
  readonly profileVersionArn?: string | undefined;
  /** RFC 3339; absent: not known. */
  readonly signedAt?: string | undefined;
}

/** Whether a revocation hits a signature. */
export function isHit(revocation: Revocation, { jobArn, profileVersionArn, signedAt }: NamedSignature): boolean {
  switch (revocation.kind) {
    case 'job':
      return jobArn === revocation.jobArn;
    case 'profile':
      // Signer's times are of whole seconds; one that is missing may be any.
      return (
        isOfProfile(revocation, profileVersionArn) &&
        (signedAt === undefined || Date.parse(signedAt) >= revocation.from.getTime())
      );
  }
}

function isOfProfile(
  { profileArn, versionArn }: Extract<Revocation, { readonly kind: 'profile' }>,
  named: string | undefined,
): boolean {
  return versionArn === undefined ? named?.startsWith(`${profileArn}/`) === true : named === versionArn;
}

function names({ spec }: TrustPolicy, revocation: Revocation): boolean {
  if (revocation.kind === 'job') return false;
  const { profileArn, versionArn } = revocation;
  const isNamed = (identity: string): boolean =>
    identity === profileArn.toLowerCase() ||
    (versionArn === undefined
      ? identity.startsWith(`${profileArn.toLowerCase()}/`)
      : identity === versionArn.toLowerCase());
  return spec.trustPolicies.some(({ trustedIdentities = [] }) =>
    trustedIdentities.some((identity) => isNamed(identity.toLowerCase())),
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
