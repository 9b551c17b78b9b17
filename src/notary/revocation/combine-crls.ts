import type { Crl } from './crl.ts';
import type { CrlEntry } from './crl-entries.ts';
import { CERTIFICATE_HOLD, REMOVE_FROM_CRL } from './reasons.ts';
import { isLaterThanSigning, type Revocation } from './result.ts';
import { unusable } from './unusable.ts';

/** What the lists say. */
export type ListedStatus = { readonly status: 'notListed' } | ({ readonly status: 'revoked' } & Revocation);

/**
 * What a complete CRL and its delta say of a certificate (notary.md H4; RFC 5280 §5.2.4, §5.3.1): the delta's entry is
 * the newer; removeFromCRL ends a hold, and nothing else.
 * @param authenticSigningTime a revocation whose invalidityDate is later does not count (notary.md H5)
 * @throws NotaryError InvalidCertificate when the lists contradict themselves, or must not be used
 */
export function combineEntries(
  base: Crl,
  delta: Crl | undefined,
  serialNumber: Uint8Array,
  authenticSigningTime: Date | undefined,
): ListedStatus {
  const listed = decisive(base.entriesOf(serialNumber));
  if (listed?.reason === REMOVE_FROM_CRL) throw unusable('the CRL', 'removeFromCRL stands outside a delta CRL', 'H4');
  // A delta that the complete CRL has overtaken says nothing new: both count in one sequence (RFC 5280 §5.2.3).
  const isNews = delta?.number !== undefined && base.number !== undefined && delta.number >= base.number;
  const changed = delta === undefined ? undefined : decisive(delta.entriesOf(serialNumber));
  const entry = isNews ? newest(listed, changed) : listed;
  if (entry === undefined || isLaterThanSigning(entry, authenticSigningTime)) return { status: 'notListed' };
  return { status: 'revoked', ...entry, mayBeLifted: entry.reason === CERTIFICATE_HOLD };
}

function newest(listed: CrlEntry | undefined, changed: CrlEntry | undefined): CrlEntry | undefined {
  if (changed === undefined) return listed;
  const isFinal = listed !== undefined && listed.reason !== CERTIFICATE_HOLD;
  if (changed.reason === REMOVE_FROM_CRL) return isFinal ? listed : undefined;
  return changed.reason === CERTIFICATE_HOLD && isFinal ? listed : changed;
}

/** Of several entries for one certificate, the one that cannot be taken back. */
function decisive(entries: readonly CrlEntry[]): CrlEntry | undefined {
  const final = entries.find(({ reason }) => reason !== CERTIFICATE_HOLD && reason !== REMOVE_FROM_CRL);
  if (final !== undefined) return final;
  if (new Set(entries.map(({ reason }) => reason)).size > 1) {
    throw unusable('the CRL', 'it puts the certificate on hold and takes it off again', 'H4');
  }
  return entries[0];
}
