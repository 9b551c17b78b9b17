import { constants, generateKeyPairSync, verify as verifyBytes } from 'node:crypto';
import { decode, Tagged } from 'cborg';
import { flattenedVerify } from 'jose';
import { describe, expect, it, vi } from 'vitest';
import {
  createPayload,
  NotaryError,
  parseEnvelope,
  type SignEnvelopeInput,
  signatureAnnotations,
  signEnvelope,
} from '../../../src/notary/index.ts';
import { type CborItem, encodeCbor, tagged } from '../../support/cbor.ts';
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

/** COSE by a decoder in its plainest settings, other than those it is verified with. */
function readCose(bytes: Uint8Array) {
  const tags = { ...Tagged.preserve(18), 1: (content: () => unknown) => ({ epoch: content() }) };
  const [protectedBytes, unprotected, payload, signature] = (decode(bytes, { useMaps: true, tags }) as Tagged).value;
  const header = decode(protectedBytes, { useMaps: true, tags }) as Map<unknown, unknown>;
  return { protectedBytes, header, unprotected: unprotected as Map<unknown, unknown>, payload, signature };
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

  it.each(cases)('as COSE with %s and a chain of %i verifies (B5, C, E)', async (key, length) => {
    const made = await createChain({ ...VALIDITY, key, length });
    const { bytes, mediaType } = await signWith({ ...made, format: 'COSE' });
    expect(mediaType).toBe('application/cose');
    const outcome = await verify(bytes, { mediaType, findTrustStore: storesOf(made) });
    expect(decided(outcome)).toBe('Trusted');
    const { protectedBytes, payload, signature } = readCose(bytes);
    // By node:crypto alone, over the Sig_structure as the tests' own encoder writes it.
    const hash = {
      'RSA-2048': 'sha256',
      'RSA-3072': 'sha384',
      'RSA-4096': 'sha512',
      'P-256': 'sha256',
      'P-384': 'sha384',
      'P-521': 'sha512',
    }[key];
    const parameters = key.startsWith('RSA')
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { dsaEncoding: 'ieee-p1363' as const };
    const [leaf] = made.certificates;
    if (leaf === undefined) throw new Error('no leaf');
    const signed = encodeCbor(['Signature1', protectedBytes, Buffer.alloc(0), payload]);
    expect(verifyBytes(hash, signed, { key: leaf.publicKey, ...parameters }, signature)).toBe(true);
    expect(Buffer.from(payload).toString()).toBe(JSON.stringify({ targetArtifact: SUBJECT }));
  });

  it('as COSE has exactly the headers of the specification, in deterministic order (C1, C2, C3)', async () => {
    const { bytes } = await signWith({ format: 'COSE', expiry: new Date('2026-07-01T00:00:00.900Z') });
    expect(Buffer.from(bytes.subarray(0, 2)).toString('hex')).toBe('d284');
    const { header, unprotected } = readCose(bytes);
    expect([...header]).toEqual([
      [1, -7],
      [2, [`${N}.signingScheme`, `${N}.expiry`]],
      [3, 'application/vnd.cncf.notary.payload.v1+json'],
      [`${N}.expiry`, { epoch: 1_782_864_000 }],
      [`${N}.signingTime`, { epoch: 1_781_524_799 }],
      [`${N}.signingScheme`, 'notary.x509'],
    ]);
    expect([...unprotected]).toEqual([
      [33, chain.certificates.map((certificate) => new Uint8Array(certificate.raw))],
      [`${N}.signingAgent`, 'sealwatch/test'],
    ]);
  });

  it('as COSE is core deterministic: labels in the order of their encoding, in every map (C2)', async () => {
    const { bytes } = await signWith({
      format: 'COSE',
      extendedAttributes: [
        { name: 'zz', value: { b: 1, a: 2, long: 3 }, critical: false },
        { name: 'a', value: [300, -1], critical: false },
      ],
    });
    const { protectedBytes, header } = readCose(bytes);
    const encodings = [...header.keys()].map((label) => encodeCbor(label as number | string));
    expect(encodings).toEqual(encodings.toSorted(Buffer.compare));
    expect([...(header.get('zz') as Map<string, number>).keys()]).toEqual(['a', 'b', 'long']);
    const item = (value: unknown): CborItem =>
      typeof value === 'object' && value !== null && 'epoch' in value
        ? tagged(1, Number(value.epoch))
        : (value as CborItem);
    const again = encodeCbor(new Map([...header].map(([label, value]) => [item(label), item(value)])));
    expect(Buffer.from(protectedBytes)).toEqual(again);
  });

  it.each(['JWS', 'COSE'] as const)('carries attributes and metadata as %s (B3, B7, C2)', async (format) => {
    const { bytes, mediaType } = await signWith({
      format,
      scheme: 'notary.x509.signingAuthority',
      verificationPlugin: 'com.example.plugin',
      userMetadata: { build: '7', note: 'ünïcode "quoted"' },
      extendedAttributes: [
        { name: 'com.example.job', value: 'job-1', critical: true },
        { name: 'com.example.note', value: [1, 'x', null, true], critical: false },
        { name: 'toString', value: 'x', critical: false },
      ],
    });
    const envelope = parseEnvelope(bytes, mediaType);
    expect(envelope).toMatchObject({
      format,
      scheme: 'notary.x509.signingAuthority',
      authenticSigningTime: new Date('2026-06-15T11:59:59Z'),
      verificationPlugin: 'com.example.plugin',
      subject: { ...SUBJECT, annotations: { build: '7', note: 'ünïcode "quoted"' } },
    });
    expect(envelope.signingTime).toBeUndefined();
    expect([...envelope.extendedCriticalAttributes]).toEqual([['com.example.job', 'job-1']]);
    expect(Object.fromEntries(envelope.extendedNonCriticalAttributes)).toEqual({
      'com.example.note': [1, 'x', null, true],
      toString: 'x',
    });
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

describe('a timestamp, when one is asked for (I)', () => {
  const token = Buffer.from('a token');
  const context = { now: NOW, signal: AbortSignal.timeout(10_000) };

  it.each<readonly ['JWS' | 'COSE', KeyType, string, number]>([
    ['JWS', 'P-256', 'sha256', 64],
    ['JWS', 'P-384', 'sha384', 96],
    ['JWS', 'RSA-3072', 'sha384', 384],
    ['COSE', 'P-256', 'sha256', 64],
    ['COSE', 'P-521', 'sha512', 132],
    ['COSE', 'RSA-2048', 'sha256', 256],
  ])('goes into %s with %s, over the signature by %s (B6, C3, I)', async (format, key, hash, length) => {
    const made = await createChain({ ...VALIDITY, key, length: 1 });
    const request = vi.fn(async () => token);
    const { bytes, mediaType } = await signWith({ ...made, format, timestamp: { request, ...context } });
    const envelope = parseEnvelope(bytes, mediaType);
    expect(envelope.timestampToken).toEqual(format === 'JWS' ? token : new Uint8Array(token));
    expect(envelope.signature).toHaveLength(length);
    expect(request).toHaveBeenCalledExactlyOnceWith(
      envelope.signature instanceof Buffer ? envelope.signature : Buffer.from(envelope.signature),
      hash,
      expect.objectContaining(context),
    );
    if (format === 'JWS') expect(read(bytes).written.header[`${N}.timestampSignature`]).toBe('YSB0b2tlbg==');
  });

  it.each(['JWS', 'COSE'] as const)('fails the signing as %s when there is none to be had (I)', async (format) => {
    const request = async (): Promise<Uint8Array> => {
      throw new Error('the authority is down');
    };
    await expect(signWith({ format, timestamp: { request, ...context } })).rejects.toThrow('the authority is down');
  });

  it('is refused for a signing authority, before anything is asked (I)', async () => {
    const request = vi.fn(async () => token);
    const signing = signWith({ scheme: 'notary.x509.signingAuthority', timestamp: { request, ...context } });
    await expect(signing).rejects.toThrow(/has its own authentic time; remove it/);
    expect(request).not.toHaveBeenCalled();
  });

  it('that is empty makes no envelope (B6)', async () => {
    const request = async (): Promise<Uint8Array> => new Uint8Array();
    await expect(signWith({ format: 'COSE', timestamp: { request, ...context } })).rejects.toMatchObject({
      code: 'InvalidSigningRequest',
      message: expect.stringMatching(/makes no envelope that can be verified: .*timestampSignature/),
    });
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
    ...['alg', 'crit', 'x5c', '', `${N}.expiry`, `${N}.anything`, 'com.example.twice'].map(
      (name): readonly [string, () => Partial<SignEnvelopeInput>, string, RegExp] => [
        `an extended attribute named "${name}" (B2)`,
        () => ({
          extendedAttributes: [
            { name: 'com.example.twice', value: 1, critical: false },
            { name, value: 1, critical: false },
          ],
        }),
        'InvalidSigningRequest',
        /^extended attribute ".*": expected a name of its own, given once; choose another/,
      ],
    ),
    [
      'a COSE attribute that is a float (C1)',
      () => ({ format: 'COSE', extendedAttributes: [{ name: 'x', value: 1.5, critical: false }] }),
      'InvalidSigningRequest',
      /makes no envelope that can be verified: the protected header has a floating-point number/,
    ],
    [
      'a subject that is none (B7)',
      () => ({ subject: { ...SUBJECT, digest: 'sha256:0' } }),
      'InvalidSigningRequest',
      /makes no envelope that can be verified: payload: targetArtifact\.digest/,
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
