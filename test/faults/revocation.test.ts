import type { Dispatcher } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createChainRevocationChecker,
  createRevocationChecker,
  MEDIA_TYPE_JWS,
  parseTrustPolicyDocument,
  type SignatureOutcome,
  verifySignature,
} from '../../src/notary/index.ts';
import { createHttpFetch } from '../../src/pki/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';
import { forgeJws, SUBJECT } from '../support/forge-jws.ts';
import { verifyTimestampOffline } from '../support/no-network.ts';
import {
  type CertificateState,
  type PkiServer,
  type ServedChain,
  startPkiServer,
  type WireFault,
} from '../support/pki-server.ts';

/** OCSP and CRL over real HTTP, with the fault on the wire; what counts is the verdict under strict. */

const [STATEMENT] = parseTrustPolicyDocument({
  version: '1.0',
  trustPolicies: [
    {
      name: 'acme',
      registryScopes: ['*'],
      signatureVerification: { level: 'strict' },
      trustStores: ['ca:acme'],
      trustedIdentities: ['*'],
    },
  ],
});
const HOUR_MS = 60 * 60_000;
/** Whole seconds, as DER has them. */
const START_MS = Math.floor(Date.now() / 1000) * 1000;
const revoked = { at: new Date(START_MS - HOUR_MS), reason: 1 };
let pki: PkiServer;
let stranger: ServedChain;
let dispatcher: Dispatcher;

beforeAll(async () => {
  pki = await startPkiServer();
  stranger = await pki.issue();
  dispatcher = createDispatcher({ allowAddresses: ['127.0.0.0/8'], proxy: { http: '', https: '', none: '' } });
});
afterAll(async () => {
  await dispatcher.destroy();
  await pki.close();
});

/** Verifies a good signature of the chain, with nothing kept from before. */
function verify(chain: ServedChain): Promise<SignatureOutcome> {
  const now = new Date();
  if (STATEMENT === undefined) throw new Error('no statement');
  const checkChain = createChainRevocationChecker({
    fetch: createHttpFetch({ dispatcher, userAgent: 'sealwatch/test' }),
    refreshMs: HOUR_MS,
  });
  return verifySignature({
    envelopeBytes: forgeJws({ key: chain.key, certificates: chain.certificates, alg: 'ES256', now }),
    mediaType: MEDIA_TYPE_JWS,
    subject: SUBJECT,
    statement: STATEMENT,
    findTrustStore: (type, name) => ({ type, name, certificates: chain.certificates.slice(-1) }),
    now,
    plugins: [],
    checkRevocation: createRevocationChecker(checkChain),
    verifyTimestamp: verifyTimestampOffline(),
    signal: AbortSignal.timeout(60_000),
  });
}

/** The state of the leaf. */
function leafOf(chain: ServedChain): CertificateState {
  const [state] = chain.states;
  if (state === undefined) throw new Error('the chain has no leaf');
  return state;
}

function expectUnknown(outcome: SignatureOutcome, cause: RegExp): void {
  expect(outcome.verdict).toBe('Unknown');
  expect(outcome.decisive).toMatchObject({ type: 'revocation', result: 'unknown', code: 'RevocationUndetermined' });
  expect(outcome.decisive?.reason).toMatch(cause);
}

describe('43: OCSP responder or CRL host down', () => {
  it('43: the controls: good answers are Trusted, revoking ones Revoked, by OCSP, CRL and delta CRL', async () => {
    for (const names of [['ocsp'], ['crl'], ['crl', 'freshestCrl'], ['ocsp', 'crl']] as const) {
      const chain = await pki.issue({ names });
      expect((await verify(chain)).verdict).toBe('Trusted');
      leafOf(chain).revoked = revoked;
      const outcome = await verify(chain);
      expect(outcome.verdict).toBe('Revoked');
      expect(outcome.decisive?.reason).toMatch(/CN=Test Signer.*keyCompromise.*127\.0\.0\.1/);
    }
  });

  const DOWN: readonly (readonly [WireFault, RegExp])[] = [
    ['drop', /cannot be reached, or breaks off/],
    ['hang', /no complete answer within [25] s/],
    ['drip', /no complete answer within [25] s|larger than/],
    ['status-500', /expected status 200, found 500/],
    ['redirect', /found 302; redirects are not followed/],
    ['garbage', /cannot be read/],
    ['truncated', /cannot be reached, or breaks off/],
    ['oversize', /larger than the limit/],
  ];
  it.each(DOWN)('43: OCSP: %s is Unknown, whether or not the certificate is revoked (H1, H2)', async (fault, cause) => {
    const [chain, other] = await Promise.all([pki.issue(), pki.issue()]);
    leafOf(chain).ocsp.fault = fault;
    leafOf(other).ocsp.fault = fault;
    leafOf(other).revoked = revoked;
    for (const outcome of await Promise.all([verify(chain), verify(other)])) expectUnknown(outcome, cause);
  });

  it.each(DOWN)('43: CRL: %s is Unknown, whether or not the certificate is revoked (H1, H4)', async (fault, cause) => {
    const [chain, other] = await Promise.all([pki.issue({ names: ['crl'] }), pki.issue({ names: ['crl'] })]);
    leafOf(chain).crl.fault = fault;
    leafOf(other).crl.fault = fault;
    leafOf(other).revoked = revoked;
    for (const outcome of await Promise.all([verify(chain), verify(other)])) expectUnknown(outcome, cause);
  });

  it('43: the OCSP responder of an intermediate down is Unknown (H1)', async () => {
    const chain = await pki.issue();
    const [, intermediate] = chain.states;
    if (intermediate === undefined) throw new Error('no intermediate');
    intermediate.ocsp.fault = 'drop';
    expectUnknown(await verify(chain), /Intermediate.*cannot be reached/);
  });

  it('43: the delta CRL down is Unknown, also where the base has the certificate on hold (H4)', async () => {
    const chain = await pki.issue({ names: ['crl', 'freshestCrl'] });
    leafOf(chain).delta.fault = 'drop';
    expectUnknown(await verify(chain), /delta CRL: .*cannot be reached/);
    leafOf(chain).revoked = { ...revoked, reason: 6 };
    expectUnknown(await verify(chain), /delta CRL: .*cannot be reached/);
  });

  it('43: OCSP down and the CRL up: the CRL decides (H1)', async () => {
    const chain = await pki.issue({ names: ['ocsp', 'crl'] });
    for (const state of chain.states) state.ocsp.fault = 'drop';
    expect((await verify(chain)).verdict).toBe('Trusted');
    leafOf(chain).revoked = revoked;
    expect((await verify(chain)).verdict).toBe('Revoked');
  });

  it('43: nobody listens at either address (H1)', async () => {
    const gone = await startPkiServer();
    const chain = await gone.issue({ names: ['ocsp', 'crl'] });
    await gone.close();
    expectUnknown(await verify(chain), /OCSP: .*ECONNREFUSED.*CRL: .*ECONNREFUSED/);
  });
});

describe('44: answers that are forged, stale, foreign or too large', () => {
  const stale = { thisUpdate: new Date(START_MS - 48 * HOUR_MS), nextUpdate: new Date(START_MS - 1_000) };
  it.each<readonly [string, () => CertificateState['ocsp'], RegExp]>([
    [
      'forged: signed by a stranger (H3)',
      () => ({ changes: { signer: stranger.authority(2) } }),
      /not certified by the certificate's issuer/,
    ],
    [
      "forged: a stranger's key under the issuer's name (H3)",
      () => ({ changes: { changeSignature: () => Buffer.alloc(70, 1) } }),
      /signature does not verify/,
    ],
    ['stale (H2)', () => ({ changes: stale }), /stale/],
    [
      'foreign: about another certificate (H3)',
      () => ({ changes: { certificate: stranger.authority(0).certificate } }),
      /about another certificate/,
    ],
    ['over 20 KiB (H2)', () => ({ fault: 'oversize' }), /larger than the limit of 20480 bytes/],
  ])('44: OCSP: %s is Unknown, whatever it says', async (_name, state, cause) => {
    const chain = await pki.issue();
    leafOf(chain).ocsp = state();
    expectUnknown(await verify(chain), cause);
    leafOf(chain).revoked = revoked;
    expectUnknown(await verify(chain), cause);
  });

  it.each<readonly [string, () => CertificateState['crl'], RegExp]>([
    ['over 32 MiB (H4)', () => ({ fault: 'oversize' }), /larger than the limit of 33554432 bytes/],
    ['with a bad signature (H4)', () => ({ changes: { signer: stranger.key } }), /signature does not verify/],
    [
      'of another issuer (H4)',
      () => ({ changes: { issuer: stranger.authority(0) } }),
      /not of the certificate's issuer/,
    ],
    ['stale (H4)', () => ({ changes: stale }), /stale/],
  ])('44: CRL: %s is Unknown, whatever it says', async (_name, state, cause) => {
    const chain = await pki.issue({ names: ['crl'] });
    leafOf(chain).crl = state();
    expectUnknown(await verify(chain), cause);
    leafOf(chain).revoked = revoked;
    expectUnknown(await verify(chain), cause);
  });

  it('44: a forged OCSP answer leaves the CRL to decide (H1)', async () => {
    const chain = await pki.issue({ names: ['ocsp', 'crl'] });
    for (const state of chain.states) state.ocsp.changes = { signer: stranger.authority(2) };
    expect((await verify(chain)).verdict).toBe('Trusted');
    leafOf(chain).revoked = revoked;
    expect((await verify(chain)).verdict).toBe('Revoked');
  });
});
