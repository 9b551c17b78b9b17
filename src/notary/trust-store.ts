import type { X509Certificate } from 'node:crypto';
import type { TrustStoreKind } from './trust-policy/statement.ts';

/** The certificates of one named trust store, validated (notary.md F9). */
export interface TrustStoreCertificates {
  readonly type: TrustStoreKind;
  readonly name: string;
  readonly certificates: readonly X509Certificate[];
}

/** Finds a store by type and name; undefined when there is none (the check then fails as TrustStoreUnavailable). */
export type FindTrustStore = (type: TrustStoreKind, name: string) => TrustStoreCertificates | undefined;
