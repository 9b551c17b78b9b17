import {
  type DerValue,
  expectTag,
  readBoolean,
  readChildren,
  readOid,
  readSmallInteger,
  readTime,
  TAG,
} from '../certificates/der.ts';
import { readAlgorithm } from '../certificates/parsed-certificate.ts';
import { requireStrictDer } from '../certificates/strict-der.ts';
import { quote } from '../quote.ts';
import { invalidTimestamp } from './error.ts';
import { fieldsOf } from './fields.ts';
import { hashOf } from './hash.ts';
import type { TimestampHash, TimestampRange } from './timestamp.ts';

/** What a time stamping authority says (RFC 3161 §2.4.2). */
export interface TstInfo {
  readonly imprint: { readonly hash: TimestampHash; readonly digest: Uint8Array };
  /** genTime, rounded outwards to milliseconds. */
  readonly genTime: TimestampRange;
  /** genTime less and plus its accuracy, rounded outwards to milliseconds. */
  readonly range: TimestampRange;
  /** The octets of the INTEGER. */
  readonly nonce?: Uint8Array;
}

const HASH_BYTES: Readonly<Record<TimestampHash, number>> = { sha256: 32, sha384: 48, sha512: 64 };

/** The baseline policy of ETSI EN 319 421: who stamps by it and says no accuracy is within one second. */
const BASELINE_POLICY = '0.4.0.2023.1.1';
const SECOND_MICROS = 1_000_000n;

const MILLIS = 0x80;
const MICROS = 0x81;
const TSA_NAME = 0xa0;
const EXTENSIONS = 0xa1;
const GEN_TIME = /^(\d{14})(?:\.(\d{0,17}[1-9]))?Z$/;

/**
 * Reads a TSTInfo by strict DER, no field passed over.
 * @throws NotaryError InvalidTimestamp or InvalidCertificate
 */
export function parseTstInfo(der: Uint8Array): TstInfo {
  const what = 'the TSTInfo';
  const fields = fieldsOf(requireStrictDer(der, what), what);
  const version = readSmallInteger(fields.next(TAG.integer), what);
  if (version !== 1) throw invalidTimestamp(`${what}: expected version 1, found ${version}`);
  const policy = readOid(fields.next(TAG.oid), what);
  const imprint = readImprint(fields.next(TAG.sequence));
  fields.next(TAG.integer, 'the serial number of the TSTInfo');
  const genTime = genTimeMicros(fields.next(TAG.generalizedTime, 'genTime'));
  const accuracy = accuracyMicros(fields.maybe(TAG.sequence), policy);
  // Whether the authority's times are in order.
  fields.maybe(TAG.boolean);
  const nonce = fields.maybe(TAG.integer)?.content;
  // The authority's name; its certificate says it better.
  fields.maybe(TSA_NAME);
  checkExtensions(fields.maybe(EXTENSIONS));
  fields.end();
  return {
    imprint,
    genTime: rangeOf(genTime, genTime),
    range: rangeOf(genTime - accuracy, genTime + accuracy),
    ...(nonce === undefined ? {} : { nonce }),
  };
}

function rangeOf(fromMicros: bigint, toMicros: bigint): TimestampRange {
  const [from, to] = [Number(fromMicros), Number(toMicros)];
  return { notBefore: new Date(Math.floor(from / 1000)), notAfter: new Date(Math.ceil(to / 1000)) };
}

function readImprint(value: DerValue): TstInfo['imprint'] {
  const what = 'the messageImprint';
  const fields = fieldsOf(value, what);
  const hash = hashOf(readAlgorithm(fields.next(TAG.sequence), what), what);
  const { content } = fields.next(TAG.octetString);
  fields.end();
  if (content.length !== HASH_BYTES[hash]) throw invalidTimestamp(`${what}: its length is not that of ${hash}`);
  return { hash, digest: content };
}

/** genTime in microseconds: UTC, fractions without trailing zeros (RFC 3161 §2.4.2). What is finer is cut. */
function genTimeMicros({ content }: DerValue): bigint {
  const text = Buffer.from(content).toString('latin1');
  const match = GEN_TIME.exec(text);
  const [, whole, fraction = ''] = match ?? [];
  if (whole === undefined) {
    throw invalidTimestamp(
      `genTime: expected YYYYMMDDhhmmss[.f]Z, fractions without trailing zeros, found ${quote(text)}`,
    );
  }
  const seconds = readTime({ tag: TAG.generalizedTime, bytes: content, content: Buffer.from(`${whole}Z`) }, 'genTime');
  return BigInt(seconds.getTime()) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
}

/** Accuracy in microseconds: none said is none, but for the baseline policy (trust-store-trust-policy, "Steps"). */
function accuracyMicros(value: DerValue | undefined, policy: string): bigint {
  const what = 'the accuracy';
  if (value === undefined) return policy === BASELINE_POLICY ? SECOND_MICROS : 0n;
  const fields = fieldsOf(value, what);
  const take = (tag: number, factor: bigint, max: number): bigint => {
    const part = fields.maybe(tag);
    if (part === undefined) return 0n;
    // The context tags of millis and micros stand in the place of INTEGER.
    const number = readSmallInteger({ ...part, tag: TAG.integer }, what);
    if (number > max) throw invalidTimestamp(`${what}: expected at most ${max}, found ${number}`);
    return BigInt(number) * factor;
  };
  const sum = take(TAG.integer, SECOND_MICROS, 0xffff_ffff) + take(MILLIS, 1000n, 999) + take(MICROS, 1n, 999);
  fields.end();
  return sum === 0n && policy === BASELINE_POLICY ? SECOND_MICROS : sum;
}

/** RFC 3161 §2.4.2: extensions as those of certificates; none that is critical is understood here. */
function checkExtensions(list: DerValue | undefined): void {
  const what = 'the extensions of the TSTInfo';
  for (const extension of list === undefined ? [] : readChildren(list, what)) {
    const [oid, flag] = readChildren(expectTag(extension, TAG.sequence, what), what);
    if (flag?.tag === TAG.boolean && readBoolean(flag, what)) {
      throw invalidTimestamp(`the critical extension ${readOid(oid, what)} of the TSTInfo is not understood`);
    }
  }
}
