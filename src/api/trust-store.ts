import type { Condition } from './conditions.ts';
import type { KubernetesObject } from './object.ts';

export type TrustStoreType = 'ca' | 'signingAuthority' | 'tsa';

/** A key of a ConfigMap or Secret in a named namespace. */
export interface ObjectKeyReference {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export interface TrustStoreSpec {
  /** Default: metadata.name. */
  readonly trustStoreName?: string;
  readonly type: TrustStoreType;
  /** PEM certificates. Exactly one of caBundle and caBundleFrom. */
  readonly caBundle?: string;
  readonly caBundleFrom?: {
    readonly configMapKeyRef?: ObjectKeyReference;
    readonly secretKeyRef?: ObjectKeyReference;
  };
}

export interface TrustStoreCertificateStatus {
  readonly subject: string;
  readonly issuer: string;
  /** Hex, lower case. */
  readonly serialNumber: string;
  /** SHA-256 of the DER encoding, hex, lower case. */
  readonly sha256: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

export interface TrustStoreStatus {
  readonly observedGeneration?: number;
  readonly certificates?: readonly TrustStoreCertificateStatus[];
  readonly certificateCount?: number;
  /** The earliest notAfter, RFC 3339: the EXPIRES column. */
  readonly earliestExpiry?: string;
  /**
   * The last spec.caBundle that was good, PEM, so that it survives a restart while spec holds garbage (faults.md 49).
   * Absent where the last good bundle was one of caBundleFrom. The CRD's own rule lets it be nothing that spec.caBundle
   * never was: whoever may write the status alone can bring no root into force by it.
   */
  readonly lastGoodBundle?: string;
  readonly conditions?: readonly Condition[];
}

export interface TrustStore extends KubernetesObject {
  readonly spec: TrustStoreSpec;
  readonly status?: TrustStoreStatus;
}
