import { createHash, type X509Certificate } from 'node:crypto';
import { parseCertificate } from '../certificates/parsed-certificate.ts';
import type { Answer } from './answer-store.ts';
import { type AnswerSource, obtain, type RevocationRun } from './obtain.ts';
import { certificateIdOf, encodeOcspRequest, ocspHttpRequest } from './ocsp-request.ts';
import { mustBeChecked, verifyResponder } from './ocsp-responder.ts';
import { type OcspStatus, readOcspResponse } from './ocsp-response.ts';
import { CERTIFICATE_HOLD } from './reasons.ts';
import { type CertificateStatus, isLaterThanSigning } from './result.ts';
import { unusable } from './unusable.ts';

/** notary.md H2. */
const OCSP_LIMITS = { maxBytes: 20 * 1024, timeoutMs: 2_000 } as const;

/** An OCSP answer about the certificate asked for, whose signature holds. */
export interface OcspAnswer extends Answer {
  readonly status: OcspStatus;
  /** A delegated responder that must be checked itself. */
  readonly responder?: X509Certificate;
}

/** How a delegated responder that does not say id-pkix-ocsp-nocheck is checked: by its issuer's CRL. */
export type CheckResponder = (responder: X509Certificate, issuer: X509Certificate) => Promise<CertificateStatus>;

/**
 * Asks the OCSP responders that a certificate names, in order, until one gives an answer that may be used (notary.md
 * H2, H3). An answer that is stale, another's or badly signed is none.
 * @param servers addresses, `http:`
 */
export async function checkByOcsp(
  source: AnswerSource<OcspAnswer>,
  servers: readonly string[],
  { certificate, issuer }: { readonly certificate: X509Certificate; readonly issuer: X509Certificate },
  checkResponder: CheckResponder,
  run: RevocationRun,
): Promise<CertificateStatus> {
  if (servers.length === 0) return unknown('it names an OCSP responder at no http address (notary.md H2)');
  const id = certificateIdOf(parseCertificate(certificate), parseCertificate(issuer));
  const der = encodeOcspRequest(id);
  const key = createHash('sha256').update(issuer.raw).update(certificate.raw).digest('hex');
  const obtained = await obtain(
    source,
    {
      key: `ocsp-${key}`,
      requests: servers.map((server) => ({ ...ocspHttpRequest(server, der), ...OCSP_LIMITS })),
      read: (bytes) => readOcspAnswer(bytes, certificate, issuer, run.now),
    },
    run,
  );
  if (obtained.kind === 'none') return unknown(...obtained.causes.map((cause) => `OCSP: ${cause}`));
  const { answer, refreshAt } = obtained;
  const { status, responder } = answer;
  const hosts = [...new Set(servers.map((server) => new URL(server).host))].join(' or ');
  const by = `the OCSP responder ${hosts}`;
  const answers = [{ by, nextUpdate: answer.nextUpdate, refreshAt }];
  if (responder !== undefined) {
    const checked = await checkResponder(responder, issuer);
    if (checked.status !== 'good') {
      const why = checked.status === 'unknown' ? `: ${checked.causes.join('; ')}` : '';
      return unknown(`${by}: the revocation of its own certificate is ${checked.status}${why} (notary.md H3)`);
    }
    answers.push(...checked.answers);
  }
  switch (status.status) {
    case 'unknown':
      return unknown(`${by} does not know the certificate`);
    case 'good':
      return { status: 'good', answers };
    case 'revoked':
      return isLaterThanSigning(status, run.authenticSigningTime)
        ? { status: 'good', answers }
        : { ...status, mayBeLifted: status.reason === CERTIFICATE_HOLD, answers };
  }
}

/** Reads and verifies an OCSP answer. @throws NotaryError with a sentence when it may not be used */
export function readOcspAnswer(
  bytes: Uint8Array,
  certificate: X509Certificate,
  issuer: X509Certificate,
  now: Date,
): OcspAnswer {
  const response = readOcspResponse(bytes, certificateIdOf(parseCertificate(certificate), parseCertificate(issuer)));
  const responder = verifyResponder(response, certificate, issuer, now);
  const { single } = response;
  if (single === undefined) throw unusable('the OCSP answer', 'it is about another certificate', 'H3');
  if (single.nextUpdate === undefined) {
    throw unusable('the OCSP answer', 'it has no nextUpdate, so nobody knows how long it stands', 'H2');
  }
  const ends = [single.nextUpdate, ...(responder === undefined ? [] : [responder.validToDate])];
  return {
    status: single.status,
    thisUpdate: single.thisUpdate,
    nextUpdate: new Date(Math.min(...ends.map((end) => end.getTime()))),
    byteLength: bytes.byteLength,
    provisional: single.status.status === 'unknown',
    ...(responder !== undefined && mustBeChecked(parseCertificate(responder)) ? { responder } : {}),
  };
}

function unknown(...causes: readonly string[]): CertificateStatus {
  return { status: 'unknown', causes };
}
