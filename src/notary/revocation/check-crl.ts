import { createHash, type X509Certificate } from 'node:crypto';
import { basicConstraintsOf, keyUsageOf } from '../certificates/extensions.ts';
import { type ParsedCertificate, parseCertificate } from '../certificates/parsed-certificate.ts';
import { NotaryError } from '../error.ts';
import type { FetchRequest } from '../fetch.ts';
import { combineEntries } from './combine-crls.ts';
import { type Crl, readCrl } from './crl.ts';
import { type AnswerSource, type Obtained, obtain, type RevocationRun } from './obtain.ts';
import { ALL_REASONS, type Reasons } from './reasons.ts';
import type { CertificateStatus, UsedAnswer } from './result.ts';
import { type DistributionPoint, MAX_ADDRESSES, revocationSourcesOf } from './sources.ts';

/** notary.md H4. */
const CRL_LIMITS = { maxBytes: 32 * 1024 * 1024, timeoutMs: 5_000 } as const;

type ObtainedCrl = Extract<Obtained<Crl>, { kind: 'answer' }>;

/** What one distribution point gives. */
type PointStatus = CertificateStatus & { readonly covered?: Reasons };

/**
 * Asks the CRLs that a certificate names (notary.md H4; RFC 5280 §6.3.3): each distribution point in turn, until
 * every reason is covered, or one revokes.
 */
export async function checkByCrl(
  source: AnswerSource<Crl>,
  certificate: X509Certificate,
  issuer: X509Certificate,
  run: RevocationRun,
): Promise<CertificateStatus> {
  const subject = parseCertificate(certificate);
  const { distributionPoints = [], freshest } = revocationSourcesOf(subject);
  if (keyUsageOf(parseCertificate(issuer))?.usages.has('cRLSign') !== true) {
    return { status: 'unknown', causes: ['its issuer may not sign CRLs: keyUsage lacks cRLSign (notary.md H4)'] };
  }
  const causes: string[] = [];
  const good: Extract<PointStatus, { status: 'good' }>[] = [];
  let open = ALL_REASONS;
  for (const point of distributionPoints.slice(0, MAX_ADDRESSES)) {
    const found = await checkPoint({ source, subject, issuer: parseCertificate(issuer), freshest, run }, point);
    if (found.status === 'revoked') return found;
    if (found.status === 'unknown') causes.push(...found.causes);
    if (found.status !== 'good') continue;
    good.push(found);
    open = open.difference(found.covered ?? new Set());
    if (open.size === 0) return { status: 'good', answers: good.flatMap(({ answers }) => answers) };
  }
  if (causes.length === 0) causes.push('the CRLs that it names do not cover every reason of revocation (notary.md H4)');
  return { status: 'unknown', causes };
}

interface PointCheck {
  readonly source: AnswerSource<Crl>;
  readonly subject: ParsedCertificate;
  readonly issuer: ParsedCertificate;
  /** By the certificate's own freshestCRL. */
  readonly freshest: readonly DistributionPoint[];
  readonly run: RevocationRun;
}

async function checkPoint(check: PointCheck, point: DistributionPoint): Promise<PointStatus> {
  if (point.indirect) {
    return { status: 'unknown', causes: ['it names a CRL of another issuer, which is not supported (notary.md H4)'] };
  }
  const causes: string[] = [];
  for (const address of point.addresses) {
    const base = await obtainCrl(check, address);
    if (base.kind === 'none') {
      causes.push(...base.causes.map((cause) => `CRL: ${cause}`));
      continue;
    }
    try {
      const problem = baseProblem(base.answer, point, check.subject);
      if (problem === undefined) return await judge(check, point, address, base);
      causes.push(`CRL: ${new URL(address).host}: ${problem}`);
    } catch (error) {
      // An entry that cannot be read, or must not be used.
      if (!(error instanceof NotaryError)) throw error;
      causes.push(`CRL: ${new URL(address).host}: ${error.message}`);
    }
  }
  if (causes.length === 0) causes.push('it names a CRL at no http address (notary.md H4)');
  return { status: 'unknown', causes };
}

/** What a base CRL and its delta say together. */
async function judge(
  check: PointCheck,
  point: DistributionPoint,
  address: string,
  obtained: ObtainedCrl,
): Promise<PointStatus> {
  const { subject, run } = check;
  let base = obtained;
  const places = [...check.freshest, ...base.answer.freshest];
  const delta = places.length === 0 ? undefined : await obtainDelta(check, places, base.answer);
  if (delta?.kind === 'answer' && !isBaseOf(base.answer, delta.answer)) {
    // The base that is kept is older than the one that the delta builds on.
    const newer = await obtainCrl(check, address, (crl) => isBaseOf(crl, delta.answer));
    if (newer.kind === 'answer' && baseProblem(newer.answer, point, subject) === undefined) base = newer;
  }
  const problem = delta === undefined ? undefined : deltaProblem(base.answer, delta);
  const used = delta?.kind === 'answer' && problem === undefined ? delta : undefined;
  const listed = combineEntries(base.answer, used?.answer, subject.serialNumber, run.authenticSigningTime);
  const answers = [
    usedAnswer(`the CRL of ${new URL(address).host}`, base),
    ...(used === undefined ? [] : [usedAnswer('its delta CRL', used)]),
  ];
  if (listed.status === 'revoked' && (problem === undefined || !listed.mayBeLifted)) return { ...listed, answers };
  if (problem !== undefined) return { status: 'unknown', causes: [problem] };
  return { status: 'good', answers, covered: coveredBy(base.answer, point) };
}

function usedAnswer(by: string, { answer, refreshAt }: ObtainedCrl): UsedAnswer {
  return { by, nextUpdate: answer.nextUpdate, refreshAt };
}

/** Why a CRL cannot be the complete one of a distribution point for a certificate (RFC 5280 §6.3.3 (b)). */
function baseProblem(
  { scope, baseNumber }: Crl,
  point: DistributionPoint,
  subject: ParsedCertificate,
): string | undefined {
  if (baseNumber !== undefined) return 'it is a delta CRL, and a complete one was expected';
  if (scope === undefined) return undefined;
  const isAuthority = basicConstraintsOf(subject)?.ca === true;
  if (scope.indirect) return 'it is an indirect CRL, which is not supported (notary.md H4)';
  if (scope.onlyAttributeCertificates) return 'it is about attribute certificates only';
  if (scope.onlyUserCertificates && isAuthority) return 'it is not about certificate authorities';
  if (scope.onlyAuthorityCertificates && !isAuthority) return 'it is about certificate authorities only';
  const { names } = scope;
  const named = names?.some((name) => point.names.some((other) => Buffer.from(name).equals(other))) ?? true;
  return named ? undefined : 'it is that of another distribution point';
}

function coveredBy({ scope }: Crl, point: DistributionPoint): Reasons {
  return point.reasons.intersection(scope?.onlySomeReasons ?? ALL_REASONS);
}

async function obtainDelta(check: PointCheck, places: readonly DistributionPoint[], base: Crl): Promise<Obtained<Crl>> {
  const addresses = [...new Set(places.flatMap((place) => (place.indirect ? [] : place.addresses)))];
  const causes: string[] = [];
  for (const address of addresses.slice(0, MAX_ADDRESSES)) {
    const delta = await obtainCrl(check, address);
    if (delta.kind === 'none') causes.push(...delta.causes);
    else if (isDeltaFor(base, delta.answer)) return delta;
    else causes.push(`${new URL(address).host}: it is no delta CRL of the same scope`);
  }
  if (addresses.length === 0) causes.push('it is at no http address');
  return { kind: 'none', causes };
}

/** Whether a CRL is a delta CRL of the scope of a complete one (RFC 5280 §5.2.4, §6.3.3 (c)). */
function isDeltaFor(base: Crl, delta: Crl): boolean {
  const [ours, theirs] = [base.scope?.der, delta.scope?.der];
  const sameScope = ours === undefined || theirs === undefined ? ours === theirs : Buffer.from(ours).equals(theirs);
  return delta.baseNumber !== undefined && delta.number !== undefined && base.number !== undefined && sameScope;
}

/** Whether a complete CRL has all that the delta CRL takes for known. */
function isBaseOf(base: Crl, { baseNumber }: Crl): boolean {
  return base.number !== undefined && baseNumber !== undefined && baseNumber <= base.number;
}

function deltaProblem(base: Crl, delta: Obtained<Crl>): string | undefined {
  if (delta.kind === 'none') return `delta CRL: ${delta.causes.join('; ')}`;
  return isBaseOf(base, delta.answer) ? undefined : 'the delta CRL builds on a later CRL than there is (notary.md H4)';
}

function obtainCrl(
  { source, issuer, run }: PointCheck,
  address: string,
  isEnough?: (crl: Crl) => boolean,
): Promise<Obtained<Crl>> {
  const request: FetchRequest = {
    url: address,
    method: 'GET',
    headers: { accept: 'application/pkix-crl, */*' },
    ...CRL_LIMITS,
  };
  const key = createHash('sha256').update(issuer.subjectDer).update(issuer.publicKeyInfo).update(address).digest('hex');
  return obtain(
    source,
    {
      key: `crl-${key}`,
      requests: [request],
      read: (bytes) => readCrl(bytes, issuer),
      ...(isEnough === undefined ? {} : { isEnough }),
    },
    run,
  );
}
