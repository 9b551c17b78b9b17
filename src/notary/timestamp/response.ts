import { AsnConvert } from '@peculiar/asn1-schema';
import { PKIStatus, PKIStatusInfo } from '@peculiar/asn1-tsp';
import { type DerValue, readChildren, readDer, readNamedBits, TAG } from '../certificates/der.ts';
import { quote } from '../quote.ts';
import { invalidTimestamp, reading } from './error.ts';
import { fieldsOf } from './fields.ts';

/** Bits of PKIFailureInfo (RFC 3161 §2.4.2); the library's flags are at other places. */
const FAILURES: ReadonlyMap<number, string> = new Map([
  [0, 'badAlg'],
  [2, 'badRequest'],
  [5, 'badDataFormat'],
  [14, 'timeNotAvailable'],
  [15, 'unacceptedPolicy'],
  [16, 'unacceptedExtension'],
  [17, 'addInfoNotAvailable'],
  [25, 'systemFailure'],
]);

/**
 * Reads a TimeStampResp (RFC 3161 §2.4.2) and takes the token out of it, DER.
 * @throws NotaryError InvalidTimestamp when there is none: with what the authority says about it
 */
export function tokenOfResponse(der: Uint8Array): Uint8Array {
  const what = 'the answer of the time stamping authority';
  return reading(what, () => {
    const fields = fieldsOf(readDer(der, TAG.sequence, what), what);
    const info = fields.next(TAG.sequence);
    const token = fields.maybe(TAG.sequence);
    fields.end();
    const { status, statusString } = AsnConvert.parse(info.bytes, PKIStatusInfo);
    if (status !== PKIStatus.granted && status !== PKIStatus.grantedWithMods) {
      const told = [`status ${PKIStatus[status] ?? status}`, ...failuresOf(info, what)].join(', ');
      const text =
        statusString === undefined || statusString.length === 0 ? '' : `: ${quote([...statusString].join(' '))}`;
      throw invalidTimestamp(`the time stamping authority refused (${told})${text}`);
    }
    if (token === undefined) throw invalidTimestamp(`${what} has no timestamp token`);
    return token.bytes;
  });
}

function failuresOf(info: DerValue, what: string): readonly string[] {
  const bits = readChildren(info, what).find(({ tag }) => tag === TAG.bitString);
  if (bits === undefined) return [];
  return [...readNamedBits(bits, 'failInfo')].map((bit) => FAILURES.get(bit) ?? `failure ${bit}`);
}
