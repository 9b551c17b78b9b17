import type { X509Certificate } from 'node:crypto';
import {
  type DerValue,
  derError,
  expectTag,
  readChildren,
  readDer,
  readNamedBits,
  readOid,
  TAG,
} from '../certificates/der.ts';
import { EXTENSION_OID } from '../certificates/extensions.ts';
import { type ParsedCertificate, parseCertificate } from '../certificates/parsed-certificate.ts';
import { NotaryError } from '../error.ts';
import { ALL_REASONS, type Reasons, reasonsOf } from './reasons.ts';

/** More addresses than these of one kind in one certificate are not followed (notary.md H7). */
export const MAX_ADDRESSES = 4;

const OCSP = '1.3.6.1.5.5.7.48.1';
/** Tags of GeneralName (RFC 5280 §4.2.1.6), and of the fields of DistributionPoint (§4.2.1.13). */
const UNIFORM_RESOURCE_IDENTIFIER = 0x86;
const [FIELD_0, FIELD_1, FIELD_2] = [0xa0, 0x81, 0xa2];

/** One place of CRLs. The addresses are alternatives: each gives the same CRL (RFC 5280 §4.2.1.13). */
export interface DistributionPoint {
  /** `http:` only, in order. */
  readonly addresses: readonly string[];
  /** Its names, DER as received: what a CRL's issuingDistributionPoint is compared with. */
  readonly names: readonly Uint8Array[];
  /** The reasons that its CRL covers. */
  readonly reasons: Reasons;
  /** Whether its CRL is issued by somebody else than the certificate's issuer. */
  readonly indirect: boolean;
}

/** Where a certificate says that its revocation can be asked for. */
export interface RevocationSources {
  /** Absent when the certificate names no responder; `http:` only, so it may be empty. */
  readonly ocsp?: readonly string[];
  /** Absent when the certificate names no distribution point. */
  readonly distributionPoints?: readonly DistributionPoint[];
  /** Where delta CRLs are, by the certificate's own freshestCRL. */
  readonly freshest: readonly DistributionPoint[];
}

/**
 * Reads authorityInfoAccess, cRLDistributionPoints and freshestCRL (RFC 5280 §4.2).
 * @throws NotaryError InvalidCertificate
 */
export function revocationSourcesOf({ extensions }: ParsedCertificate): RevocationSources {
  const access = extensions.get(EXTENSION_OID.authorityInfoAccess);
  const points = extensions.get(EXTENSION_OID.crlDistributionPoints);
  const freshest = extensions.get(EXTENSION_OID.freshestCRL);
  const ocsp = access === undefined ? undefined : readResponders(access.value);
  return {
    ...(ocsp === undefined ? {} : { ocsp }),
    ...(points === undefined ? {} : { distributionPoints: readDistributionPoints(points.value) }),
    freshest: freshest === undefined ? [] : readDistributionPoints(freshest.value),
  };
}

/**
 * Whether a certificate names an OCSP responder or a CRL, so that it can be revoked at all (notary.md H1). One that
 * names them in a way that cannot be read does.
 */
export function namesRevocationSource(certificate: X509Certificate): boolean {
  try {
    const { ocsp, distributionPoints } = revocationSourcesOf(parseCertificate(certificate));
    return ocsp !== undefined || distributionPoints !== undefined;
  } catch (error) {
    if (error instanceof NotaryError) return true;
    throw error;
  }
}

/** Reads CRLDistributionPoints, which is what freshestCRL is too. @throws NotaryError InvalidCertificate */
export function readDistributionPoints(der: Uint8Array): readonly DistributionPoint[] {
  const what = 'the CRL distribution points';
  let left = MAX_ADDRESSES;
  return readChildren(readDer(der, TAG.sequence, what), what).map((point) => {
    const fields = readChildren(expectTag(point, TAG.sequence, what), what);
    const name = fields.find(({ tag }) => tag === FIELD_0);
    const reasons = fields.find(({ tag }) => tag === FIELD_1);
    const names = name === undefined ? [] : readDistributionPointName(name, what);
    const addresses = names.flatMap((each) => addressOf(each)).slice(0, left);
    left -= addresses.length;
    return {
      addresses,
      names: names.map(({ bytes }) => bytes),
      reasons: reasons === undefined ? ALL_REASONS : readReasonFlags(reasons, what),
      indirect: fields.some(({ tag }) => tag === FIELD_2),
    };
  });
}

/** The general names of a DistributionPointName; none when it is relative to the issuer, which has no address. */
export function readDistributionPointName(field: DerValue, what: string): readonly DerValue[] {
  const [choice, ...rest] = readChildren(field, what);
  if (choice === undefined || rest.length > 0) throw derError(what, 'expected one distribution point name');
  return choice.tag === FIELD_0 ? readChildren(choice, what) : [];
}

/** ReasonFlags (RFC 5280 §4.2.1.13) under an implicit tag. */
export function readReasonFlags(field: DerValue, what: string): Reasons {
  return reasonsOf(readNamedBits({ ...field, tag: TAG.bitString }, what));
}

function readResponders(der: Uint8Array): readonly string[] | undefined {
  const what = 'authorityInfoAccess';
  const locations = readChildren(readDer(der, TAG.sequence, what), what).flatMap((description) => {
    const [method, location] = readChildren(expectTag(description, TAG.sequence, what), what);
    if (location === undefined) throw derError(what, 'a location is missing');
    return readOid(method, what) === OCSP ? [location] : [];
  });
  return locations.length === 0 ? undefined : locations.flatMap(addressOf).slice(0, MAX_ADDRESSES);
}

/** The address of a general name, when it is one that may be fetched: `http:`, no credentials (notary.md H2, H4). */
function addressOf({ tag, content }: DerValue): readonly string[] {
  if (tag !== UNIFORM_RESOURCE_IDENTIFIER || content.length > 2048) return [];
  const text = Buffer.from(content).toString('latin1');
  if (!/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return [];
  const { protocol, username, password, href } = new URL(text);
  return protocol === 'http:' && username === '' && password === '' ? [href] : [];
}
