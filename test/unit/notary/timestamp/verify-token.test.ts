import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { describe, expect, it, vi } from 'vitest';
import type { RevocationResult } from '../../../../src/notary/index.ts';
import { createTsaChain, POLICY, type TimestampOptions, tsaExtensions } from '../../../support/forge-timestamp.ts';
import { caExtensions } from '../../../support/pki.ts';
import { DAY_MS, GEN_TIME, NOW, TSA_VALIDITY, tokenOf, tsa, verifyToken } from '../../../support/timestamp-fixture.ts';

const BASELINE = '0.4.0.2023.1.1';
const ROOTS: X509Certificate[] = tsa.certificates.slice(-1);

describe('the time that a timestamp shows (I)', () => {
  it.each<readonly [string, Partial<TimestampOptions>, string, string]>([
    ['is genTime where no accuracy is said', {}, '12:00:00.000', '12:00:00.000'],
    ['has fractions', { genTime: '20260614120000.25Z' }, '12:00:00.250', '12:00:00.250'],
    ['is rounded outwards to milliseconds', { genTime: '20260614120000.123456789Z' }, '12:00:00.123', '12:00:00.124'],
    ['has the accuracy around it', { accuracy: { seconds: 2 } }, '11:59:58.000', '12:00:02.000'],
    [
      'has an accuracy of three parts, rounded outwards',
      { genTime: '20260614120000.5Z', accuracy: { seconds: 1, millis: 2, micros: 300 } },
      '11:59:59.497',
      '12:00:01.503',
    ],
    ['is exact where the accuracy is empty', { accuracy: {} }, '12:00:00.000', '12:00:00.000'],
    ['is within a second by the baseline policy', { policy: BASELINE }, '11:59:59.000', '12:00:01.000'],
    [
      'is within a second by the baseline policy with an accuracy of zero',
      { policy: BASELINE, accuracy: { seconds: 0 } },
      '11:59:59.000',
      '12:00:01.000',
    ],
    [
      'is as exact as the baseline policy says where it does',
      { policy: BASELINE, accuracy: { millis: 5 } },
      '11:59:59.995',
      '12:00:00.005',
    ],
    ['is exact by another policy', { policy: POLICY }, '12:00:00.000', '12:00:00.000'],
  ])('%s', async (_name, changes, from, to) => {
    expect(await verifyToken(tokenOf(changes))).toEqual({
      status: 'valid',
      notBefore: new Date(`2026-06-14T${from}Z`),
      notAfter: new Date(`2026-06-14T${to}Z`),
    });
  });

  it('may be 5 minutes ahead of the clock, as that of a signing authority (I, D)', async () => {
    const genTime = new Date(NOW.getTime() + 5 * 60_000);
    expect(await verifyToken(tokenOf({ genTime }))).toMatchObject({ status: 'valid' });
  });

  it('further ahead it is refused, until the clock is near (I)', async () => {
    const token = tokenOf({ genTime: new Date(NOW.getTime() + 5 * 60_000 + 1) });
    const validUntil = new Date(NOW.getTime() + 1);
    expect(await verifyToken(token)).toEqual({
      status: 'invalid',
      reason:
        'the time of the timestamp, 2026-06-15T12:05:00.001Z, lies more than 5 minutes ahead of the clock (notary.md I)',
      validUntil,
    });
    expect(await verifyToken(token, { now: validUntil })).toMatchObject({ status: 'valid' });
  });
});

describe("an authority's chain (I)", () => {
  it('counts at genTime: later it may expire, root and all', async () => {
    expect(await verifyToken(tokenOf(), { now: new Date('2040-01-01T00:00:00Z') })).toMatchObject({ status: 'valid' });
  });

  it.each([
    ['the first moment of its validity', GEN_TIME, new Date(GEN_TIME.getTime() + DAY_MS)],
    ['the last moment of its validity', new Date(GEN_TIME.getTime() - DAY_MS), GEN_TIME],
  ])('is good at %s, whatever the accuracy', async (_name, notBefore, notAfter) => {
    const made = await createTsaChain({ ...TSA_VALIDITY, notBefore, notAfter });
    const token = tokenOf({ tsa: made, accuracy: { seconds: 60 } });
    expect(await verifyToken(token, { roots: made.certificates.slice(-1) })).toMatchObject({ status: 'valid' });
  });

  it.each([1, 2, 3, 4] as const)('may have %i certificates', async (length) => {
    const made = await createTsaChain({ ...TSA_VALIDITY, length });
    expect(await verifyToken(tokenOf({ tsa: made }), { roots: made.certificates.slice(-1) })).toMatchObject({
      status: 'valid',
    });
  });

  it.each(['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const)('may have %s keys', async (key) => {
    const made = await createTsaChain({ ...TSA_VALIDITY, key });
    expect(await verifyToken(tokenOf({ tsa: made }), { roots: made.certificates.slice(-1) })).toMatchObject({
      status: 'valid',
    });
  });

  it('may lead to any of the roots', async () => {
    const others = await Promise.all(['A', 'B'].map((caName) => createTsaChain({ ...TSA_VALIDITY, caName })));
    const roots = [...others.flatMap(({ certificates }) => certificates.slice(-1)), ...ROOTS];
    expect(await verifyToken(tokenOf(), { roots })).toMatchObject({ status: 'valid' });
  });

  it('must lead to one: none is trusted because it is in the token', async () => {
    const refused = await verifyToken(tokenOf({ certificates: tsa.certificates }), { roots: [] });
    expect(refused).toMatchObject({ status: 'invalid', reason: expect.stringContaining('no chain leads') });
  });

  it('is not trusted for an intermediate that is among the roots: it must be self-signed (F9)', async () => {
    expect(await verifyToken(tokenOf(), { roots: tsa.certificates.slice(1, 2) })).toMatchObject({
      status: 'invalid',
      reason: expect.stringContaining('is not a self-signed root'),
    });
  });
});

/** Certificates of one name and one key each, which createChain does not make. */
async function maze() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const [root, middle, leaf] = await Promise.all([keys(), keys(), keys()]);
  let serial = 0x10;
  const make = async (
    [subject, issuer]: readonly [string, string],
    [own, signing]: readonly [webcrypto.CryptoKeyPair, webcrypto.CryptoKeyPair],
    extensions: x509.Extension[],
    notAfter = new Date('2030-01-01T00:00:00Z'),
  ): Promise<X509Certificate> => {
    serial += 1;
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: serial.toString(16),
      subject: `C=US,ST=WA,O=Maze,CN=${subject}`,
      issuer: `C=US,ST=WA,O=Maze,CN=${issuer}`,
      notBefore: new Date('2020-01-01T00:00:00Z'),
      notAfter,
      publicKey: own.publicKey,
      signingKey: signing.privateKey,
      signingAlgorithm: algorithm,
      extensions,
    });
    return new X509Certificate(Buffer.from(made.rawData));
  };
  const tsu = await make(['Unit', 'Middle'], [leaf, middle], tsaExtensions());
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', leaf.privateKey);
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  const stamp = (...certificates: X509Certificate[]): Buffer => {
    return tokenOf({ tsa: { certificates: [tsu], key }, certificates: [tsu, ...certificates] });
  };
  return { make, stamp, root, middle };
}

describe('where names and keys stand more than once, (I)', () => {
  it('a certificate that will not do is passed over for one that does, in any order', async () => {
    const { make, stamp, root, middle } = await maze();
    const anchor = await make(['Root', 'Root'], [root, root], caExtensions(2));
    const expired = await make(['Middle', 'Root'], [middle, root], caExtensions(0), new Date('2026-01-01T00:00:00Z'));
    const renewed = await make(['Middle', 'Root'], [middle, root], caExtensions(0));
    for (const order of [
      [expired, renewed],
      [renewed, expired],
    ]) {
      expect(await verifyToken(stamp(...order), { roots: [anchor] })).toMatchObject({ status: 'valid' });
    }
    expect(await verifyToken(stamp(expired), { roots: [anchor] })).toMatchObject({
      status: 'invalid',
      reason: expect.stringContaining('was not valid at the time of the timestamp'),
    });
  });

  it('a loop ends', async () => {
    const { make, stamp, root, middle } = await maze();
    const there = await make(['Middle', 'Root'], [middle, root], caExtensions(5));
    const back = await make(['Root', 'Middle'], [root, middle], caExtensions(5));
    expect(await verifyToken(stamp(there, back), { roots: ROOTS })).toMatchObject({
      status: 'invalid',
      reason: expect.stringContaining('no chain leads'),
    });
  });

  it('a bag of look-alikes costs a bounded number of signature checks', async () => {
    const { make, stamp, middle } = await maze();
    const alike = await Promise.all(
      Array.from({ length: 19 }, () => make(['Middle', 'Middle'], [middle, middle], caExtensions(9))),
    );
    const verify = vi.spyOn(X509Certificate.prototype, 'verify');
    expect(await verifyToken(stamp(...alike), { roots: ROOTS })).toMatchObject({
      status: 'invalid',
      reason: expect.stringContaining('more than 200 signature checks'),
    });
    expect(verify.mock.calls.length).toBe(200);
    verify.mockRestore();
  });

  it('1,000 of one name in the token are refused before any is read', async () => {
    const { make, stamp, middle } = await maze();
    const one = await make(['Middle', 'Middle'], [middle, middle], caExtensions(9));
    const token = stamp(...Array.from({ length: 999 }, () => one));
    expect(await verifyToken(token)).toMatchObject({
      status: 'invalid',
      reason: expect.stringMatching(/bytes: expected/),
    });
  });
});

describe("an authority's revocation (I, H1)", () => {
  const validUntil = new Date(NOW.getTime() + DAY_MS);
  it.each<readonly [string, RevocationResult, object]>([
    [
      'good passes, as long as the answer stands',
      { status: 'good', reason: 'x', validUntil },
      { status: 'valid', validUntil },
    ],
    [
      'revoked is refused',
      { status: 'revoked', kind: 'certificate', revoked: ['CN=x'], reason: 'CN=x was revoked' },
      { status: 'invalid', reason: 'the time stamping authority is revoked: CN=x was revoked (notary.md I)' },
    ],
    [
      'held is refused, as long as the answer stands',
      { status: 'revoked', kind: 'certificate', revoked: ['CN=x'], reason: 'CN=x is on hold', validUntil },
      { status: 'invalid', validUntil },
    ],
    [
      'unknown is unknown, and what the timestamp shows is told',
      { status: 'unknown', reason: 'the responder is down' },
      {
        status: 'unknown',
        reason:
          'whether the time stamping authority is revoked could not be determined: the responder is down (notary.md I)',
        range: { notBefore: GEN_TIME, notAfter: GEN_TIME },
      },
    ],
  ])('%s', async (_name, answer, expected) => {
    expect(await verifyToken(tokenOf(), { checkChainRevocation: async () => answer })).toMatchObject(expected);
  });

  it('is asked for the chain to the root, now (I)', async () => {
    const asked: string[][] = [];
    const result = await verifyToken(tokenOf(), {
      checkChainRevocation: async ({ certificates, authenticSigningTime }, { now }) => {
        asked.push(certificates.map(({ fingerprint256 }) => fingerprint256));
        return now === NOW && authenticSigningTime === undefined
          ? { status: 'good', reason: 'x' }
          : { status: 'unknown', reason: 'another time' };
      },
    });
    expect(result).toMatchObject({ status: 'valid' });
    expect(asked).toEqual([tsa.certificates.map(({ fingerprint256 }) => fingerprint256)]);
  });

  it.each<readonly [string, Partial<TimestampOptions>, X509Certificate[]]>([
    ['its root is not trusted', {}, []],
    ['its signature is wrong', { signature: (s) => Buffer.alloc(s.length, 1) }, ROOTS],
    ['it stamps something else', { imprint: { hash: 'sha256', digest: Buffer.alloc(32) } }, ROOTS],
    ['its time is ahead', { genTime: new Date(NOW.getTime() + DAY_MS) }, ROOTS],
  ])('is never asked where %s: its addresses are the sender’s to choose (H7)', async (_name, changes, roots) => {
    const checkChainRevocation = vi.fn(async () => ({ status: 'good', reason: 'x' }) as const);
    expect(await verifyToken(tokenOf(changes), { roots, checkChainRevocation })).toMatchObject({ status: 'invalid' });
    expect(checkChainRevocation).not.toHaveBeenCalled();
  });

  it('a fault of the checker is a fault, and no verdict', async () => {
    const fault = new Error('a bug');
    await expect(verifyToken(tokenOf(), { checkChainRevocation: () => Promise.reject(fault) })).rejects.toBe(fault);
  });
});
