import type { CheckCode, CheckResult } from '../outcome.ts';
import { namesRevocationSource } from '../revocation/sources.ts';
import type { CheckContext } from '../verify.ts';

const CODES = {
  signingJob: 'SigningJobRevoked',
  signingProfile: 'SigningProfileRevoked',
  certificate: 'CertificateRevoked',
} as const satisfies Record<string, CheckCode>;

/**
 * Revocation, by the plugin's own way or by OCSP and CRL (notary.md H). Nobody is asked about a chain that was not
 * found trusted: the addresses in it are the signer's to choose (H7). One that names no address needs no asking (H1).
 */
export async function checkRevocationOf(context: CheckContext): Promise<CheckResult> {
  const { statement, envelope, plugin, before, now, signal } = context;
  const base = { type: 'revocation', action: statement.actions.revocation } as const;
  if (base.action === 'skip') return { ...base, result: 'skipped', reason: 'skipped by the policy' };
  const isTrusted = before.some((check) => check.type === 'authenticity' && check.result === 'passed');
  if (!isTrusted && (plugin !== undefined || envelope.certificates.slice(0, -1).some(namesRevocationSource))) {
    const reason = 'not asked, since the signer was not found trusted (notary.md H7)';
    return { ...base, result: 'unknown', code: 'RevocationUndetermined', reason };
  }
  const answer = await (plugin?.checkRevocation ?? context.checkRevocation)(envelope, { now, signal });
  switch (answer.status) {
    case 'good':
      return { ...base, result: 'passed', reason: answer.reason, ...until(answer.validUntil) };
    case 'unknown':
      return {
        ...base,
        result: 'unknown',
        code: 'RevocationUndetermined',
        reason: answer.reason,
      };
    case 'revoked':
      return {
        ...base,
        result: 'failed',
        code: CODES[answer.kind],
        reason: answer.reason,
        revoked: answer.revoked,
        ...(answer.since === undefined ? {} : { since: answer.since }),
        ...until(answer.validUntil),
      };
  }
}

function until(validUntil: Date | undefined): Pick<CheckResult, 'validUntil'> {
  return validUntil === undefined ? {} : { validUntil };
}
