import { describe, expect, it } from 'vitest';
import { MEDIA_TYPE_COSE, NotaryError, parseEnvelope } from '../../../../src/notary/index.ts';
import { type CborItem, encodeCbor, tagged } from '../../../support/cbor.ts';
import { COSE_ALGORITHMS, epoch, type ForgeCoseOptions, forgeCose } from '../../../support/forge-cose.ts';
import { SUBJECT } from '../../../support/forge-jws.ts';
import { createChain, KEY_TYPES } from '../../../support/pki.ts';
import { chain, NOW, storesOf, VALIDITY, verify } from '../harness.ts';

const N = 'io.cncf.notary';
const ALG_OF: Readonly<Record<string, string>> = {
  'RSA-2048': 'PS256',
  'RSA-3072': 'PS384',
  'RSA-4096': 'PS512',
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
};

const envelopeOf = (options: Partial<ForgeCoseOptions> = {}): Buffer =>
  forgeCose({ key: chain.key, certificates: chain.certificates, alg: 'ES256', now: NOW, ...options });
const set =
  (label: CborItem, value: CborItem): NonNullable<ForgeCoseOptions['protected']> =>
  (header) =>
    new Map(header).set(label, value);

/** More refusals, one row each: test/conformance/mutations. */
describe('a COSE envelope is accepted', () => {
  it.each<readonly [string, Partial<ForgeCoseOptions>]>([
    ['as it is (C1, C2, C3)', {}],
    ['with attributes that are signed and not critical (B4)', { protected: set('com.example.note', [1, null, 'x']) }],
    ['with an integer label that is signed and not critical (C4)', { protected: set(4, Buffer.from('key 1')) }],
    ['with a time as an attribute of its own (C2)', { protected: set('com.example.at', tagged(1, 0)) }],
    ['with unknown unprotected headers (B6)', { unprotected: (h) => new Map(h).set(4, Buffer.from('k')).set('x', []) }],
    ['with labels in any order (C1)', { protected: (h) => new Map([...h].toReversed()) }],
    [
      'with user metadata (B7)',
      { payload: JSON.stringify({ targetArtifact: { ...SUBJECT, annotations: { a: 'b' } } }) },
    ],
  ])('%s', async (_name, options) => {
    const outcome = await verify(envelopeOf(options), { mediaType: MEDIA_TYPE_COSE });
    expect(outcome.decisive?.reason).toBeUndefined();
    expect(outcome.verdict).toBe('Trusted');
  });

  it.each(KEY_TYPES)('with a key of %s (B5, C2)', async (key) => {
    const made = await createChain({ ...VALIDITY, key });
    const bytes = envelopeOf({ ...made, alg: ALG_OF[key] ?? '' });
    const outcome = await verify(bytes, { mediaType: MEDIA_TYPE_COSE, findTrustStore: storesOf(made) });
    expect(outcome.verdict).toBe('Trusted');
    // The names are those of JWS, whatever the numbers.
    expect(outcome.envelope?.algorithm).toBe(ALG_OF[key]);
    expect(Object.keys(COSE_ALGORITHMS)).toContain(outcome.envelope?.algorithm);
  });

  it('and read as it was written (C2, C3, C5)', async () => {
    const bytes = envelopeOf({
      protected: (header) =>
        new Map(header)
          .set(2, [`${N}.signingScheme`, `${N}.expiry`, `${N}.verificationPlugin`, 'com.example.job'])
          .set(`${N}.expiry`, epoch(new Date('2030-01-01T00:00:00Z')))
          .set(`${N}.verificationPlugin`, 'com.example.plugin')
          .set('com.example.job', 'job-1')
          .set('com.example.note', new Map([['of', 'nobody']])),
      unprotected: (header) =>
        new Map(header).set(`${N}.signingAgent`, 'agent/1').set(`${N}.timestampSignature`, Buffer.from([0, 1, 2])),
    });
    const envelope = parseEnvelope(bytes, MEDIA_TYPE_COSE);
    expect(envelope).toMatchObject({
      format: 'COSE',
      scheme: 'notary.x509',
      algorithm: 'ES256',
      signingTime: new Date(NOW.getTime() - 60_000),
      expiry: new Date('2030-01-01T00:00:00Z'),
      verificationPlugin: 'com.example.plugin',
      signingAgent: 'agent/1',
      subject: SUBJECT,
    });
    expect([...envelope.extendedCriticalAttributes]).toEqual([['com.example.job', 'job-1']]);
    expect([...envelope.extendedNonCriticalAttributes]).toEqual([['com.example.note', new Map([['of', 'nobody']])]]);
    expect(envelope.timestampToken).toEqual(new Uint8Array([0, 1, 2]));
    expect(envelope.certificates.map((c) => c.raw)).toEqual(chain.certificates.map((c) => c.raw));
    expect(envelope.signature).toHaveLength(64);
  });

  it('and what is signed is the protected header as received, not as it would be written here (C5)', () => {
    let protectedBytes: Buffer = Buffer.alloc(0);
    const bytes = envelopeOf({
      protected: (header) => {
        protectedBytes = encodeCbor(new Map([...header].toReversed()));
        return protectedBytes;
      },
    });
    const payload = Buffer.from(JSON.stringify({ targetArtifact: SUBJECT }));
    expect(Buffer.from(parseEnvelope(bytes, MEDIA_TYPE_COSE).signedBytes)).toEqual(
      encodeCbor(['Signature1', protectedBytes, Buffer.alloc(0), payload]),
    );
  });
});

describe('a COSE envelope is refused for', () => {
  it('more than 32 MiB (A6)', () => {
    const bytes = Buffer.concat([envelopeOf(), Buffer.alloc(32 * 1024 * 1024)]);
    expect(() => parseEnvelope(bytes, MEDIA_TYPE_COSE)).toThrow(/at most 33554432 bytes/);
    expect(() => parseEnvelope(bytes.subarray(0, 32 * 1024 * 1024), MEDIA_TYPE_COSE)).toThrow(/too many terminals/);
  });

  it('a payload or a protected header of more than 1 MiB, unread (A6)', () => {
    const junk = 'x'.repeat(1024 * 1024);
    const payload = JSON.stringify({ targetArtifact: SUBJECT, junk });
    for (const bytes of [envelopeOf({ payload }), envelopeOf({ protected: set('junk', junk) })])
      expect(() => parseEnvelope(bytes, MEDIA_TYPE_COSE)).toThrow(/expected at most 1048576 bytes each/);
  });

  it('a certificate that is none, as an error of the envelope (C3)', () => {
    const bytes = envelopeOf({ unprotected: () => new Map([[33, [Buffer.from('x')]]]) });
    let error: unknown;
    try {
      parseEnvelope(bytes, MEDIA_TYPE_COSE);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(NotaryError);
    expect(error).toMatchObject({ code: 'MalformedEnvelope', rule: 'C3' });
  });
});
