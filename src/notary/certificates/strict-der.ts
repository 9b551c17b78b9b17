import { type DerValue, derError, readBoolean, readChildren, readDer, TAG } from './der.ts';

const CONSTRUCTED = 0x20;
const CLASS = 0xc0;
const MAX_DEPTH = 40;
const MAX_VALUES = 20_000;

/**
 * Requires one SEQUENCE in DER, down to its last value: definite and minimal lengths, no strings in pieces, booleans
 * and integers in their one form, bounded in depth and count. ASN.1 libraries read BER; what passes here they can
 * read in one way only.
 * @throws NotaryError InvalidCertificate
 */
export function requireStrictDer(bytes: Uint8Array, what: string): DerValue {
  const top = readDer(bytes, TAG.sequence, what);
  let values = 0;
  const walk = (value: DerValue, depth: number): void => {
    values += 1;
    if (depth > MAX_DEPTH) throw derError(what, `more than ${MAX_DEPTH} levels`);
    if (values > MAX_VALUES) throw derError(what, `more than ${MAX_VALUES} values`);
    checkForm(value, what);
    if ((value.tag & CONSTRUCTED) !== 0) for (const child of readChildren(value, what)) walk(child, depth + 1);
  };
  walk(top, 1);
  return top;
}

function checkForm(value: DerValue, what: string): void {
  const { tag, content } = value;
  if ((tag & CLASS) !== 0) return;
  const isList = tag === TAG.sequence || tag === TAG.set;
  if (((tag & CONSTRUCTED) !== 0) !== isList || tag === 0x10 || tag === 0x11 || tag === 0) {
    throw derError(what, `the tag 0x${tag.toString(16)} is not DER`);
  }
  if (tag === TAG.boolean) readBoolean(value, what);
  if (tag === TAG.integer && !isMinimal(content)) throw derError(what, 'an INTEGER that is not minimal');
}

function isMinimal([first, second]: Uint8Array): boolean {
  if (first === undefined) return false;
  if (second === undefined) return true;
  return !(first === 0x00 && second < 0x80) && !(first === 0xff && second >= 0x80);
}
