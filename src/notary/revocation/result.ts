/** A revocation, as an authority tells it. */
export interface Revocation {
  readonly revocationDate: Date;
  /** Number of CRLReason; absent where none is given. */
  readonly reason?: number;
  readonly invalidityDate?: Date;
  /** On hold: it may be restored. */
  readonly mayBeLifted: boolean;
}

/** An answer that a status rests on. */
export interface UsedAnswer {
  /** For a sentence: "the CRL of crl.example.com". */
  readonly by: string;
  readonly nextUpdate: Date;
  readonly refreshAt: Date;
}

/** What is known of one certificate (notary.md H1). */
export type CertificateStatus =
  | { readonly status: 'notRevocable' }
  | { readonly status: 'good'; readonly answers: readonly UsedAnswer[] }
  | ({ readonly status: 'revoked'; readonly answers: readonly UsedAnswer[] } & Revocation)
  | { readonly status: 'unknown'; readonly causes: readonly string[] };

/** Whether the key was still to be relied on when a signing authority says that it signed (notary.md D, H5). */
export function isLaterThanSigning(
  { invalidityDate }: Pick<Revocation, 'invalidityDate'>,
  authenticSigningTime: Date | undefined,
): boolean {
  return invalidityDate !== undefined && authenticSigningTime !== undefined && invalidityDate > authenticSigningTime;
}
