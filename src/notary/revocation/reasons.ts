/** Reasons of CRLReason (RFC 5280 §5.3.1), each at its number; 7 is not used. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

export const CERTIFICATE_HOLD = 6;
export const REMOVE_FROM_CRL = 8;

/** The reason as RFC 5280 spells it. */
export function reasonName(code: number): string {
  return REASONS[code] ?? `reason ${code}`;
}

/** Bits 1 to 8 of ReasonFlags (RFC 5280 §4.2.1.13), as numbers. */
export type Reasons = ReadonlySet<number>;

/** What a CRL without reasons of its own covers. */
export const ALL_REASONS: Reasons = new Set([1, 2, 3, 4, 5, 6, 7, 8]);

/** The reasons among the bits that are set. */
export function reasonsOf(bits: ReadonlySet<number>): Reasons {
  return ALL_REASONS.intersection(bits);
}
