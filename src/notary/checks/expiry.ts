import { formatRfc3339 } from '../encoding.ts';
import type { CheckResult } from '../outcome.ts';
import type { CheckContext } from '../verify.ts';

/** Signature expiry: expired when now is at or after it (notary.md D). */
export function checkExpiry({ envelope, statement, now }: CheckContext): CheckResult {
  const base = { type: 'expiry', action: statement.actions.expiry } as const;
  const { expiry } = envelope;
  if (expiry === undefined) return { ...base, result: 'passed', reason: 'the signature has no expiry' };
  if (now < expiry) return { ...base, result: 'passed', reason: `the signature holds until ${formatRfc3339(expiry)}` };
  return {
    ...base,
    result: 'failed',
    code: 'SignatureExpired',
    reason: `the signature expired at ${formatRfc3339(expiry)}`,
    since: expiry,
  };
}
