import { type DerValue, requireTime, TAG } from '../certificates/der.ts';

/** A UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5. @throws NotaryError InvalidCertificate */
export function readTime(value: DerValue, what: string): Date {
  requireTime(value, what);
  const text = Buffer.from(value.content).toString('latin1');
  const full = value.tag === TAG.utcTime ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  return new Date(full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
