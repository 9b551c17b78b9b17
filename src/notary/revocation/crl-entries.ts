import { type DerValue, derError, expectTag, readChildren, readDer, readTime, TAG } from '../certificates/der.ts';
import { readExtensionList } from '../certificates/parsed-certificate.ts';
import { unusable } from './unusable.ts';

/** What a CRL says of one certificate (RFC 5280 §5.3). */
export interface CrlEntry {
  readonly revocationDate: Date;
  /** Number of CRLReason; absent where the CRL gives none. */
  readonly reason?: number;
  readonly invalidityDate?: Date;
}

/** Extensions of an entry that are evaluated, so that they may be critical (RFC 5280 §5.3.1, §5.3.2). */
export const ENTRY_EXTENSION = { reasonCode: '2.5.29.21', invalidityDate: '2.5.29.24' } as const;
const ID_CE = [0x55, 0x1d];
const KNOWN_LAST_ARCS: ReadonlySet<number | undefined> = new Set([21, 24]);
const WHAT = 'the list of revoked certificates';

/**
 * Finds the entries of a certificate in revokedCertificates, in one pass that allocates nothing for the others: a CRL
 * of 32 MiB has near a million entries. Every entry must be DER, and none may have a critical extension that is not
 * understood: such a CRL must not be used at all (RFC 5280 §5.3), whoever the entry is about.
 * @param list content octets of the SEQUENCE OF
 * @param serialNumber content octets of the INTEGER
 * @throws NotaryError InvalidCertificate
 */
export function findEntries(list: Uint8Array, serialNumber: Uint8Array): readonly CrlEntry[] {
  const found: CrlEntry[] = [];
  const at = new Position(list);
  for (let next = 0; next < list.length; ) {
    const begin = next;
    const end = at.enter(next, list.length, TAG.sequence);
    const serialEnd = at.enter(at.content, end, TAG.integer);
    const serial = at.content;
    requireMinimal(list, serial, serialEnd);
    const dateEnd = at.enterTime(serialEnd, end);
    if (dateEnd < end) checkExtensions(at, dateEnd, end);
    if (isAt(list, serial, serialEnd, serialNumber)) found.push(readEntry(list.subarray(begin, end)));
    next = end;
  }
  return found;
}

/** A place in DER. Not a value for each: the numbers are overwritten. */
class Position {
  /** Where the content of the value last entered begins. */
  content = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Goes to the content of the value at `from`, which must have the tag and end by `limit`. @returns its end */
  enter(from: number, limit: number, tag: number): number {
    if (from + 2 > limit) throw derError(WHAT, 'it ends too early');
    if (this.bytes[from] !== tag) throw derError(WHAT, 'an entry has a field of another type');
    return this.#length(from + 1, limit);
  }

  enterTime(from: number, limit: number): number {
    return this.enter(from, limit, this.bytes[from] === TAG.utcTime ? TAG.utcTime : TAG.generalizedTime);
  }

  #length(from: number, limit: number): number {
    const first = this.bytes[from] ?? 0;
    let length = first;
    this.content = from + 1;
    if (first >= 0x80) {
      const octets = first & 0x7f;
      this.content += octets;
      if (octets === 0 || octets > 4 || this.content > limit) throw derError(WHAT, 'a length that is not DER');
      length = 0;
      for (let i = from + 1; i < this.content; i += 1) length = length * 256 + (this.bytes[i] ?? 0);
      if (length < 0x80 || length < 256 ** (octets - 1)) throw derError(WHAT, 'a length that is not minimal');
    }
    const end = this.content + length;
    if (end > limit) throw derError(WHAT, 'it ends too early');
    return end;
  }
}

/** Another encoding of a serial number would not be found. */
function requireMinimal(bytes: Uint8Array, start: number, end: number): void {
  const [first, second] = [bytes[start] ?? 0, bytes[start + 1] ?? 0];
  const padded = end - start > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (end === start || padded) throw derError(WHAT, 'a serial number that is not minimal');
}

function checkExtensions(at: Position, from: number, entryEnd: number): void {
  const { bytes } = at;
  const end = at.enter(from, entryEnd, TAG.sequence);
  if (end !== entryEnd) throw derError(WHAT, 'an entry has extra fields');
  for (let next = at.content; next < end; ) {
    const extensionEnd = at.enter(next, end, TAG.sequence);
    const oidEnd = at.enter(at.content, extensionEnd, TAG.oid);
    const oid = at.content;
    if (bytes[oidEnd] === TAG.boolean && oidEnd < extensionEnd) {
      const known =
        oidEnd - oid === 3 &&
        bytes[oid] === ID_CE[0] &&
        bytes[oid + 1] === ID_CE[1] &&
        KNOWN_LAST_ARCS.has(bytes[oid + 2]);
      const flagEnd = at.enter(oidEnd, extensionEnd, TAG.boolean);
      const flag = bytes[at.content];
      if (flagEnd - at.content !== 1 || (flag !== 0x00 && flag !== 0xff)) throw derError(WHAT, 'a bad BOOLEAN');
      if (flag === 0xff && !known)
        throw unusable('the CRL', 'a critical extension of an entry is not understood', 'H4');
    }
    next = extensionEnd;
  }
}

function isAt(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i += 1) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}

function readEntry(der: Uint8Array): CrlEntry {
  const [, date, list] = readChildren(readDer(der, TAG.sequence, WHAT), WHAT);
  if (date === undefined) throw derError(WHAT, 'a date is missing');
  const extensions = list === undefined ? new Map<string, never>() : readExtensionList(list);
  const reason = extensions.get(ENTRY_EXTENSION.reasonCode);
  const invalidity = extensions.get(ENTRY_EXTENSION.invalidityDate);
  return {
    revocationDate: readTime(date, WHAT),
    ...(reason === undefined ? {} : { reason: readReason(readDer(reason.value, TAG.enumerated, WHAT)) }),
    ...(invalidity === undefined ? {} : { invalidityDate: readInvalidityDate(invalidity.value) }),
  };
}

/** CRLReason (RFC 5280 §5.3.1). @throws NotaryError InvalidCertificate */
export function readReason(value: DerValue): number {
  const { content } = expectTag(value, TAG.enumerated, 'the reason');
  const [code] = content;
  if (code === undefined || content.length !== 1 || code >= 0x80) throw derError('the reason', 'a bad ENUMERATED');
  return code;
}

/** InvalidityDate (RFC 5280 §5.3.2), which is a GeneralizedTime. @throws NotaryError InvalidCertificate */
export function readInvalidityDate(der: Uint8Array): Date {
  return readTime(readDer(der, TAG.generalizedTime, 'invalidityDate'), 'invalidityDate');
}
