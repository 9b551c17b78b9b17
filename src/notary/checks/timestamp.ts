import type { X509Certificate } from 'node:crypto';
import { distinguishedNameOf } from '../certificates/distinguished-name.ts';
import { MAX_AHEAD_MS } from '../clock-skew.ts';
import { formatRfc3339 } from '../encoding.ts';
import type { CheckResult } from '../outcome.ts';
import type { TimestampRange } from '../timestamp/timestamp.ts';
import type { CheckContext } from '../verify.ts';

type Rest = Omit<CheckResult, 'type' | 'action'>;

/** Whether the chain was valid at the time that counts for the scheme (notary.md D, I). */
export async function checkAuthenticTimestamp(context: CheckContext): Promise<CheckResult> {
  const { envelope, statement } = context;
  const rest =
    envelope.scheme === 'notary.x509.signingAuthority'
      ? checkAuthenticSigningTime(context)
      : await checkChainTime(context);
  return { type: 'authenticTimestamp', action: statement.actions.authenticTimestamp, ...rest };
}

function checkAuthenticSigningTime({ envelope, now }: CheckContext): Rest {
  const time = envelope.authenticSigningTime;
  if (time === undefined) return failed('authenticSigningTime is missing');
  if (time.getTime() > now.getTime() + MAX_AHEAD_MS) {
    return failed(`authenticSigningTime ${formatRfc3339(time)} lies more than 5 minutes ahead of the clock`);
  }
  const outside = envelope.certificates.find((certificate) => !isValidAt(certificate, time));
  return outside === undefined
    ? { result: 'passed', reason: `every certificate was valid at ${formatRfc3339(time)}, the time of signing` }
    : failed(`${describe(outside)} was not valid at ${formatRfc3339(time)}, the time of signing`);
}

async function checkChainTime(context: CheckContext): Promise<Rest> {
  const { envelope, statement, now } = context;
  const expired = firstExpired(envelope.certificates, now);
  const usesTimestamps = statement.trustStores.some((store) => store.type === 'tsa');
  if (usesTimestamps && (statement.verifyTimestamp === 'always' || expired !== undefined)) {
    // Without a timestamp an expired certificate is told as such: that is what a person must mend.
    if (envelope.timestampToken !== undefined) return checkTimestamp(context);
    if (expired === undefined) return failed('the policy asks for a timestamp, and the signature has none');
  }
  if (expired !== undefined) {
    return {
      result: 'failed',
      code: 'CertificateExpired',
      reason: `${describe(expired)} has expired, and no timestamp shows that the signature was made before`,
      since: expired.validToDate,
    };
  }
  const outside = envelope.certificates.find((certificate) => !isValidAt(certificate, now));
  return outside === undefined
    ? { result: 'passed', reason: 'every certificate is valid now' }
    : failed(`${describe(outside)} is not valid yet`);
}

async function checkTimestamp(context: CheckContext): Promise<Rest> {
  const { envelope, statement, findTrustStore, verifyTimestamp, now, signal } = context;
  const names = statement.trustStores.filter((store) => store.type === 'tsa');
  const missing = names.find((store) => findTrustStore(store.type, store.name) === undefined);
  const roots = names.flatMap((store) => findTrustStore(store.type, store.name)?.certificates ?? []);
  const unavailable: Rest | undefined =
    missing === undefined
      ? undefined
      : {
          result: 'unknown',
          code: 'TrustStoreUnavailable',
          reason: `the trust store tsa:${missing.name} is not in force: create the TrustStore, or correct the policy`,
        };
  if (roots.length === 0 && unavailable !== undefined) return unavailable;
  const stamp = await verifyTimestamp(envelope, roots, { now, signal });
  switch (stamp.status) {
    case 'unknown':
      // Where the time itself will not do, nothing that a responder says can mend it.
      return (
        (stamp.range === undefined ? undefined : outsideValidity(envelope.certificates, stamp.range)) ?? {
          result: 'unknown',
          code: 'RevocationUndetermined',
          reason: stamp.reason,
        }
      );
    case 'invalid':
      // The root of this timestamp may be in the store that is missing.
      if (stamp.dependsOnRoots === true && unavailable !== undefined) return unavailable;
      return { ...failed(stamp.reason), ...until(stamp.validUntil) };
    case 'valid':
      return (
        outsideValidity(envelope.certificates, stamp) ?? {
          result: 'passed',
          reason: `timestamped ${describeRange(stamp)}`,
          ...until(stamp.validUntil),
        }
      );
  }
}

function outsideValidity(certificates: readonly X509Certificate[], range: TimestampRange): Rest | undefined {
  const outside = certificates.find(
    (certificate) => !isValidAt(certificate, range.notBefore) || !isValidAt(certificate, range.notAfter),
  );
  return outside === undefined
    ? undefined
    : failed(`${describe(outside)} was not valid when the signature was timestamped, ${describeRange(range)}`);
}

function until(validUntil: Date | undefined): Pick<CheckResult, 'validUntil'> {
  return validUntil === undefined ? {} : { validUntil };
}

function describeRange({ notBefore, notAfter }: TimestampRange): string {
  return `between ${formatRfc3339(notBefore)} and ${formatRfc3339(notAfter)}`;
}

/** RFC 5280 §4.1.2.5: from notBefore through notAfter, both included. */
function isValidAt(certificate: X509Certificate, time: Date): boolean {
  return certificate.validFromDate <= time && time <= certificate.validToDate;
}

/** Of the certificates that have expired, the one that did first. */
function firstExpired(certificates: readonly X509Certificate[], now: Date): X509Certificate | undefined {
  return certificates
    .filter((certificate) => certificate.validToDate < now)
    .sort((a, b) => a.validToDate.getTime() - b.validToDate.getTime())[0];
}

function failed(reason: string): Rest {
  return { result: 'failed', code: 'TimestampFailed', reason };
}

function describe(certificate: X509Certificate): string {
  const from = formatRfc3339(certificate.validFromDate);
  return `the certificate ${distinguishedNameOf(certificate)} (${from} to ${formatRfc3339(certificate.validToDate)})`;
}
