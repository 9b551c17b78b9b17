import type { ImageSignatureRequest, ImageStatus } from '../../../../src/api/image-signature-request.ts';
import type { KubernetesObject } from '../../../../src/api/object.ts';
import { createPolicySet, type PolicySet } from '../../../../src/verification/index.ts';

export const DIGEST = `sha256:${'a'.repeat(64)}`;
export const CREATED = '2026-01-01T00:00:00Z';

/** A pod that runs images of registry.example by digest, in namespace shop. */
export function pod(
  name: string,
  images: readonly string[],
  more: {
    readonly condition?: object;
    readonly owner?: { readonly kind: string; readonly name: string };
    readonly labels?: Readonly<Record<string, string>>;
    readonly phase?: string;
    readonly isPending?: boolean;
  } = {},
): KubernetesObject {
  const { condition, owner, labels, phase = 'Running', isPending = false } = more;
  const object = {
    metadata: {
      ...{ name, namespace: 'shop', uid: name, resourceVersion: '1', creationTimestamp: CREATED },
      ...(labels === undefined ? {} : { labels }),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'apps/v1', ...owner, uid: owner.name, controller: true }] }),
    },
    spec: { containers: images.map((image, i) => ({ name: `c${i}`, image })) },
    status: {
      phase,
      containerStatuses: images.map((image, i) => ({
        name: `c${i}`,
        imageID: isPending ? '' : `${image.split(':')[0]}@${DIGEST}`,
        state: isPending ? {} : { running: {} },
      })),
      conditions: condition === undefined ? [] : [{ type: 'sealwatch.dev/ImagesTrusted', ...condition }],
    },
  };
  return object;
}

/** One TrustPolicy of one statement over these scopes. */
export function policies(...registryScopes: readonly string[]): PolicySet {
  return createPolicySet([
    {
      metadata: { name: 'acme', creationTimestamp: CREATED },
      spec: {
        version: '1.0',
        trustPolicies: [
          {
            name: 'images',
            registryScopes,
            signatureVerification: { level: 'strict' },
            trustStores: ['ca:acme'],
            trustedIdentities: ['*'],
          },
        ],
      },
    },
  ]);
}

/** A request of namespace shop with these images in its status. */
export function request(
  name: string,
  images: readonly Partial<ImageStatus>[],
  spec: object = {},
): ImageSignatureRequest {
  return {
    metadata: { name, namespace: 'shop', uid: name, resourceVersion: '1', creationTimestamp: CREATED },
    spec: { images: [], ...spec },
    status: {
      images: images.map((image) => ({
        reference: 'registry.example/web:v1',
        digest: DIGEST,
        verdict: 'Trusted',
        ...image,
      })),
    },
  };
}
