import { createHash, randomBytes, type X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type ChainRevocationChecker,
  createTimestampRequester,
  type Fetch,
  FetchError,
  type FetchRequest,
  NotaryError,
  type TimestampHash,
} from '../../../../src/notary/index.ts';
import { createHttpFetch } from '../../../../src/pki/index.ts';
import { createDispatcher } from '../../../../src/transport/index.ts';
import { createTsaChain } from '../../../support/forge-timestamp.ts';
import { GEN_TIME, good, NOW, SIGNATURE, TSA_VALIDITY, tsa, verifyToken } from '../../../support/timestamp-fixture.ts';
import { startTsaServer, type TsaFaultName, type TsaServer } from '../../../support/tsa-server.ts';

const httpFetch = createHttpFetch({
  dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
  userAgent: 'sealwatch/test',
});
const ROOTS = tsa.certificates.slice(-1);
let server: TsaServer;

beforeAll(async () => {
  server = await startTsaServer({ tsa, now: () => NOW });
});
beforeEach(() => {
  server.fault = undefined;
  server.tsa = tsa;
  server.change = {};
});
afterAll(() => server.close());

interface Changes {
  readonly fetch?: Fetch;
  readonly roots?: readonly X509Certificate[];
  readonly checkChainRevocation?: ChainRevocationChecker;
  readonly hash?: TimestampHash;
  readonly signal?: AbortSignal;
  readonly randomBytes?: (length: number) => Uint8Array;
}

function request(changes: Changes = {}): Promise<Uint8Array> {
  const stamp = createTimestampRequester({
    fetch: changes.fetch ?? httpFetch,
    url: server.url,
    tsaRoots: changes.roots ?? ROOTS,
    randomBytes: changes.randomBytes ?? randomBytes,
    checkChainRevocation: changes.checkChainRevocation ?? good,
  });
  return stamp(SIGNATURE, changes.hash ?? 'sha256', {
    now: NOW,
    signal: changes.signal ?? AbortSignal.timeout(10_000),
  });
}

/** httpFetch with other bounds than the request's, so that no test waits for 15 seconds. */
/** For an authority that would never end: short, so not for one whose answer counts. */
const hasty: Fetch = (asked, signal) => httpFetch({ ...asked, timeoutMs: 200 }, signal);

describe('asking for a timestamp (I)', () => {
  it.each(['sha256', 'sha384', 'sha512'] as const)('over %s gives a token that verifies', async (hash) => {
    const token = await request({ hash });
    expect(await verifyToken(token)).toEqual({
      status: 'valid',
      notBefore: new Date(NOW.getTime() - 1000),
      notAfter: new Date(NOW.getTime() + 1000),
    });
    const asked = server.requests.at(-1)?.messageImprint;
    expect(Buffer.from(asked?.hashedMessage.buffer ?? new ArrayBuffer())).toEqual(
      createHash(hash).update(SIGNATURE).digest(),
    );
  });

  it('asks for the certificates, with a fresh positive nonce of 16 bytes each time', async () => {
    await request();
    await request();
    // The least and the most that random bytes can be.
    await request({ randomBytes: (length) => new Uint8Array(length) });
    await request({ randomBytes: (length) => new Uint8Array(length).fill(0xff) });
    const asked = server.requests.slice(-4);
    expect(asked.map(({ certReq, version }) => ({ certReq, version }))).toEqual(
      asked.map(() => ({ certReq: true, version: 1 })),
    );
    const nonces = asked.map(({ nonce }) => Buffer.from(nonce ?? new ArrayBuffer()).toString('hex'));
    expect(new Set(nonces).size).toBe(4);
    expect(nonces.slice(2)).toEqual([`40${'00'.repeat(15)}`, `7f${'ff'.repeat(15)}`]);
  });

  it('bounds the exchange: 1 MiB, 15 seconds, by POST', async () => {
    const asked: Omit<FetchRequest, 'body'>[] = [];
    const fetch: Fetch = ({ body, ...rest }, signal) => {
      asked.push(rest);
      return httpFetch({ ...rest, ...(body === undefined ? {} : { body }) }, signal);
    };
    await request({ fetch });
    expect(asked).toEqual([
      {
        url: server.url,
        method: 'POST',
        headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
        maxBytes: 1024 * 1024,
        timeoutMs: 15_000,
      },
    ]);
  });

  it.each<TsaFaultName>(['grantedWithMods', 'extraSignedAttribute'])('takes an answer with %s', async (fault) => {
    server.fault = fault;
    expect(await verifyToken(await request())).toMatchObject({ status: 'valid' });
  });
});

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a timestamp that is not good fails the signing (I)', () => {
  it.each<readonly [TsaFaultName, RegExp]>([
    ['rejected', /refused \(status rejection, timeNotAvailable\): "no time\\u0007 today"/],
    ['rejectedWithToken', /refused \(status rejection\)/],
    ['waiting', /refused \(status waiting\)/],
    ['noToken', /has no timestamp token/],
    ['extraField', /it has extra fields/],
    ['truncated', /it ends too early/],
    ['trailingBytes', /bytes follow it/],
    ['garbage', /the answer of the time stamping authority cannot be read/],
    ['wrongNonce', /the nonce of the timestamp is not the one that was sent/],
    ['noNonce', /the nonce of the timestamp is not the one that was sent/],
    ['wrongImprint', /is of something else than what was sent/],
    ['otherImprintHash', /is of something else than what was sent/],
    ['noCertificates', /the certificate of the signer is not in the timestamp token/],
    ['noSigningCertificate', /signingCertificateV2 is missing/],
    ['wrongSigningCertificate', /its hash is not that of/],
    ['twoSigners', /exactly one signer, found 2/],
    ['sha1', /the digest algorithm of the timestamp: expected SHA-256/],
    ['signedDataVersion1', /version 3, found 1/],
    ['tstInfoVersion2', /the TSTInfo: expected version 1, found 2/],
    ['badSignature', /signature does not verify/],
    ['http500', /expected status 200, found 500/],
    ['oversize', /larger than the limit of 1048576 bytes/],
    ['slow', /no complete answer within 0.2 s/],
  ])('for an authority with %s', async (fault, reason) => {
    await expect(request()).resolves.toBeInstanceOf(Uint8Array);
    server.fault = fault;
    const error = await failure(request({ fetch: fault === 'slow' ? hasty : httpFetch }));
    expect(error).toBeInstanceOf(NotaryError);
    expect(error).toMatchObject({ code: 'TimestampFailed', rule: 'I', message: expect.stringMatching(reason) });
    expect(error).toMatchObject({
      message: expect.stringContaining(`no timestamp from ${new URL(server.url).host}: `),
    });
  });

  it('for an authority of another root', async () => {
    server.tsa = await createTsaChain({ ...TSA_VALIDITY, caName: 'Other' });
    expect(await failure(request())).toMatchObject({
      code: 'TimestampFailed',
      message: expect.stringContaining('no chain leads'),
    });
  });

  it('for an authority that has expired', async () => {
    server.tsa = await createTsaChain({ ...TSA_VALIDITY, notAfter: GEN_TIME });
    const roots = server.tsa.certificates.slice(-1);
    expect(await failure(request({ roots }))).toMatchObject({
      code: 'TimestampFailed',
      message: expect.stringContaining('was not valid at the time'),
    });
  });

  it('for an authority whose clock is far ahead', async () => {
    server.change = { genTime: new Date(NOW.getTime() + 10 * 60_000) };
    expect(await failure(request())).toMatchObject({
      code: 'TimestampFailed',
      message: expect.stringContaining('ahead of the clock'),
    });
  });

  it.each(['revoked', 'unknown'] as const)('for an authority whose revocation is %s', async (status) => {
    const checkChainRevocation: ChainRevocationChecker = async () =>
      status === 'revoked'
        ? { status, kind: 'certificate', revoked: ['CN=x'], reason: 'of the test' }
        : { status, reason: 'of the test' };
    const error = await failure(request({ checkChainRevocation }));
    expect(error).toMatchObject({
      code: 'TimestampFailed',
      message: expect.stringContaining(': of the test (notary.md I)'),
    });
  });

  it('for an authority that cannot be reached, with the cause', async () => {
    const gone = await startTsaServer({ tsa });
    await gone.close();
    const stamp = createTimestampRequester({
      fetch: httpFetch,
      url: gone.url,
      tsaRoots: ROOTS,
      randomBytes,
      checkChainRevocation: good,
    });
    const error = await failure(stamp(SIGNATURE, 'sha256', { now: NOW, signal: AbortSignal.timeout(10_000) }));
    expect(error).toMatchObject({ code: 'TimestampFailed', cause: expect.any(FetchError) });
  });

  it('and a signal that is aborted ends it with its own reason', async () => {
    server.fault = 'slow';
    const reason = new Error('shutting down');
    const controller = new AbortController();
    const pending = failure(request({ signal: controller.signal }));
    controller.abort(reason);
    expect(await pending).toBe(reason);
  });
});

describe('a requester is refused (I)', () => {
  const options = { fetch: httpFetch, tsaRoots: ROOTS, randomBytes, checkChainRevocation: good };
  it.each(['', 'tsa.example', 'ftp://tsa.example/', 'file:///etc/passwd', 'http://user:secret@tsa.example/'])(
    'for the URL %j',
    (url) => {
      expect(() => createTimestampRequester({ ...options, url })).toThrow(
        expect.objectContaining({
          code: 'InvalidSigningRequest',
          message: expect.stringContaining('expected the http or https URL'),
        }),
      );
    },
  );

  it('without roots', () => {
    expect(() => createTimestampRequester({ ...options, url: 'https://tsa.example/', tsaRoots: [] })).toThrow(
      expect.objectContaining({ code: 'InvalidSigningRequest', message: expect.stringContaining('at least one root') }),
    );
  });
});
