import { randomBytes } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import {
  createTimestampRequester,
  type FindTrustStore,
  parseTrustPolicyDocument,
  parseTrustStore,
  type SignatureFormat,
  type SignatureOutcome,
  signEnvelope,
  type TrustStoreCertificates,
  verifySignature,
} from '../../src/notary/index.ts';
import { createHttpFetch } from '../../src/pki/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';
import { SUBJECT } from '../support/forge-jws.ts';
import { createTsaChain } from '../support/forge-timestamp.ts';
import { checkChainRevocationOffline, checkRevocationOffline, verifyTimestampOffline } from '../support/no-network.ts';
import { createChain } from '../support/pki.ts';
import { startTsaServer } from '../support/tsa-server.ts';

const DAY_MS = 24 * 60 * 60_000;
const signedAt = new Date();
const later = (days: number): Date => new Date(signedAt.getTime() + days * DAY_MS);

/** The signer's certificate lives for a week, the authority's for a month. */
const signer = await createChain({ notBefore: later(-1), notAfter: later(7) });
const tsa = await createTsaChain({ notBefore: later(-1), notAfter: later(30) });
const server = await startTsaServer({ tsa });
afterAll(() => server.close());

type Signed = Awaited<ReturnType<typeof signEnvelope>>;

const stores: readonly TrustStoreCertificates[] = [
  parseTrustStore('ca', 'acme', signer.rootPem),
  parseTrustStore('tsa', 'clock', tsa.rootPem),
];
const findTrustStore: FindTrustStore = (type, name) =>
  stores.find((store) => store.type === type && store.name === name);

/** Signs, and has the signature stamped by the server unless told not to. */
function sign(format: SignatureFormat, timestampAt: Date | 'none' = signedAt): Promise<Signed> {
  const request = createTimestampRequester({
    fetch: createHttpFetch({
      dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
      userAgent: 'sealwatch/test',
    }),
    url: server.url,
    tsaRoots: tsa.certificates.slice(-1),
    randomBytes,
    checkChainRevocation: checkChainRevocationOffline(),
  });
  return signEnvelope({
    subject: SUBJECT,
    key: signer.key,
    certificates: signer.certificates,
    format,
    signingTime: signedAt,
    signingAgent: 'sealwatch/test',
    ...(timestampAt === 'none'
      ? {}
      : { timestamp: { request, now: timestampAt, signal: AbortSignal.timeout(10_000) } }),
  });
}

function verifyAt(now: Date, { bytes, mediaType }: Signed, verifyTimestamp: string): Promise<SignatureOutcome> {
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
    envelopeBytes: bytes,
    mediaType,
    subject: SUBJECT,
    statement,
    findTrustStore,
    now,
    plugins: [],
    checkRevocation: checkRevocationOffline(),
    verifyTimestamp: verifyTimestampOffline(),
    signal: AbortSignal.timeout(10_000),
  });
}

const CASES = (['JWS', 'COSE'] as const).flatMap((format) =>
  ['always', 'afterCertExpiry'].map((verifyTimestamp): [SignatureFormat, string] => [format, verifyTimestamp]),
);

it.each(CASES)(
  '39: a %s signature timestamped before its certificate expired stays trusted with %s, without timestamp it expires (I, F8)',
  async (format, verifyTimestamp) => {
    const stamped = await sign(format);
    // Before; after the signer's certificate expired; and after the authority's did too.
    for (const days of [0, 8, 365]) {
      expect((await verifyAt(later(days), stamped, verifyTimestamp)).verdict).toBe('Trusted');
    }
    expect((await verifyAt(later(8), await sign(format, 'none'), verifyTimestamp)).verdict).toBe('Expired');
  },
);

it.each(['JWS', 'COSE'] as const)(
  '39: a timestamp made after the certificate expired does not save a %s signature (I, D)',
  async (format) => {
    server.change = { genTime: later(8) };
    const late = await sign(format, later(8));
    server.change = {};
    const outcome = await verifyAt(later(8), late, 'always');
    expect(outcome.verdict).toBe('Untrusted');
    expect(outcome.decisive).toMatchObject({ type: 'authenticTimestamp', code: 'TimestampFailed' });
  },
);

it.each(['JWS', 'COSE'] as const)('39: no %s envelope is made where the timestamp is not good (I)', async (format) => {
  server.fault = 'badSignature';
  const made = sign(format);
  await expect(made).rejects.toMatchObject({ code: 'TimestampFailed' });
  server.fault = undefined;
  await expect(sign(format)).resolves.toMatchObject({ bytes: expect.any(Uint8Array) });
});
