import { generateKeyPairSync } from 'node:crypto';
import { flattenedVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  createPayload,
  NotaryError,
  parseEnvelope,
  type SignEnvelopeInput,
  signatureAnnotations,
  signEnvelope,
} from '../../../src/notary/index.ts';
import { SUBJECT } from '../../support/forge-jws.ts';
import { createChain, KEY_TYPES, type KeyType } from '../../support/pki.ts';
import { chain, DAY_MS, decided, NOW, statementOf, storesOf, VALIDITY, verify } from './harness.ts';

const N = 'io.cncf.notary';

const signWith = (changes: Partial<SignEnvelopeInput> = {}) =>
  signEnvelope({
    subject: SUBJECT,
    key: chain.key,
    certificates: chain.certificates,
    format: 'JWS',
    signingTime: new Date(NOW.getTime() - 1),
    signingAgent: 'sealwatch/test',
    ...changes,
  });

interface Written {
  readonly payload: string;
  readonly protected: string;
  readonly header: Record<string, unknown>;
  readonly signature: string;
}

function read(bytes: Uint8Array): { written: Written; header: Record<string, unknown>; payload: unknown } {
  const written = JSON.parse(Buffer.from(bytes).toString()) as Written;
  const json = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString());
  return { written, header: json(written.protected), payload: json(written.payload) };
}

describe('a signature made here', () => {
  const cases = KEY_TYPES.flatMap((key) =>
    (key.startsWith('RSA') ? ([1] as const) : ([1, 2, 3, 4] as const)).map((length): [KeyType, 1 | 2 | 3 | 4] => [
      key,
      length,
    ]),
  );
  it.each(cases)('with %s and a chain of %i verifies, here and by jose (B5, E)', async (key, length) => {
    const made = await createChain({ ...VALIDITY, key, length });
    const { bytes, mediaType } = await signWith(made);
    expect(mediaType).toBe('application/jose+json');
    expect(decided(await verify(bytes, { findTrustStore: storesOf(made) }))).toBe('Trusted');
    const { written } = read(bytes);
    const [leaf] = made.certificates;
    if (leaf === undefined) throw new Error('no leaf');
    const verified = await flattenedVerify(written, leaf.publicKey, { crit: { [`${N}.signingScheme`]: true } });
    expect(Buffer.from(verified.payload).toString()).toBe(JSON.stringify({ targetArtifact: SUBJECT }));
  });

  it('has exactly the headers of the specification (B1, B2, B3, B6)', async () => {
    const { written, header, payload } = read((await signWith({ expiry: new Date('2026-07-01T00:00:00.900Z') })).bytes);
    expect(Object.keys(written)).toEqual(['payload', 'protected', 'header', 'signature']);
    expect(header).toEqual({
      alg: 'ES256',
      cty: 'application/vnd.cncf.notary.payload.v1+json',
      crit: [`${N}.signingScheme`, `${N}.expiry`],
      [`${N}.signingScheme`]: 'notary.x509',
      [`${N}.signingTime`]: '2026-06-15T11:59:59Z',
      [`${N}.expiry`]: '2026-07-01T00:00:00Z',
    });
    expect(written.header).toEqual({
      x5c: chain.certificates.map((certificate) => certificate.raw.toString('base64')),
      [`${N}.signingAgent`]: 'sealwatch/test',
    });
    expect(payload).toEqual({ targetArtifact: SUBJECT });
  });

  it('of a signing authority, with a plugin and its attributes (B3, D)', async () => {
    const { bytes } = await signWith({
      scheme: 'notary.x509.signingAuthority',
      verificationPlugin: 'com.example.plugin',
      extendedAttributes: [
        { name: 'com.example.job', value: 'job-1', critical: true },
        { name: 'com.example.note', value: 'n', critical: false },
      ],
    });
    expect(read(bytes).header['crit']).toEqual([
      `${N}.signingScheme`,
      `${N}.authenticSigningTime`,
      `${N}.verificationPlugin`,
      'com.example.job',
    ]);
    const envelope = parseEnvelope(bytes, 'application/jose+json');
    expect(envelope).toMatchObject({
      scheme: 'notary.x509.signingAuthority',
      authenticSigningTime: new Date('2026-06-15T11:59:59Z'),
      verificationPlugin: 'com.example.plugin',
    });
    expect(envelope.signingTime).toBeUndefined();
    expect([...envelope.extendedCriticalAttributes]).toEqual([['com.example.job', 'job-1']]);
    const outcome = await verify(bytes, {
      statement: statementOf({ trustStores: ['signingAuthority:acme'] }),
      findTrustStore: storesOf(chain, 'signingAuthority:acme'),
      plugins: [
        {
          name: 'com.example.plugin',
          attributes: new Set(['com.example.job']),
          refuse: () => undefined,
          matchesIdentity: () => ({ trusted: true }),
          checkRevocation: async () => ({ status: 'good', reason: 'x' }),
        },
      ],
    });
    expect(decided(outcome)).toBe('Trusted');
  });

  it('carries the user metadata (B7)', async () => {
    const { bytes } = await signWith({ userMetadata: { build: '7', note: 'ünïcode "quoted"' } });
    expect(decided(await verify(bytes, { requiredMetadata: { build: '7', note: 'ünïcode "quoted"' } }))).toBe(
      'Trusted',
    );
    expect(decided(await verify(bytes, { requiredMetadata: { build: '8' } }))).toBe(
      'userMetadata failed UserMetadataMismatch',
    );
  });
});

describe('signing is refused, with what to do, for', () => {
  const day = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);
  it.each<readonly [string, () => Partial<SignEnvelopeInput>, string, RegExp]>([
    [
      'a key of another certificate',
      () => ({ key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }),
      'InvalidKey',
      /does not belong to the first certificate, CN=Test Signer.*: put the leaf first/,
    ],
    [
      'a key of another type',
      () => ({ key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey }),
      'InvalidKey',
      /does not belong/,
    ],
    [
      'a public key',
      () => ({ key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey }),
      'InvalidKey',
      /expected a private key; found a public key/,
    ],
    [
      'a chain in the wrong order (E2)',
      () => ({ certificates: chain.certificates.toReversed() }),
      'InvalidCertificateChain',
      /self-signed but is not the last/,
    ],
    [
      'a chain without its root (E2)',
      () => ({ certificates: chain.certificates.slice(0, -1) }),
      'InvalidCertificateChain',
      /add its issuer/,
    ],
    ['no chain (E2)', () => ({ certificates: [] }), 'InvalidCertificateChain', /at least one certificate/],
    [
      'an expired certificate',
      () => ({ signingTime: day(31) }),
      'InvalidCertificateChain',
      /CN=Test Signer.* is valid from 2026-05-16T12:00:00Z to 2026-07-15T12:00:00Z only: renew it/,
    ],
    [
      'a certificate that is not valid yet',
      () => ({ signingTime: day(-31) }),
      'InvalidCertificateChain',
      /is valid from/,
    ],
    [
      'an expiry before signing',
      () => ({ expiry: day(-1) }),
      'InvalidSigningRequest',
      /at least one second after signing/,
    ],
    [
      'an expiry within the same second',
      () => ({ expiry: new Date(NOW.getTime() + 500) }),
      'InvalidSigningRequest',
      /at least one second after signing/,
    ],
    [
      'a reserved metadata key (B7)',
      () => ({ userMetadata: { [`${N}.x`]: 'y' } }),
      'InvalidSigningRequest',
      /is reserved.*choose another/,
    ],
  ])('%s', async (_name, changes, code, message) => {
    const error = await signWith(changes()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(NotaryError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

it('the payload holds the subject without its own annotations, and the metadata (A1, B7)', () => {
  const subject = { ...SUBJECT, annotations: { 'org.example': 'of the manifest' } };
  expect(Buffer.from(createPayload(subject, { a: 'b' })).toString()).toBe(
    JSON.stringify({ targetArtifact: { ...SUBJECT, annotations: { a: 'b' } } }),
  );
  expect(Buffer.from(createPayload(subject)).toString()).toBe(JSON.stringify({ targetArtifact: SUBJECT }));
});

it('the annotations of a signature manifest are thumbprints and time (A3)', () => {
  const annotations = signatureAnnotations(chain.certificates, new Date('2026-06-15T12:00:00.999Z'));
  expect(Object.keys(annotations)).toEqual([`${N}.x509chain.thumbprint#S256`, 'org.opencontainers.image.created']);
  expect(annotations['org.opencontainers.image.created']).toBe('2026-06-15T12:00:00Z');
  const listed = JSON.parse(annotations[`${N}.x509chain.thumbprint#S256`] ?? '') as string[];
  expect(listed).toEqual(chain.certificates.map((c) => c.fingerprint256.replaceAll(':', '').toLowerCase()));
});
