import type { X509Certificate } from 'node:crypto';
import { checkChain, MAX_CERTIFICATES } from '../certificates/chain.ts';
import { distinguishedNameOf } from '../certificates/distinguished-name.ts';
import { EKU_OID, extKeyUsageOf } from '../certificates/extensions.ts';
import { type IsSignedBy, isSignedBy } from '../certificates/issuance.ts';
import { parseCertificate } from '../certificates/parsed-certificate.ts';
import { formatRfc3339 } from '../encoding.ts';
import { NotaryError } from '../error.ts';
import { invalidTimestamp } from './error.ts';
import { sameBytes } from './hash.ts';
import type { TimestampRange } from './timestamp.ts';

/** Signatures of certificates that are checked for one token: a bag of look-alikes costs no more than this. */
const MAX_SIGNATURE_CHECKS = 200;

const PASSED_ON: readonly string[] = [EKU_OID.timeStamping, EKU_OID.anyExtendedKeyUsage];

export interface TsaChainInput {
  readonly leaf: X509Certificate;
  /** The certificates of the token, in any order; the root may be missing. */
  readonly certificates: readonly X509Certificate[];
  readonly roots: readonly X509Certificate[];
  /** When every certificate must be valid, whatever the accuracy: a fresh authority's first timestamps are good. */
  readonly genTime: TimestampRange;
  /** Where a cache knows some of the signatures already. */
  readonly signedBy?: IsSignedBy | undefined;
}

/**
 * Finds the chain of a time stamping authority (notary.md I): from its certificate over those of the token to one of
 * the roots, well formed (E2, E3, E7), and valid at the time of the timestamp. Where there are several, the first
 * that is all this.
 * @returns leaf first, root last
 * @throws NotaryError InvalidTimestamp, InvalidCertificateChain or InvalidCertificate: why the last candidate will not do
 */
export function findTsaChain(input: TsaChainInput): readonly X509Certificate[] {
  let refusal: NotaryError | undefined;
  for (const chain of chainsToRoot(input, (error) => (refusal ??= error))) {
    try {
      checkChain(chain, 'timeStamping', input.signedBy);
      checkIssuerPurposes(chain.slice(1));
      checkValidity(chain, input);
      return chain;
    } catch (error) {
      if (!(error instanceof NotaryError)) throw error;
      refusal = error;
    }
  }
  throw refusal ?? notTrusted(input.leaf);
}

/** Every path from the leaf to a root, depth first; what is met on the way and cannot be part of one is reported. */
function* chainsToRoot(
  { leaf, certificates, roots, signedBy = isSignedBy }: TsaChainInput,
  refuse: (error: NotaryError) => void,
): Generator<readonly X509Certificate[]> {
  const rootsByName = bySubject(roots);
  const othersByName = bySubject(certificates);
  const isRoot = (one: X509Certificate): boolean => roots.some((root) => sameBytes(root.raw, one.raw));
  let checks = 0;
  const issued = (certificate: X509Certificate, issuer: X509Certificate): boolean => {
    checks += 1;
    if (checks > MAX_SIGNATURE_CHECKS) {
      throw invalidTimestamp(
        `the chain of the time stamping authority takes more than ${MAX_SIGNATURE_CHECKS} signature checks`,
      );
    }
    try {
      return signedBy(certificate, issuer);
    } catch (error) {
      // A weak signature algorithm: another path may do without this certificate.
      if (!(error instanceof NotaryError)) throw error;
      refuse(error);
      return false;
    }
  };
  function* extend(path: readonly X509Certificate[]): Generator<readonly X509Certificate[]> {
    const last = path.at(-1);
    if (last === undefined) return;
    if (isRoot(last)) {
      yield path;
      return;
    }
    if (path.length >= MAX_CERTIFICATES) return;
    const name = keyOf(parseCertificate(last).issuerDer);
    for (const issuer of [...(rootsByName.get(name) ?? []), ...(othersByName.get(name) ?? [])]) {
      if (path.some((one) => sameBytes(one.raw, issuer.raw)) || !issued(last, issuer)) continue;
      yield* extend([...path, issuer]);
    }
  }
  yield* extend([leaf]);
}

function bySubject(certificates: readonly X509Certificate[]): ReadonlyMap<string, readonly X509Certificate[]> {
  const groups = new Map<string, X509Certificate[]>();
  const seen = new Set<string>();
  for (const certificate of certificates) {
    if (seen.has(certificate.fingerprint256)) continue;
    seen.add(certificate.fingerprint256);
    const name = keyOf(parseCertificate(certificate).subjectDer);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [certificate]);
    else group.push(certificate);
  }
  return groups;
}

/** An authority that is limited to purposes passes on no other (RFC 5280 §4.2.1.12, as it is commonly read). */
function checkIssuerPurposes(issuers: readonly X509Certificate[]): void {
  for (const issuer of issuers) {
    const usage = extKeyUsageOf(parseCertificate(issuer));
    if (usage === undefined || PASSED_ON.some((purpose) => usage.purposes.includes(purpose))) continue;
    const name = distinguishedNameOf(issuer);
    throw invalidTimestamp(`extKeyUsage of ${name} does not have timeStamping, so it cannot issue for it`, {
      rule: 'E7',
    });
  }
}

function checkValidity(chain: readonly X509Certificate[], { genTime: { notBefore, notAfter } }: TsaChainInput): void {
  const outside = chain.find(({ validFromDate, validToDate }) => notBefore < validFromDate || validToDate < notAfter);
  if (outside === undefined) return;
  const validity = `${formatRfc3339(outside.validFromDate)} to ${formatRfc3339(outside.validToDate)}`;
  throw invalidTimestamp(
    `the certificate ${distinguishedNameOf(outside)} of the time stamping authority (${validity}) was not valid at the time of the timestamp, ${notAfter.toISOString()}`,
  );
}

function notTrusted(leaf: X509Certificate): NotaryError {
  return invalidTimestamp(
    `no chain leads from the time stamping authority ${distinguishedNameOf(leaf)}, issued by ${distinguishedNameOf(leaf, 'issuer')}, to a root of the tsa trust stores`,
  );
}

function keyOf(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1');
}
