import type { X509Certificate } from 'node:crypto';
import { parseCertificate } from '../certificates/parsed-certificate.ts';
import { formatRfc3339 } from '../encoding.ts';
import { NotaryError } from '../error.ts';
import type { Fetch } from '../fetch.ts';
import { AnswerStore, type KeptAnswer, type RevocationCache } from './answer-store.ts';
import { checkByCrl } from './check-crl.ts';
import { checkByOcsp, type OcspAnswer } from './check-ocsp.ts';
import type { Crl } from './crl.ts';
import { cut, describeCertificate, identifyCertificate } from './describe.ts';
import { Flights } from './flights.ts';
import type { AnswerSource, RevocationRun } from './obtain.ts';
import { reasonName } from './reasons.ts';
import type { CertificateStatus, UsedAnswer } from './result.ts';
import type { ChainRevocationChecker, RevocationChecker, RevocationResult } from './revocation.ts';
import { revocationSourcesOf } from './sources.ts';

/** Addresses asked for one chain at most: a chain of four names six where it names OCSP and CRL (notary.md H7). */
export const MAX_ADDRESSES_PER_CHAIN = 20;
const CRL_MEMORY_BYTES = 64 * 1024 * 1024;
const OCSP_MEMORY_BYTES = 16 * 1024 * 1024;
const MAX_REASON = 800;

export interface ChainRevocationOptions {
  readonly fetch: Fetch;
  /**
   * How old an answer becomes before it is asked for again, milliseconds. Until its nextUpdate it serves where that
   * fails. So a revocation is seen this late at most, although CRLs often say that they stand for a week.
   */
  readonly refreshMs: number;
  /** Where answers outlive the process. */
  readonly cache?: RevocationCache;
  /** Bytes of CRLs kept in memory; default 64 MiB. */
  readonly memoryBytes?: number;
  /** Told whether a fresh answer was kept, of each that was asked for. */
  readonly onLookup?: (isHit: boolean) => void;
}

/**
 * Revocation by OCSP and CRL of every certificate of a chain but the root (notary.md H). Any revoked: revoked. All
 * good or not revocable: good. Else unknown: what a network, or anybody on it, can do is never told as revoked.
 */
export function createChainRevocationChecker(options: ChainRevocationOptions): ChainRevocationChecker {
  const { fetch, refreshMs, cache, memoryBytes = CRL_MEMORY_BYTES, onLookup } = options;
  const told = onLookup === undefined ? {} : { onLookup };
  const common = { refreshMs, ...(cache === undefined ? {} : { cache }) };
  const sources: Sources = {
    crl: {
      fetch,
      ...told,
      store: new AnswerStore<Crl>({ ...common, maxBytes: memoryBytes }),
      flights: new Flights<KeptAnswer<Crl>>(),
    },
    ocsp: {
      fetch,
      ...told,
      store: new AnswerStore<OcspAnswer>({ ...common, maxBytes: OCSP_MEMORY_BYTES }),
      flights: new Flights<KeptAnswer<OcspAnswer>>(),
    },
  };
  return async ({ certificates, authenticSigningTime }, { now, signal }) => {
    const run: RevocationRun = {
      now,
      signal,
      budget: { left: MAX_ADDRESSES_PER_CHAIN },
      ...(authenticSigningTime === undefined ? {} : { authenticSigningTime }),
    };
    const statuses = await Promise.all(
      certificates.slice(0, -1).map(async (certificate, index) => {
        const issuer = certificates[index + 1] ?? certificate;
        return { certificate, found: await checkCertificate(sources, certificate, issuer, run) };
      }),
    );
    return join(statuses);
  };
}

/**
 * The check of an envelope's chain: for a signing authority at the time that it vouches for, so that a revocation
 * whose invalidityDate is later does not count; for notary.x509 not compared (notary.md D, H5).
 */
export function createRevocationChecker(checkChain: ChainRevocationChecker): RevocationChecker {
  return ({ certificates, scheme, authenticSigningTime }, context) =>
    checkChain(
      {
        certificates,
        ...(scheme === 'notary.x509.signingAuthority' && authenticSigningTime !== undefined
          ? { authenticSigningTime }
          : {}),
      },
      context,
    );
}

interface Sources {
  readonly crl: AnswerSource<Crl>;
  readonly ocsp: AnswerSource<OcspAnswer>;
}

/** OCSP; where that is unknown or not named, the CRL (notary.md H1). */
async function checkCertificate(
  sources: Sources,
  certificate: X509Certificate,
  issuer: X509Certificate,
  run: RevocationRun,
): Promise<CertificateStatus> {
  try {
    const { ocsp, distributionPoints } = revocationSourcesOf(parseCertificate(certificate));
    const byCrl = (subject: X509Certificate): Promise<CertificateStatus> =>
      checkByCrl(sources.crl, subject, issuer, run);
    if (ocsp === undefined)
      return distributionPoints === undefined ? { status: 'notRevocable' } : await byCrl(certificate);
    const online = await checkByOcsp(sources.ocsp, ocsp, { certificate, issuer }, byCrl, run);
    if (online.status !== 'unknown' || distributionPoints === undefined) return online;
    const listed = await byCrl(certificate);
    return listed.status === 'unknown' ? { ...listed, causes: [...online.causes, ...listed.causes] } : listed;
  } catch (error) {
    // The certificate says where to ask in a way that cannot be read.
    if (error instanceof NotaryError) return { status: 'unknown', causes: [error.message] };
    throw error;
  }
}

interface Checked {
  readonly certificate: X509Certificate;
  readonly found: CertificateStatus;
}

function join(statuses: readonly Checked[]): RevocationResult {
  const sentences: string[] = [];
  const answers: UsedAnswer[] = [];
  const causes: string[] = [];
  for (const { certificate, found } of statuses) {
    if (found.status === 'revoked') return revoked(certificate, found);
    if (found.status === 'unknown') causes.push(`${describeCertificate(certificate)}: ${found.causes.join('; ')}`);
    if (found.status !== 'good') continue;
    answers.push(...found.answers);
    sentences.push(`${describeCertificate(certificate)} by ${found.answers.map(({ by }) => by).join(' and ')}`);
  }
  if (causes.length > 0) {
    return {
      status: 'unknown',
      reason: cut(`revocation could not be determined of ${causes.join('; of ')}`, MAX_REASON),
    };
  }
  if (answers.length === 0) {
    return { status: 'good', reason: 'no certificate of the chain names an OCSP responder or a CRL' };
  }
  return {
    status: 'good',
    reason: cut(`not revoked: ${sentences.join(', ')}`, MAX_REASON),
    validUntil: endOf(answers),
  };
}

function revoked(
  certificate: X509Certificate,
  found: Extract<CertificateStatus, { status: 'revoked' }>,
): RevocationResult {
  const { revocationDate, reason, invalidityDate, mayBeLifted, answers } = found;
  const why = reason === undefined ? 'no reason is given' : `reason ${reasonName(reason)}`;
  const invalid = invalidityDate === undefined ? '' : `, invalid from ${formatRfc3339(invalidityDate)} on`;
  const by = answers.map((answer) => answer.by).join(' and ');
  return {
    status: 'revoked',
    kind: 'certificate',
    reason: `the certificate ${describeCertificate(certificate)} was revoked at ${formatRfc3339(revocationDate)} (${why}${invalid}), says ${by}`,
    revoked: [identifyCertificate(certificate)],
    since: revocationDate,
    ...(mayBeLifted ? { validUntil: endOf(answers) } : {}),
  };
}

/** When the first of the answers runs out, or is asked for again. */
function endOf(answers: readonly UsedAnswer[]): Date {
  return new Date(
    Math.min(...answers.flatMap(({ nextUpdate, refreshAt }) => [nextUpdate.getTime(), refreshAt.getTime()])),
  );
}
