import type { Condition } from './conditions.ts';
import type { KubernetesObject } from './object.ts';
import type { Cause, SignatureCheckStatus, VerdictType } from './verdict.ts';

export type DeletionPolicy = 'Retain' | 'DeleteSignature' | 'RevokeSignature';

export interface SignSpec {
  /** Exactly one of awsSigner and key. */
  readonly awsSigner?: { readonly profileArn: string; readonly assumeRoleArn?: string };
  readonly key?: { readonly secretRef: { readonly name: string } };
  readonly format?: 'JWS' | 'COSE';
  /** Go duration ("8760h"); refused with awsSigner. */
  readonly expiry?: string;
  readonly userMetadata?: Readonly<Record<string, string>>;
  readonly timestamp?: { readonly url: string; readonly trustStore: string };
  readonly platforms?: 'Index' | 'IndexAndManifests';
  /** Go duration: sign anew this long before expiry. */
  readonly renewBefore?: string;
}

export interface RegistrySpec {
  readonly secretRefs?: readonly { readonly name: string }[];
  readonly serviceAccountName?: string;
  readonly caBundleFrom?: {
    readonly configMapKeyRef?: { readonly name: string; readonly key: string };
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
  };
  readonly plainHTTP?: boolean;
  readonly assumeRoleArn?: string;
}

export interface ImageSignatureRequestSpec {
  readonly images: readonly string[];
  readonly sign?: SignSpec;
  readonly verify?: { readonly interval?: string; readonly requiredMetadata?: Readonly<Record<string, string>> };
  readonly registry?: RegistrySpec;
  readonly deletionPolicy?: DeletionPolicy;
  readonly suspend?: boolean;
}

export interface SignatureStatus {
  /** Digest of the signature manifest. */
  readonly digest: string;
  /** Digest of the index that it signs and that lists the image; absent: it signs the image itself. */
  readonly index?: string;
  readonly format?: string;
  readonly scheme?: string;
  readonly signedAt?: string;
  readonly expiresAt?: string;
  /** Subject of the leaf, or ARN of the signing profile. */
  readonly signer?: string;
  readonly jobArn?: string;
  readonly profileVersionArn?: string;
  readonly verdict: VerdictType;
  readonly checks: readonly SignatureCheckStatus[];
}

/** One platform's manifest of an index, where the request signs those too. */
export interface PlatformStatus {
  /** `linux/arm64`; empty where the index does not say. */
  readonly platform: string;
  readonly digest: string;
  readonly verdict: VerdictType;
  readonly cause?: Cause;
  /** How many signatures the manifest has of its own. */
  readonly signatures: number;
}

export interface ImageStatus {
  readonly reference: string;
  readonly digest?: string;
  readonly mediaType?: string;
  readonly verdict: VerdictType;
  readonly cause?: Cause;
  /** The index whose signature decided: it lists the image, a platform manifest (notary.md A9). */
  readonly coveredBy?: { readonly digest: string };
  /** While verdict is Unknown: what was known before, and since when that is old. */
  readonly lastKnown?: { readonly verdict: VerdictType; readonly verifiedAt: string };
  /** Name of the statement that applies, `TrustPolicy/statement`. */
  readonly statement?: string;
  /** At most 10; the rest is counted. */
  readonly signatures?: readonly SignatureStatus[];
  readonly omittedSignatures?: number;
  /** Of an index, with sign.platforms IndexAndManifests; at most 32. */
  readonly platforms?: readonly PlatformStatus[];
  readonly omittedPlatforms?: number;
  readonly lastVerifiedTime?: string;
  readonly nextVerificationTime?: string;
}

/** A signature that this request made: only these may its cleanup delete or revoke. */
export interface OwnSignature {
  /** `registry/repository`. */
  readonly repository: string;
  readonly subjectDigest: string;
  /** Digest of the signature manifest. */
  readonly digest: string;
  readonly signedAt: string;
  readonly expiresAt?: string;
  readonly jobArn?: string;
  readonly profileVersionArn?: string;
}

export interface ImageSignatureRequestStatus {
  readonly observedGeneration?: number;
  readonly lastHandledReconcileAt?: string;
  readonly lastHandledSignAnewAt?: string;
  readonly images?: readonly ImageStatus[];
  readonly ownSignatures?: readonly OwnSignature[];
  /** The columns of `kubectl get`: "2/3" and the like. */
  readonly summary?: {
    readonly images: number;
    readonly signed: string;
    readonly verified: string;
    readonly revoked: number;
    /** The earliest expiry of a signature in force, RFC 3339. */
    readonly expires?: string;
    readonly lastCheck?: string;
  };
  readonly conditions?: readonly Condition[];
}

export interface ImageSignatureRequest extends KubernetesObject {
  readonly spec: ImageSignatureRequestSpec;
  readonly status?: ImageSignatureRequestStatus;
}
