import { checkAuthenticity } from './checks/authenticity.ts';
import { checkDescriptor, checkUserMetadata } from './checks/content.ts';
import { checkExpiry } from './checks/expiry.ts';
import { checkRevocationOf } from './checks/revocation.ts';
import { checkAuthenticTimestamp } from './checks/timestamp.ts';
import { MAX_AHEAD_MS } from './clock-skew.ts';
import type { Descriptor } from './descriptor.ts';
import type { Envelope } from './envelope/envelope.ts';
import { parseEnvelope } from './envelope/parse.ts';
import { NotaryError } from './error.ts';
import { checkIntegrityOf, pluginOf } from './integrity.ts';
import type { CheckResult, SignatureOutcome, SignatureVerdict } from './outcome.ts';
import type { VerificationPlugin } from './plugin.ts';
import type { RevocationChecker } from './revocation/revocation.ts';
import type { TimestampVerifier } from './timestamp/timestamp.ts';
import type { Statement } from './trust-policy/statement.ts';
import type { FindTrustStore } from './trust-store.ts';
import type { VerificationCache } from './verification-cache.ts';

export interface VerifySignatureInput {
  readonly envelopeBytes: Uint8Array;
  readonly mediaType: string;
  /** The resolved descriptor of the image: exactly this must be what was signed (A9). */
  readonly subject: Descriptor;
  /** Not of level skip: that needs no signature. */
  readonly statement: Statement;
  readonly findTrustStore: FindTrustStore;
  readonly requiredMetadata?: Readonly<Record<string, string>>;
  readonly now: Date;
  readonly plugins: readonly VerificationPlugin[];
  readonly checkRevocation: RevocationChecker;
  readonly verifyTimestamp: TimestampVerifier;
  /** What is known of bytes already; default: nothing. */
  readonly cache?: VerificationCache;
  readonly signal: AbortSignal;
}

/** What a check works with, once the envelope is parsed. */
export interface CheckContext extends VerifySignatureInput {
  readonly envelope: Envelope;
  readonly plugin: VerificationPlugin | undefined;
  /** The results so far. */
  readonly before: readonly CheckResult[];
}

type Check = (context: CheckContext) => CheckResult | Promise<CheckResult>;

/** The order of notary.md G, after integrity. */
const CHECKS: readonly Check[] = [
  checkAuthenticity,
  checkExpiry,
  checkAuthenticTimestamp,
  checkRevocationOf,
  checkDescriptor,
  checkUserMetadata,
];

/**
 * Verifies one signature under one statement (notary.md G). An enforced failure ends it; a logged one is reported and
 * goes on. Bad input never throws: a malformed envelope is an outcome too, and fails alone (A8).
 */
export async function verifySignature(input: VerifySignatureInput): Promise<SignatureOutcome> {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(input.envelopeBytes, input.mediaType, input.cache?.readCertificate);
  } catch (error) {
    if (!(error instanceof NotaryError)) throw error;
    return unparsed(error);
  }
  const checks: CheckResult[] = [integrityResult(envelope, input)];
  const outcome = (): SignatureOutcome => summarize(envelope, checks, input);
  if (endsSignature(checks[0])) return outcome();

  const plugin = pluginOf(envelope, input.plugins);
  for (const check of CHECKS) {
    const result = await check({ ...input, envelope, plugin, before: checks });
    checks.push(result);
    if (endsSignature(result)) break;
  }
  return outcome();
}

function integrityResult(envelope: Envelope, input: VerifySignatureInput): CheckResult {
  const failure = checkIntegrityOf(envelope, input);
  return failure === undefined
    ? {
        type: 'integrity',
        action: 'enforce',
        result: 'passed',
        reason: 'the signature verifies and its chain is well formed',
      }
    : { type: 'integrity', action: 'enforce', result: 'failed', ...failure };
}

function unparsed(error: NotaryError): SignatureOutcome {
  const check: CheckResult = {
    type: 'integrity',
    action: 'enforce',
    result: 'failed',
    code: 'SignatureMalformed',
    reason: error.message,
  };
  return { verdict: verdictOf(check), checks: [check], decisive: check };
}

function endsSignature(check: CheckResult | undefined): boolean {
  return check !== undefined && check.action === 'enforce' && (check.result === 'failed' || check.result === 'unknown');
}

function summarize(envelope: Envelope, checks: readonly CheckResult[], input: VerifySignatureInput): SignatureOutcome {
  const last = checks.at(-1);
  const decisive = endsSignature(last) ? last : undefined;
  const changesAt = nextChange(envelope, checks, decisive, input.now);
  return {
    verdict: decisive === undefined ? 'Trusted' : verdictOf(decisive),
    checks,
    ...(decisive === undefined ? {} : { decisive }),
    envelope,
    ...(changesAt === undefined ? {} : { changesAt }),
  };
}

function verdictOf(decisive: CheckResult): SignatureVerdict {
  if (decisive.result === 'unknown') return 'Unknown';
  switch (decisive.code) {
    case 'SignatureExpired':
    case 'CertificateExpired':
      return 'Expired';
    case 'SigningJobRevoked':
    case 'SigningProfileRevoked':
    case 'CertificateRevoked':
      return 'Revoked';
    default:
      return 'Untrusted';
  }
}

/**
 * The next moment at which time alone may change a check: the expiry, and the bounds of what the scheme compares with
 * the clock, and the time at which the data behind a check runs out. Nothing in time mends integrity or authenticity.
 */
function nextChange(
  envelope: Envelope,
  checks: readonly CheckResult[],
  decisive: CheckResult | undefined,
  now: Date,
): Date | undefined {
  if (decisive?.type === 'integrity' || decisive?.type === 'authenticity') return undefined;
  const moments = envelope.expiry === undefined ? [] : [envelope.expiry.getTime()];
  if (envelope.authenticSigningTime !== undefined) {
    moments.push(envelope.authenticSigningTime.getTime() - MAX_AHEAD_MS);
  } else {
    for (const { validFromDate, validToDate } of envelope.certificates) {
      // Still valid at notAfter itself (RFC 5280 §4.1.2.5).
      moments.push(validFromDate.getTime(), validToDate.getTime() + 1);
    }
  }
  for (const { validUntil } of checks) if (validUntil !== undefined) moments.push(validUntil.getTime());
  const ahead = moments.filter((moment) => moment > now.getTime());
  return ahead.length === 0 ? undefined : new Date(Math.min(...ahead));
}
