import { NotaryError } from '../error.ts';

/** One value of DER (X.690), with the bytes it was read from. */
export interface DerValue {
  readonly tag: number;
  /** Identifier, length and content octets, as received. */
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const MAX_OID_BYTES = 64;
/** Values inside one value. Lists that may be longer (the entries of a CRL) are not read by `readChildren`. */
const MAX_CHILDREN = 1_000;
const TIME = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/**
 * Reads DER that is exactly one value of the given tag. Unlike BER readers it refuses indefinite and non-minimal
 * lengths and trailing bytes: a certificate that two parsers could read differently is no certificate.
 * @throws NotaryError InvalidCertificate
 */
export function readDer(bytes: Uint8Array, tag: number, what: string): DerValue {
  const value = readAt(bytes, 0, what);
  if (value.bytes.length !== bytes.length) throw derError(what, 'bytes follow it');
  return expectTag(value, tag, what);
}

/** The values inside a constructed value, in order: at most 1,000, for each takes a hundred times its two bytes. */
export function readChildren(value: DerValue, what: string): readonly DerValue[] {
  const children: DerValue[] = [];
  for (let at = 0; at < value.content.length; ) {
    if (children.length >= MAX_CHILDREN) throw derError(what, `more than ${MAX_CHILDREN} values`);
    const child = readAt(value.content, at, what);
    children.push(child);
    at += child.bytes.length;
  }
  return children;
}

/** The value, if it is there and has the tag. */
export function expectTag(value: DerValue | undefined, tag: number, what: string): DerValue {
  if (value === undefined) throw derError(what, 'it is missing');
  if (value.tag !== tag) throw derError(what, `expected tag 0x${tag.toString(16)}, found 0x${value.tag.toString(16)}`);
  return value;
}

/** An object identifier in dotted form. */
export function readOid(value: DerValue | undefined, what: string): string {
  const { content } = expectTag(value, TAG.oid, what);
  const last = content.at(-1);
  if (last === undefined || last >= 0x80 || content.length > MAX_OID_BYTES) throw derError(what, 'a bad OID');
  let text = '';
  let arc: number | bigint = 0;
  for (const byte of content) {
    if (arc === 0 && byte === 0x80) throw derError(what, 'a bad OID');
    arc = appendDigit(arc, byte & 0x7f);
    if (byte >= 0x80) continue;
    text += text === '' ? firstArcs(arc) : `.${arc}`;
    arc = 0;
  }
  return text;
}

/** A number while it is exact: a certificate has some thirty OIDs, and integers of any size take ten times as long. */
function appendDigit(arc: number | bigint, digit: number): number | bigint {
  if (typeof arc === 'number' && arc < 2 ** 46) return arc * 128 + digit;
  return (BigInt(arc) << 7n) | BigInt(digit);
}

/** The first subidentifier stands for two arcs (X.690 §8.19.4). */
function firstArcs(value: number | bigint): string {
  if (value < 40) return `0.${value}`;
  return value < 80 ? `1.${Number(value) - 40}` : `2.${BigInt(value) - 80n}`;
}

/** A BOOLEAN: 0x00 or 0xff, as DER demands. */
export function readBoolean(value: DerValue, what: string): boolean {
  const { content } = expectTag(value, TAG.boolean, what);
  if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff)) throw derError(what, 'a bad BOOLEAN');
  return content[0] === 0xff;
}

/** A non-negative INTEGER of at most four octets, minimally encoded. */
export function readSmallInteger(value: DerValue | undefined, what: string): number {
  const { content } = expectTag(value, TAG.integer, what);
  const [first, second] = content;
  const padded = first === 0 && second !== undefined && second < 0x80;
  if (first === undefined || first >= 0x80 || padded || content.length > 4) throw derError(what, 'a bad INTEGER');
  return content.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** The bits of a named-bit BIT STRING that are set, by number. */
export function readNamedBits(value: DerValue, what: string): ReadonlySet<number> {
  const { content } = expectTag(value, TAG.bitString, what);
  const [unused, ...octets] = content;
  const last = octets.at(-1);
  if (unused === undefined || unused > 7 || octets.length > 8) throw derError(what, 'a bad BIT STRING');
  if (last === undefined ? unused !== 0 : (last & ((1 << unused) - 1)) !== 0) throw derError(what, 'a bad BIT STRING');
  const bits = new Set<number>();
  octets.forEach((octet, index) => {
    for (let bit = 0; bit < 8; bit++) if ((octet & (0x80 >> bit)) !== 0) bits.add(index * 8 + bit);
  });
  return bits;
}

/**
 * Reads a time in the one form that RFC 5280 §4.1.2.5 allows, on a day that exists: OpenSSL takes any text, and what
 * it cannot read then compares as neither before nor after.
 */
export function readTime({ tag, content }: DerValue, what: string): Date {
  const text = Buffer.from(content).toString('latin1');
  const match = TIME.exec(text);
  const digits = tag === TAG.utcTime ? 12 : 14;
  if (match === null || text.length !== digits + 1 || (tag !== TAG.utcTime && tag !== TAG.generalizedTime)) {
    throw derError(what, 'a time that is not YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ');
  }
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const fullYear = tag === TAG.utcTime ? 1950 + ((Number(year) + 50) % 100) : Number(year);
  const time = new Date(0);
  time.setUTCFullYear(fullYear, Number(month) - 1, day);
  time.setUTCHours(Number(hour), minute, second);
  // What does not exist, Date carries over into the next minute, hour, day or month.
  const exists =
    time.getUTCMonth() === Number(month) - 1 &&
    time.getUTCDate() === day &&
    time.getUTCHours() === hour &&
    time.getUTCMinutes() === minute &&
    time.getUTCSeconds() === second;
  if (!exists || fullYear < 1950) throw derError(what, 'a time that does not exist');
  return time;
}

function readAt(bytes: Uint8Array, at: number, what: string): DerValue {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw derError(what, 'it ends too early');
  if ((tag & 0x1f) === 0x1f) throw derError(what, 'a tag of more than one octet');
  let length = first;
  let header = 2;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    header += octets;
    if (octets === 0 || octets > 4 || at + header > bytes.length) throw derError(what, 'a length that is not DER');
    length = bytes.subarray(at + 2, at + header).reduce((sum, byte) => sum * 256 + byte, 0);
    if (length < 0x80 || length < 256 ** (octets - 1)) throw derError(what, 'a length that is not minimal');
  }
  const end = at + header + length;
  if (end > bytes.length) throw derError(what, 'it ends too early');
  return { tag, bytes: bytes.subarray(at, end), content: bytes.subarray(at + header, end) };
}

/** The error of DER that is not what was expected. */
export function derError(what: string, found: string): NotaryError {
  return new NotaryError('InvalidCertificate', `${what} cannot be read: ${found}`);
}
