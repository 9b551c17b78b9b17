import { AsnConvert } from '@peculiar/asn1-schema';
import { TSTInfo, TSTInfoVersion } from '@peculiar/asn1-tsp';
import {
  type DerValue,
  expectTag,
  readBoolean,
  readChildren,
  readOid,
  readSmallInteger,
  TAG,
} from '../certificates/der.ts';
import { readAlgorithm } from '../certificates/parsed-certificate.ts';
import { requireStrictDer } from '../certificates/strict-der.ts';
import { quote } from '../quote.ts';
import { invalidTimestamp } from './error.ts';
import { hashOf } from './hash.ts';
import { readTime } from './time.ts';
import type { TimestampHash } from './timestamp.ts';

/** What a time stamping authority says (RFC 3161 §2.4.2). */
export interface TstInfo {
  readonly imprint: { readonly hash: TimestampHash; readonly digest: Uint8Array };
  /** genTime, cut to milliseconds. */
  readonly genTime: Date;
  /** genTime less and plus its accuracy, rounded outwards to milliseconds. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The octets of the INTEGER. */
  readonly nonce?: Uint8Array;
}

const HASH_BYTES: Readonly<Record<TimestampHash, number>> = { sha256: 32, sha384: 48, sha512: 64 };

/** The baseline policy of ETSI EN 319 421: who stamps by it and says no accuracy is within one second. */
const BASELINE_POLICY = '0.4.0.2023.1.1';
const SECOND_MICROS = 1_000_000n;

const MILLIS = 0x80;
const MICROS = 0x81;
const EXTENSIONS = 0xa1;
const GEN_TIME = /^(\d{14})(?:\.(\d{0,17}[1-9]))?Z$/;

/**
 * Reads a TSTInfo by strict DER. The library checks the structure; times it reads leniently, so they are read here.
 * @throws NotaryError InvalidTimestamp or InvalidCertificate
 */
export function parseTstInfo(der: Uint8Array): TstInfo {
  const what = 'the TSTInfo';
  const fields = [...readChildren(requireStrictDer(der, what), what)];
  const { version, policy } = AsnConvert.parse(der, TSTInfo);
  if (version !== TSTInfoVersion.v1) throw invalidTimestamp(`${what}: expected version 1, found ${version}`);
  const [, , imprint, , time, ...optional] = fields;
  const take = (tag: number): DerValue | undefined => (optional[0]?.tag === tag ? optional.shift() : undefined);
  const accuracy = accuracyMicros(take(TAG.sequence), policy);
  take(TAG.boolean);
  const nonce = take(TAG.integer)?.content;
  checkExtensions(optional.find(({ tag }) => tag === EXTENSIONS));
  const genTime = genTimeMicros(time);
  const notBefore = genTime - accuracy;
  const notAfter = genTime + accuracy;
  return {
    imprint: readImprint(imprint),
    genTime: new Date(Number(genTime / 1000n)),
    notBefore: new Date(Math.floor(Number(notBefore) / 1000)),
    notAfter: new Date(Math.ceil(Number(notAfter) / 1000)),
    ...(nonce === undefined ? {} : { nonce }),
  };
}

function readImprint(value: DerValue | undefined): TstInfo['imprint'] {
  const what = 'the messageImprint';
  const [algorithm, digest] = readChildren(expectTag(value, TAG.sequence, what), what);
  const hash = hashOf(readAlgorithm(algorithm, what), what);
  const { content } = expectTag(digest, TAG.octetString, what);
  if (content.length !== HASH_BYTES[hash]) throw invalidTimestamp(`${what}: its length is not that of ${hash}`);
  return { hash, digest: content };
}

/** genTime in microseconds: UTC, fractions without trailing zeros (RFC 3161 §2.4.2). What is finer is cut. */
function genTimeMicros(value: DerValue | undefined): bigint {
  const { content } = expectTag(value, TAG.generalizedTime, 'genTime');
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
  const parts = value === undefined ? [] : [...readChildren(value, what)];
  const take = (tag: number, factor: bigint, max: number): bigint => {
    if (parts[0]?.tag !== tag) return 0n;
    const part = parts.shift();
    // The context tags of millis and micros stand in the place of INTEGER.
    const number = readSmallInteger(part === undefined ? part : { ...part, tag: TAG.integer }, what);
    if (number > max) throw invalidTimestamp(`${what}: expected at most ${max}, found ${number}`);
    return BigInt(number) * factor;
  };
  const sum = take(TAG.integer, SECOND_MICROS, 0xffff_ffff) + take(MILLIS, 1000n, 999) + take(MICROS, 1n, 999);
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
