import type { Condition } from './conditions.ts';
import type { KubernetesObject } from './object.ts';

/** One entry of spec.trustPolicies, as the Notation document has it (notary.md F). */
export interface TrustPolicyStatement {
  readonly name: string;
  readonly registryScopes: readonly string[];
  readonly signatureVerification: {
    readonly level: 'strict' | 'permissive' | 'audit' | 'skip';
    readonly override?: Readonly<Record<string, string>>;
    readonly verifyTimestamp?: 'always' | 'afterCertExpiry';
  };
  readonly trustStores?: readonly string[];
  readonly trustedIdentities?: readonly string[];
}

export interface TrustPolicySpec {
  readonly trustPolicyName?: string;
  readonly version: string;
  readonly trustPolicies: readonly TrustPolicyStatement[];
}

/** Counts by verdict; absent keys are 0. */
export interface VerdictCounts {
  readonly total: number;
  readonly trusted: number;
  readonly revoked: number;
  readonly expired: number;
  readonly untrusted: number;
  readonly unsigned: number;
  readonly unknown: number;
}

export interface TrustPolicyStatus {
  readonly observedGeneration?: number;
  readonly statementCount?: number;
  /** Distinct images (repository and digest) in scope, by verdict. */
  readonly images?: VerdictCounts;
  /** Pods running images in scope, by their worst verdict. */
  readonly pods?: VerdictCounts;
  readonly conditions?: readonly Condition[];
}

export interface TrustPolicy extends KubernetesObject {
  readonly spec: TrustPolicySpec;
  readonly status?: TrustPolicyStatus;
}
