/** The API group, its version and the names Sealwatch writes on objects (design.md, "API"). */
export const GROUP = 'sealwatch.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}` as const;

/** A resource of the Kubernetes API, as its path is built. */
export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export const TRUST_STORES: ResourceType = {
  group: GROUP,
  version: VERSION,
  kind: 'TrustStore',
  plural: 'truststores',
  namespaced: false,
};
export const TRUST_POLICIES: ResourceType = {
  group: GROUP,
  version: VERSION,
  kind: 'TrustPolicy',
  plural: 'trustpolicies',
  namespaced: false,
};
export const IMAGE_SIGNATURE_REQUESTS: ResourceType = {
  group: GROUP,
  version: VERSION,
  kind: 'ImageSignatureRequest',
  plural: 'imagesignaturerequests',
  namespaced: true,
};
export const PODS: ResourceType = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
export const NAMESPACES: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

/** Holds an ImageSignatureRequest until its own signatures are deleted or revoked. */
export const CLEANUP_FINALIZER = `${GROUP}/cleanup`;

export const ANNOTATIONS = {
  /** A new value makes the request reconcile now. */
  reconcileRequestedAt: `${GROUP}/reconcile-requested-at`,
  /** A new value makes the request sign once more, also where its signature was revoked. */
  signAnewRequestedAt: `${GROUP}/sign-anew-requested-at`,
  /** "true" lets the object go although its cleanup could not finish. */
  skipCleanup: `${GROUP}/skip-cleanup`,
} as const;

/** The pod condition that says whether all images of a pod are trusted. */
export const POD_CONDITION = `${GROUP}/ImagesTrusted`;
