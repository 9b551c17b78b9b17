import { randomBytes } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import {
  createTimestampRequester,
  createTimestampVerifier,
  type FindTrustStore,
  MEDIA_TYPE_JWS,
  parseTrustPolicyDocument,
  parseTrustStore,
  type SignatureOutcome,
  type TrustStoreCertificates,
  verifySignature,
} from '../../src/notary/index.ts';
import { createHttpFetch } from '../../src/pki/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';
import { forgeJws, SUBJECT } from '../support/forge-jws.ts';
import { createTsaChain } from '../support/forge-timestamp.ts';
import { createChain } from '../support/pki.ts';
import { stampJws } from '../support/stamp-envelope.ts';
import { good } from '../support/timestamp-fixture.ts';
import { startTsaServer } from '../support/tsa-server.ts';

const httpFetch = createHttpFetch({
  dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
  userAgent: 'sealwatch/test',
});
const DAY_MS = 24 * 60 * 60_000;
const signedAt = new Date();
const later = (days: number): Date => new Date(signedAt.getTime() + days * DAY_MS);

/** The signer's certificate lives for a week, the authority's for a month. */
const signer = await createChain({ notBefore: later(-1), notAfter: later(7) });
const tsa = await createTsaChain({ notBefore: later(-1), notAfter: later(30) });
const server = await startTsaServer({ tsa });
afterAll(() => server.close());

const stores: readonly TrustStoreCertificates[] = [
  parseTrustStore('ca', 'acme', signer.rootPem),
  parseTrustStore('tsa', 'clock', tsa.rootPem),
];
const findTrustStore: FindTrustStore = (type, name) =>
  stores.find((store) => store.type === type && store.name === name);

const sign = (): Buffer =>
  forgeJws({ key: signer.key, certificates: signer.certificates, alg: 'ES256', now: signedAt });

/** Has an envelope stamped by the server. */
async function stamp(envelope: Buffer, now = signedAt): Promise<Buffer> {
  const requestTimestamp = createTimestampRequester({
    fetch: httpFetch,
    url: server.url,
    tsaRoots: tsa.certificates.slice(-1),
    randomBytes,
    checkChainRevocation: good,
  });
  const { signature } = JSON.parse(envelope.toString()) as { signature: string };
  const context = { now, signal: AbortSignal.timeout(10_000) };
  const token = await requestTimestamp(Buffer.from(signature, 'base64url'), 'sha256', context);
  return stampJws(envelope, () => token);
}

function verifyAt(now: Date, envelopeBytes: Buffer, verifyTimestamp: string): Promise<SignatureOutcome> {
  const [statement] = parseTrustPolicyDocument({
    version: '1.0',
    trustPolicies: [
      {
        name: 'acme',
        registryScopes: ['*'],
        signatureVerification: { level: 'strict', verifyTimestamp },
        trustStores: ['ca:acme', 'tsa:clock'],
        trustedIdentities: ['*'],
      },
    ],
  });
  if (statement === undefined) throw new Error('no statement');
  return verifySignature({
    envelopeBytes,
    mediaType: MEDIA_TYPE_JWS,
    subject: SUBJECT,
    statement,
    findTrustStore,
    now,
    plugins: [],
    checkRevocation: good,
    verifyTimestamp: createTimestampVerifier({ checkChainRevocation: good }),
    signal: AbortSignal.timeout(10_000),
  });
}

it.each(['always', 'afterCertExpiry'])(
  '39: a certificate that expired, timestamped while it was valid, is trusted with %s (I, F8)',
  async (verifyTimestamp) => {
    const stamped = await stamp(sign());
    // Before, after the signer's certificate expired, and after the authority's did too.
    for (const days of [0, 8, 365]) {
      expect((await verifyAt(later(days), stamped, verifyTimestamp)).verdict).toBe('Trusted');
    }
    expect((await verifyAt(later(8), sign(), verifyTimestamp)).verdict).toBe('Expired');
  },
);

it('39: a timestamp made after the certificate expired does not save it (I, D)', async () => {
  server.change = { genTime: later(8) };
  const stamped = await stamp(sign(), later(8));
  server.change = {};
  const outcome = await verifyAt(later(8), stamped, 'always');
  expect(outcome.verdict).toBe('Untrusted');
  expect(outcome.decisive).toMatchObject({ type: 'authenticTimestamp', code: 'TimestampFailed' });
});
