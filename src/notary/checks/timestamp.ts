import type { X509Certificate } from 'node:crypto';
import { distinguishedNameOf } from '../certificates/distinguished-name.ts';
import { formatRfc3339 } from '../encoding.ts';
import type { CheckResult } from '../outcome.ts';
import type { CheckContext } from '../verify.ts';

/** A signing authority's clock may be ahead of ours by this much (notary.md D). */
const MAX_AHEAD_MS = 5 * 60_000;

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
  if (time === undefined)
    return { result: 'failed', code: 'TimestampFailed', reason: 'authenticSigningTime is missing' };
  if (time.getTime() > now.getTime() + MAX_AHEAD_MS) {
    const reason = `authenticSigningTime ${formatRfc3339(time)} lies more than 5 minutes ahead of the clock`;
    return { result: 'failed', code: 'TimestampFailed', reason };
  }
  const outside = envelope.certificates.find((certificate) => !isValidAt(certificate, time));
  if (outside !== undefined) {
    return {
      result: 'failed',
      code: 'TimestampFailed',
      reason: `${describe(outside)} was not valid at ${formatRfc3339(time)}, the time of signing`,
    };
  }
  return { result: 'passed', reason: `every certificate was valid at ${formatRfc3339(time)}, the time of signing` };
}

async function checkChainTime(context: CheckContext): Promise<Rest> {
  const { envelope, statement, now } = context;
  const invalid = envelope.certificates.find((certificate) => !isValidAt(certificate, now));
  const hasTsaStore = statement.trustStores.some((store) => store.type === 'tsa');
  const needsTimestamp = hasTsaStore && (statement.verifyTimestamp === 'always' || invalid !== undefined);
  if (needsTimestamp) return checkTimestamp(context);
  if (invalid === undefined) return { result: 'passed', reason: 'every certificate is valid now' };
  if (invalid.validFromDate > now) {
    return { result: 'failed', code: 'TimestampFailed', reason: `${describe(invalid)} is not valid yet` };
  }
  return {
    result: 'failed',
    code: 'CertificateExpired',
    reason: `${describe(invalid)} has expired, and no timestamp shows that the signature was made before`,
    since: new Date(invalid.validToDate.getTime() + 1000),
  };
}

async function checkTimestamp(context: CheckContext): Promise<Rest> {
  const { envelope, statement, findTrustStore, verifyTimestamp, signal } = context;
  if (envelope.timestampToken === undefined) {
    return {
      result: 'failed',
      code: 'TimestampFailed',
      reason: 'the policy asks for a timestamp, and the signature has none',
    };
  }
  const stores = statement.trustStores.filter((store) => store.type === 'tsa');
  const missing = stores.find((store) => findTrustStore(store.type, store.name) === undefined);
  const roots = stores.flatMap((store) => findTrustStore(store.type, store.name)?.certificates ?? []);
  if (missing !== undefined && roots.length === 0) {
    return {
      result: 'unknown',
      code: 'TrustStoreUnavailable',
      reason: `the trust store tsa:${missing.name} is not in force`,
    };
  }
  const stamp = await verifyTimestamp(envelope, roots, signal);
  switch (stamp.status) {
    case 'unknown':
      return {
        result: 'unknown',
        code: stamp.notSupportedYet === true ? 'NotSupportedYet' : 'TimestampFailed',
        reason: stamp.reason,
      };
    case 'invalid':
      return { result: 'failed', code: 'TimestampFailed', reason: stamp.reason };
    case 'valid': {
      const outside = envelope.certificates.find(
        (certificate) => !isValidAt(certificate, stamp.notBefore) || !isValidAt(certificate, stamp.notAfter),
      );
      return outside === undefined
        ? {
            result: 'passed',
            reason: `timestamped between ${formatRfc3339(stamp.notBefore)} and ${formatRfc3339(stamp.notAfter)}`,
          }
        : {
            result: 'failed',
            code: 'TimestampFailed',
            reason: `${describe(outside)} was not valid when the signature was timestamped`,
          };
    }
  }
}

/** RFC 5280 §4.1.2.5: from notBefore through notAfter, both included; times have whole seconds. */
function isValidAt(certificate: X509Certificate, time: Date): boolean {
  const second = Math.floor(time.getTime() / 1000) * 1000;
  return certificate.validFromDate.getTime() <= time.getTime() && second <= certificate.validToDate.getTime();
}

function describe(certificate: X509Certificate): string {
  const from = formatRfc3339(certificate.validFromDate);
  return `the certificate ${distinguishedNameOf(certificate)} (${from} to ${formatRfc3339(certificate.validToDate)})`;
}
