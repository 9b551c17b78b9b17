import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { parseCertificateDer } from '../../../src/notary/certificates/pem.ts';
import {
  checkChain,
  createVerificationCache,
  MEDIA_TYPE_COSE,
  MEDIA_TYPE_JWS,
  parseEnvelope,
  type RevocationResult,
  type VerificationCache,
  type VerificationPlugin,
  type VerifySignatureInput,
} from '../../../src/notary/index.ts';
import { SUBJECT } from '../../support/forge-jws.ts';
import { caExtensions, createChain } from '../../support/pki.ts';
import { chain, DAY_MS, decided, envelopeOf, NOW, statementOf, storesOf, VALIDITY, verify } from './harness.ts';

type Changes = Partial<VerifySignatureInput>;

/** Same names, other keys. */
const stranger = await createChain(VALIDITY);
const [leaf, intermediate, root] = chain.certificates as [X509Certificate, X509Certificate, X509Certificate];
const signedByStranger = stranger.certificates[1] as X509Certificate;

/** A cache that has seen the envelope, and the verdict on it: Trusted. */
async function seenWith(envelope: Uint8Array, changes: Changes = {}): Promise<VerificationCache> {
  const cache = createVerificationCache();
  for (const _time of [1, 2]) expect(decided(await verify(envelope, { ...changes, cache }))).toBe('Trusted');
  return cache;
}

describe('a cache that has seen an envelope takes nothing but bytes for known', () => {
  const revoked: RevocationResult = { status: 'revoked', reason: 'revoked', kind: 'certificate', revoked: ['serial'] };
  const expiring = envelopeOf({
    protected: (header) => ({
      ...header,
      crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.expiry'],
      'io.cncf.notary.expiry': '2026-06-16T12:00:00Z',
    }),
  });

  it.each<readonly [string, Uint8Array, Changes, string]>([
    [
      'its certificate expires',
      envelopeOf(),
      { now: new Date(NOW.getTime() + 31 * DAY_MS) },
      'authenticTimestamp failed CertificateExpired',
    ],
    ['it expires', expiring, { now: new Date(NOW.getTime() + 2 * DAY_MS) }, 'expiry failed SignatureExpired'],
    [
      'the store holds another root',
      envelopeOf(),
      { findTrustStore: storesOf(stranger) },
      'authenticity failed NotFromTrustStore',
    ],
    [
      'the store is gone',
      envelopeOf(),
      { findTrustStore: () => undefined },
      'authenticity unknown TrustStoreUnavailable',
    ],
    [
      'the policy trusts another identity',
      envelopeOf(),
      { statement: statementOf({ trustedIdentities: ['x509.subject:C=US,ST=WA,O=Other'] }) },
      'authenticity failed NotATrustedIdentity',
    ],
    [
      'its certificate is revoked',
      envelopeOf(),
      { checkRevocation: async () => revoked },
      'revocation failed CertificateRevoked',
    ],
    [
      'it is asked about another image',
      envelopeOf(),
      { subject: { ...SUBJECT, digest: `sha256:${'0'.repeat(64)}` } },
      'descriptor failed OtherSubject',
    ],
    [
      'more metadata is asked for',
      envelopeOf(),
      { requiredMetadata: { team: 'a' } },
      'userMetadata failed UserMetadataMismatch',
    ],
  ])('%s: the verdict changes', async (_what, envelope, changes, expected) => {
    const cache = await seenWith(envelope);
    const now = await verify(envelope, { ...changes, cache });
    expect(decided(now)).toBe(expected);
    expect(now.checks).toEqual((await verify(envelope, changes)).checks);
    // And back: nothing of that verdict is kept either.
    expect(decided(await verify(envelope, { cache }))).toBe('Trusted');
  });

  it('the plugin that processed its critical attribute is gone: the verdict changes (B4)', async () => {
    const plugin: VerificationPlugin = {
      name: 'known',
      attributes: new Set(['com.example.a']),
      refuse: () => undefined,
      matchesIdentity: () => ({ trusted: true }),
      checkRevocation: async () => ({ status: 'good', reason: 'nothing revoked' }),
    };
    const envelope = envelopeOf({
      protected: (header) => ({
        ...header,
        'com.example.a': 'b',
        'io.cncf.notary.verificationPlugin': 'known',
        crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.verificationPlugin', 'com.example.a'],
      }),
    });
    const cache = await seenWith(envelope, { plugins: [plugin] });
    expect(decided(await verify(envelope, { cache }))).toBe('integrity failed PluginUnsupported');
    const bare = { ...plugin, attributes: new Set<string>() };
    expect(decided(await verify(envelope, { cache, plugins: [bare] }))).toBe('integrity failed IntegrityFailed');
  });

  it('any other byte of the envelope, signature or certificates is looked at', async () => {
    const cache = await seenWith(envelopeOf());
    const changed = envelopeOf({ signature: (bytes) => Buffer.from(bytes.map((byte, i) => byte ^ Number(i === 40))) });
    expect(decided(await verify(changed, { cache }))).toBe('integrity failed IntegrityFailed');
    const replaced = envelopeOf({ certificates: [leaf, signedByStranger, root] });
    expect(decided(await verify(replaced, { cache }))).toBe('integrity failed IntegrityFailed');
    const shorter = envelopeOf({ certificates: [leaf, intermediate] });
    expect(decided(await verify(shorter, { cache }))).toBe('integrity failed IntegrityFailed');
  });

  it('the same bytes of another media type are another envelope', async () => {
    const envelope = envelopeOf();
    const cache = await seenWith(envelope);
    expect(decided(await verify(envelope, { cache, mediaType: MEDIA_TYPE_COSE }))).toBe(
      'integrity failed SignatureMalformed',
    );
    const failure = { reason: 'of this media type it is none' };
    expect(cache.integrityOf(envelope, MEDIA_TYPE_COSE, () => failure)).toBe(failure);
  });
});

describe('a link of a chain whose signature is known', () => {
  it('is still refused for what its certificates may not be used for (E4, E7)', () => {
    const cache = createVerificationCache();
    checkChain(chain.certificates, 'codeSigning', cache.isSignedBy);
    expect(() => checkChain(chain.certificates, 'timeStamping', cache.isSignedBy)).toThrow(/E7/);
  });

  it('is still refused where a path length allows no such chain (E3)', async () => {
    const flat = await createChain({ ...VALIDITY, length: 4, caExtensions: () => caExtensions(0) });
    const cache = createVerificationCache();
    for (const [i, certificate] of flat.certificates.entries()) {
      expect(cache.isSignedBy(certificate, flat.certificates[i + 1] ?? certificate)).toBe(true);
    }
    expect(() => checkChain(flat.certificates, 'codeSigning', cache.isSignedBy)).toThrow(/pathLen 0.*E3/);
  });

  it('is still refused with a weak hash (E2)', async () => {
    const weak = await createChain({ ...VALIDITY, hash: 'SHA-1', length: 2 });
    const [one, other] = weak.certificates as [X509Certificate, X509Certificate];
    const cache = createVerificationCache();
    for (const _time of [1, 2]) expect(() => cache.isSignedBy(one, other)).toThrow(/E2/);
  });

  it('says nothing of another certificate with the same name', () => {
    const cache = createVerificationCache();
    expect(cache.isSignedBy(leaf, intermediate)).toBe(true);
    for (const _time of [1, 2]) {
      expect(cache.isSignedBy(leaf, signedByStranger)).toBe(false);
      expect(cache.isSignedBy(intermediate, leaf)).toBe(false);
    }
  });
});

describe('what a cache keeps', () => {
  let verifications: MockInstance<X509Certificate['verify']>;
  beforeEach(() => {
    verifications = vi.spyOn(X509Certificate.prototype, 'verify');
  });
  afterEach(() => {
    verifications.mockRestore();
  });

  it('the signatures of a chain, for every envelope with it', async () => {
    const cache = createVerificationCache();
    await verify(envelopeOf(), { cache });
    expect(verifications).toHaveBeenCalledTimes(3);
    const later = envelopeOf({ now: new Date(NOW.getTime() - 1000) });
    expect(decided(await verify(later, { cache }))).toBe('Trusted');
    expect(verifications).toHaveBeenCalledTimes(3);
  });

  it('also for certificates that were read elsewhere: bytes count, not objects', () => {
    const cache = createVerificationCache();
    const copy = (certificate: X509Certificate): X509Certificate => parseCertificateDer(certificate.raw, 'a copy');
    expect(cache.isSignedBy(leaf, intermediate)).toBe(true);
    expect(cache.isSignedBy(copy(leaf), copy(intermediate))).toBe(true);
    expect(verifications).toHaveBeenCalledTimes(1);
  });

  it('no more links than it may, the least recently used first to go', () => {
    const cache = createVerificationCache({ maxLinks: 2 });
    const check = (certificate: X509Certificate, issuer: X509Certificate, expected: number): void => {
      expect(cache.isSignedBy(certificate, issuer)).toBe(true);
      expect(verifications).toHaveBeenCalledTimes(expected);
    };
    check(leaf, intermediate, 1);
    check(intermediate, root, 2);
    check(leaf, intermediate, 2);
    check(root, root, 3);
    check(leaf, intermediate, 3);
    check(intermediate, root, 4);
  });

  it('no link that does not hold: a passing fault would stay', () => {
    const cache = createVerificationCache();
    verifications.mockImplementationOnce(() => {
      throw new Error('out of memory');
    });
    expect(cache.isSignedBy(leaf, intermediate)).toBe(false);
    expect(cache.isSignedBy(leaf, intermediate)).toBe(true);
  });

  it('that an envelope is whole, and not that one is not', () => {
    const cache = createVerificationCache();
    const check = vi.fn<() => string | undefined>(() => 'broken');
    const envelope = envelopeOf();
    const ask = (): string | undefined => cache.integrityOf(Buffer.from(envelope), 'a', check);
    expect([ask(), ask()]).toEqual(['broken', 'broken']);
    check.mockReturnValue(undefined);
    expect([ask(), ask(), ask()]).toEqual([undefined, undefined, undefined]);
    expect(check).toHaveBeenCalledTimes(3);
  });

  it('no more envelopes than it may', () => {
    const cache = createVerificationCache({ maxEnvelopes: 1 });
    const check = vi.fn(() => undefined);
    for (const byte of [1, 1, 2, 1]) cache.integrityOf(Buffer.from([byte]), 'a', check);
    expect(check).toHaveBeenCalledTimes(3);
  });

  it('certificates, one object for the same bytes, and no more than it may', () => {
    const cache = createVerificationCache({ maxCertificates: 2 });
    const read = ({ raw }: X509Certificate): X509Certificate => cache.readCertificate(raw, 'it');
    const first = read(leaf);
    expect(first.raw.equals(leaf.raw)).toBe(true);
    expect(read(leaf)).toBe(first);
    const { certificates } = parseEnvelope(envelopeOf(), MEDIA_TYPE_JWS, cache.readCertificate);
    expect(certificates).toHaveLength(3);
    expect(certificates[0]).toBe(first);
    expect(read(leaf)).not.toBe(first);
  });

  it('no certificate that is no certificate, and none with bytes after it', () => {
    const cache = createVerificationCache();
    cache.readCertificate(leaf.raw, 'it');
    const longer = Buffer.concat([leaf.raw, Buffer.alloc(1)]);
    for (const _time of [1, 2]) expect(() => cache.readCertificate(longer, 'it')).toThrow(/it is not/);
  });
});
