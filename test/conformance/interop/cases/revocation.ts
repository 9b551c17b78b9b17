import 'reflect-metadata';
import { CRLNumber } from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import { issueFrom } from '../../../support/pki.ts';
import {
  type CrlOptions,
  encodeCrl,
  encodeOcspAnswer,
  encodeOcspStatus,
  extension,
  type OcspAnswerOptions,
} from '../../../support/revocation-data.ts';
import {
  accepted,
  askWith,
  type Case,
  DAY_MS,
  NOW,
  policyWith,
  type Question,
  refused,
  STRANGER,
  stricter,
} from './case.ts';
import { byAuthority } from './headers.ts';
import { type Answers, type RevocableChain, revocableChain } from './revocation-site.ts';

type Sources = Parameters<typeof revocableChain>[0];

const FRESH = { thisUpdate: new Date(NOW.getTime() - DAY_MS), nextUpdate: new Date(NOW.getTime() + DAY_MS) };
const STALE = { thisUpdate: new Date(NOW.getTime() - 3 * DAY_MS), nextUpdate: new Date(NOW.getTime() - DAY_MS) };
const REVOKED = { at: new Date(NOW.getTime() - 2 * DAY_MS), reason: 1 };
const CERTIFICATE_HOLD = 6;
const SIGNING = x509.KeyUsageFlags.digitalSignature;

function crl(options: (chain: RevocableChain) => Partial<CrlOptions> = () => ({})): Answers {
  return (chain) => encodeCrl({ issuer: chain.issuer, number: 1, ...FRESH, ...options(chain) });
}

/** A CRL on which the leaf stands. */
function listing(facts: Omit<NonNullable<CrlOptions['entries']>[number], 'certificate'>): Answers {
  return crl(({ leaf }) => ({ entries: [{ certificate: leaf, ...facts }] }));
}

function ocsp(options: (chain: RevocableChain) => Partial<OcspAnswerOptions> = () => ({})): Answers {
  return (chain) => {
    const { leaf: certificate, issuer } = chain;
    return encodeOcspAnswer({ certificate, issuer, status: 'good', ...FRESH, ...options(chain) });
  };
}

/** An answer by a responder of its own, to whom the issuer gave these extensions. */
function delegated(extensions: x509.Extension[], validity: { readonly notAfter?: Date } = {}): Answers {
  return async (chain) => {
    const signer = await issueFrom(chain.issuer, { extensions, ...validity });
    return encodeOcspAnswer({ certificate: chain.leaf, issuer: chain.issuer, signer, status: 'good', ...FRESH });
  };
}

const nothing: Answers = () => undefined;
const good = ocsp();
const unknown = ocsp(() => ({ status: 'unknown' }));
const revokedOnline = ocsp(() => ({ status: REVOKED }));
const forOcsp = [
  new x509.KeyUsagesExtension(SIGNING, true),
  new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.ocspSigning]),
];

const asks = (sources: Sources) => async (): Promise<Partial<Question>> => askWith(await revocableChain(sources));

/** A signing authority's signature of a minute ago. */
const authorityAsks = (sources: Sources) => async (): Promise<Partial<Question>> =>
  byAuthority(undefined, undefined, undefined, await revocableChain(sources));

function revocation(name: string, rule: string, sources: Sources, expected: Case['expected']): Case {
  return { name: `revocation: ${name}`, rule, ask: asks(sources), expected };
}

const REFUSED = refused('revocation');
const laterInvalid = { ...REVOKED, invalidityDate: new Date(NOW.getTime() - 1000) };
const earlierInvalid = { ...REVOKED, invalidityDate: new Date(NOW.getTime() - DAY_MS) };

/** Revocation by OCSP and CRL, over HTTP (notary.md H). */
export const REVOCATION: readonly Case[] = [
  revocation('a CRL without the certificate', 'H4', { crl: crl() }, accepted()),
  revocation(
    'a CRL with another certificate',
    'H4',
    { crl: crl(() => ({ entries: [{ certificate: STRANGER.certificates[0] ?? fail(), ...REVOKED }] })) },
    accepted(),
  ),
  revocation('a CRL with the certificate', 'H1', { crl: listing(REVOKED) }, REFUSED),
  revocation(
    'a CRL that holds the certificate',
    'H4',
    { crl: listing({ ...REVOKED, reason: CERTIFICATE_HOLD }) },
    REFUSED,
  ),
  revocation('a CRL that says the key is invalid since later', 'H5', { crl: listing(laterInvalid) }, REFUSED),
  revocation('a stale CRL', 'H4', { crl: crl(() => STALE) }, REFUSED),
  revocation('a CRL without nextUpdate', 'H4', { crl: crl(() => ({ nextUpdate: null })) }, REFUSED),
  revocation('a CRL of another issuer', 'H4', { crl: crl(() => ({ issuer: strange() })) }, REFUSED),
  revocation('a CRL signed by another key', 'H4', { crl: crl(() => ({ signer: strange().key })) }, REFUSED),
  revocation(
    'a CRL with a critical extension that nobody knows',
    'H4',
    {
      crl: crl(() => ({ extensions: [extension('1.3.6.1.4.1.99999.1', new CRLNumber(1), true)] })),
    },
    REFUSED,
  ),
  revocation('no CRL where one should be', 'H1', { crl: nothing }, REFUSED),
  revocation('bytes that are no CRL', 'H4', { crl: () => Buffer.from('no CRL') }, REFUSED),
  revocation('OCSP says good', 'H2', { ocsp: good }, accepted()),
  revocation('OCSP says good, and a CRL revoked', 'H1', { ocsp: good, crl: listing(REVOKED) }, accepted()),
  revocation('OCSP says revoked', 'H2', { ocsp: revokedOnline }, REFUSED),
  revocation('OCSP says revoked, and a CRL nothing', 'H1', { ocsp: revokedOnline, crl: crl() }, REFUSED),
  revocation('OCSP says unknown', 'H1', { ocsp: unknown }, REFUSED),
  revocation('OCSP says unknown, and a CRL nothing', 'H1', { ocsp: unknown, crl: crl() }, accepted()),
  revocation('no OCSP answer, and a CRL that revokes', 'H1', { ocsp: nothing, crl: listing(REVOKED) }, REFUSED),
  revocation('a stale OCSP answer', 'H2', { ocsp: ocsp(() => STALE) }, REFUSED),
  revocation('OCSP says try later', 'H2', { ocsp: () => encodeOcspStatus(3) }, REFUSED),
  revocation('bytes that are no OCSP answer', 'H2', { ocsp: () => Buffer.from('no answer') }, REFUSED),
  revocation('an OCSP answer signed by a stranger', 'H3', { ocsp: ocsp(() => ({ signer: strange() })) }, REFUSED),
  revocation(
    'an OCSP answer about another certificate',
    'H3',
    { ocsp: ocsp(() => ({ certificate: STRANGER.certificates[0] ?? fail() })) },
    REFUSED,
  ),
  revocation(
    'an OCSP answer whose signature is changed',
    'H3',
    {
      ocsp: ocsp(() => ({
        changeSignature: (bytes) => Buffer.from(bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte))),
      })),
    },
    REFUSED,
  ),
  revocation('a responder that the issuer authorised', 'H3', { ocsp: delegated(forOcsp) }, accepted()),
  revocation(
    'a responder of the issuer that is for code signing',
    'H3',
    {
      ocsp: delegated([
        new x509.KeyUsagesExtension(SIGNING, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
      ]),
    },
    stricter('revocation', 'whoever has a certificate of the issuer could say that none is revoked', /OCSPSigning/),
  ),
  revocation(
    'a responder whose certificate has expired',
    'H3',
    { ocsp: delegated(forOcsp, { notAfter: new Date(NOW.getTime() - DAY_MS) }) },
    stricter('revocation', 'an expired responder answers for nobody'),
  ),
  {
    name: 'revocation: revoked, where it is logged',
    rule: 'F7',
    ask: async () => ({
      ...(await asks({ crl: listing(REVOKED) })()),
      ...policyWith({ signatureVerification: { level: 'permissive' } }),
    }),
    expected: accepted('revocation'),
  },
  {
    name: 'revocation: revoked, where it is skipped',
    rule: 'F7',
    ask: async () => ({
      ...(await asks({ crl: listing(REVOKED) })()),
      ...policyWith({ signatureVerification: { level: 'strict', override: { revocation: 'skip' } } }),
    }),
    expected: accepted(),
  },
  {
    name: 'revocation: a signing authority whose key is invalid since after it signed',
    rule: 'H5',
    ask: authorityAsks({ crl: listing(laterInvalid) }),
    expected: accepted(),
  },
  {
    name: 'revocation: a signing authority whose key was invalid when it signed',
    rule: 'H5',
    ask: authorityAsks({ crl: listing(earlierInvalid) }),
    expected: REFUSED,
  },
  {
    name: 'revocation: a signing authority revoked without a date of invalidity',
    rule: 'H5',
    ask: authorityAsks({ crl: listing(REVOKED) }),
    expected: REFUSED,
  },
];

function strange(): {
  readonly certificate: (typeof STRANGER.certificates)[number];
  readonly key: typeof STRANGER.key;
} {
  const [certificate, key] = [STRANGER.certificates[1], STRANGER.keys[1]];
  return certificate === undefined || key === undefined ? fail() : { certificate, key };
}

function fail(): never {
  throw new Error('a chain of three was expected');
}
