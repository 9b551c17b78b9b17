import type { CheckAction, CheckType } from '../outcome.ts';

export type VerificationLevel = 'strict' | 'permissive' | 'audit' | 'skip';
export type TrustStoreKind = 'ca' | 'signingAuthority' | 'tsa';

/** One statement of a trust policy document, as written (notary.md F). */
export interface TrustPolicyStatementDocument {
  readonly name: string;
  readonly registryScopes: readonly string[];
  readonly signatureVerification: {
    readonly level: string;
    readonly override?: Readonly<Record<string, string>> | undefined;
    readonly verifyTimestamp?: string | undefined;
  };
  readonly trustStores?: readonly string[] | undefined;
  readonly trustedIdentities?: readonly string[] | undefined;
}

export interface TrustPolicyDocument {
  readonly version: string;
  readonly trustPolicies: readonly TrustPolicyStatementDocument[];
}

/** A name of a trust store: `ca:acme-rockets`. */
export interface TrustStoreReference {
  readonly type: TrustStoreKind;
  readonly name: string;
}

export type PolicyCheckType = Extract<
  CheckType,
  'integrity' | 'authenticity' | 'authenticTimestamp' | 'expiry' | 'revocation'
>;

/** A statement, validated: nothing behind `parseTrustPolicyDocument` checks again. */
export interface Statement {
  readonly name: string;
  readonly registryScopes: readonly string[];
  readonly level: VerificationLevel;
  /** Level and overrides combined (F7). */
  readonly actions: Readonly<Record<PolicyCheckType, CheckAction>>;
  /** F8; default always. */
  readonly verifyTimestamp: 'always' | 'afterCertExpiry';
  readonly trustStores: readonly TrustStoreReference[];
  readonly trustedIdentities: readonly string[];
}
