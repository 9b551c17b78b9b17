import { describe, expect, it } from 'vitest';
import type {
  CheckCode,
  CheckResult,
  Envelope,
  SignatureOutcome,
  SignatureVerdict,
} from '../../../src/notary/index.ts';
import { OciError, type OciErrorCode } from '../../../src/oci/index.ts';
import { changesAt, combine } from '../../../src/verification/evaluation.ts';
import { type EvaluatedSignature, registryCause } from '../../../src/verification/index.ts';

const ENVELOPE = {} as Envelope;
let nextDigest = 0;
function digest(): string {
  nextDigest += 1;
  return `sha256:${String(nextDigest).padStart(64, '0')}`;
}

function check(reason: string, more: Partial<CheckResult> = {}): CheckResult {
  return { type: 'authenticity', action: 'enforce', result: 'failed', code: 'NotFromTrustStore', reason, ...more };
}

function evaluated(verdict: SignatureVerdict, more: Partial<SignatureOutcome> = {}): EvaluatedSignature {
  const decisive = verdict === 'Trusted' ? {} : { decisive: check(verdict) };
  return {
    digest: digest(),
    kind: 'evaluated',
    outcome: { verdict, checks: [], envelope: ENVELOPE, ...decisive, ...more },
  };
}

const malformed = (): EvaluatedSignature => ({ digest: digest(), kind: 'malformed', message: 'not JSON' });
const unreachable = (code: OciErrorCode): EvaluatedSignature => ({
  digest: digest(),
  kind: 'unreachable',
  error: new OciError(code, code),
});

const KINDS = {
  Trusted: () => evaluated('Trusted'),
  Unknown: () => evaluated('Unknown'),
  Unreachable: () => unreachable('Unreachable'),
  Revoked: () => evaluated('Revoked'),
  Expired: () => evaluated('Expired'),
  Gone: () => unreachable('NotFound'),
  Untrusted: () => evaluated('Untrusted'),
  Malformed: malformed,
} as const;
type Kind = keyof typeof KINDS;

const NOT_TRUNCATED = { truncated: false, max: 100 };

describe('combine', () => {
  it('no signature at all is Unsigned', () => {
    expect(combine([], NOT_TRUNCATED)).toMatchObject({ verdict: 'Unsigned', cause: { reason: 'NoSignature' } });
  });

  /** Every pair of kinds, and what the two together are worth; the order of the two must not count. */
  const RANKED: readonly (readonly [Kind, string])[] = [
    ['Trusted', 'Trusted'],
    ['Unknown', 'Unknown'],
    ['Unreachable', 'Unknown'],
    ['Revoked', 'Revoked'],
    ['Expired', 'Expired'],
    ['Gone', 'Unknown'],
    ['Untrusted', 'Untrusted'],
    ['Malformed', 'Untrusted'],
  ];
  const PAIRS = RANKED.flatMap(([better, verdict], i) =>
    RANKED.slice(i).map(([worse]) => [better, worse, verdict] as const),
  );
  it.each(PAIRS)('%s with %s is %s, in either order (notary.md A8, G)', (better, worse, verdict) => {
    for (const truncated of [false, true]) {
      const limit = { truncated, max: 2 };
      expect(combine([KINDS[better](), KINDS[worse]()], limit).verdict).toBe(verdict);
      expect(combine([KINDS[worse](), KINDS[better]()], limit).verdict).toBe(verdict);
    }
  });

  it('a good signature behind 99 bad ones passes, and no cause is told (faults.md 31)', () => {
    const good = evaluated('Trusted');
    const all = [...Array.from({ length: 99 }, malformed), good];
    expect(combine(all, NOT_TRUNCATED)).toEqual({ verdict: 'Trusted', decidedBy: good });
  });

  it('the limit reached with none that passes has its own reason (notary.md A7; faults.md 30)', () => {
    const { verdict, cause } = combine([malformed(), evaluated('Untrusted')], { truncated: true, max: 2 });
    expect(verdict).toBe('Untrusted');
    expect(cause?.reason).toBe('TooManySignatures');
    expect(cause?.message).toContain('none of the first 2 signatures');
    expect(combine([], { truncated: true, max: 0 }).verdict).toBe('Untrusted');
  });

  it('what was revoked, and since when, stands in the cause', () => {
    const revoked = ['arn:aws:signer:us-west-2:123456789012:/signing-jobs/1'];
    const since = new Date('2026-01-01T00:00:00Z');
    const decisive = check('revoked', { type: 'revocation', code: 'SigningJobRevoked', revoked, since });
    expect(combine([evaluated('Revoked', { decisive })], NOT_TRUNCATED).cause).toMatchObject({
      reason: 'SigningJobRevoked',
      revoked,
      since: '2026-01-01T00:00:00.000Z',
    });
  });

  it('of several that fail, the one that came furthest is told: a person can mend it', () => {
    const passed = check('', { type: 'integrity', result: 'passed' });
    const near = evaluated('Untrusted', {
      checks: [passed],
      decisive: check('another identity', { code: 'NotATrustedIdentity' }),
    });
    const { cause, decidedBy } = combine([malformed(), near, evaluated('Untrusted')], NOT_TRUNCATED);
    expect(decidedBy).toBe(near);
    expect(cause?.reason).toBe('NotATrustedIdentity');
    expect(cause?.message).toMatch(
      /^none of 3 signatures passes; the nearest: signature sha256:[0-9]{12} \(authenticity\): another/,
    );
  });

  const passedIntegrity = check('', { type: 'integrity', result: 'passed' });
  const failed = (code: CheckCode, signedAt = '2026-01-01T00:00:00Z'): EvaluatedSignature =>
    evaluated('Untrusted', {
      checks: [passedIntegrity, check('no', { code })],
      decisive: check('no', { code }),
      envelope: { signingTime: new Date(signedAt) } as Envelope,
    });
  const decidedByBoth = (one: EvaluatedSignature, other: EvaluatedSignature) => [
    combine([one, other], NOT_TRUNCATED).decidedBy,
    combine([other, one], NOT_TRUNCATED).decidedBy,
  ];

  it('a stranger does not hide who is in a trust store under an identity not listed, in either order (E6, F5)', () => {
    const stranger = failed('NotFromTrustStore', '2026-06-01T00:00:00Z');
    const unlisted = failed('NotATrustedIdentity');
    expect(decidedByBoth(stranger, unlisted)).toEqual([unlisted, unlisted]);
    expect(combine([stranger, unlisted], NOT_TRUNCATED).cause?.reason).toBe('NotATrustedIdentity');
  });

  it('more checks passed count before it (E6, F5)', () => {
    const unlisted = evaluated('Untrusted', { decisive: check('no', { code: 'NotATrustedIdentity' }) });
    const stranger = failed('NotFromTrustStore');
    expect(decidedByBoth(unlisted, stranger)).toEqual([stranger, stranger]);
  });

  it('of two that came as far the one signed later is told, in either order', () => {
    const early = failed('NotATrustedIdentity', '2026-01-01T00:00:00Z');
    const late = failed('NotATrustedIdentity', '2026-01-01T00:00:01Z');
    expect(decidedByBoth(early, late)).toEqual([late, late]);
    expect(decidedByBoth(late, early)).toEqual([late, late]);
  });

  it('of two signed at once, or not even read, one and the same is told in either order', () => {
    for (const [one, other] of [
      [failed('NotFromTrustStore'), failed('NotFromTrustStore')],
      [malformed(), malformed()],
    ] as const) {
      expect(decidedByBoth(one, other)).toEqual([other, other]);
    }
  });
});

describe('registryCause', () => {
  it.each<[OciErrorCode, string]>([
    ['Unreachable', 'RegistryUnreachable'],
    ['Timeout', 'RegistryUnreachable'],
    ['ServerError', 'RegistryUnreachable'],
    ['Unauthorized', 'RegistryDenied'],
    ['Denied', 'RegistryDenied'],
    ['RateLimited', 'RegistryRateLimited'],
    ['NotFound', 'ImageNotFound'],
    ['AddressRefused', 'AddressRefused'],
    ['PlainHTTPRefused', 'AddressRefused'],
    ['InvalidAnswer', 'RegistryAnswerInvalid'],
    ['DigestMismatch', 'RegistryAnswerInvalid'],
    ['TooLarge', 'RegistryAnswerInvalid'],
    ['InvalidReference', 'RegistryAnswerInvalid'],
  ])('%s is told as %s', (code, reason) => {
    expect(registryCause(new OciError(code, 'why'))).toEqual({ reason, message: 'why' });
  });
});

describe('changesAt', () => {
  it('is the earliest moment of all that have one', () => {
    const moment = (text: string): EvaluatedSignature => evaluated('Trusted', { changesAt: new Date(text) });
    const early = '2026-01-01T00:00:00Z';
    expect(changesAt([malformed(), moment('2026-02-01T00:00:00Z'), moment(early), evaluated('Revoked')])).toEqual(
      new Date(early),
    );
    expect(changesAt([malformed(), evaluated('Revoked')])).toBeUndefined();
  });
});
