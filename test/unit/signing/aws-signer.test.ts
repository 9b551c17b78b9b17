import { beforeAll, describe, expect, it } from 'vitest';
import { AwsError } from '../../../src/aws/index.ts';
import { createAwsSigner } from '../../../src/signing/aws-signer.ts';
import { type ForgeOptions, forgeJws, rfc3339, SUBJECT } from '../../support/forge-jws.ts';
import { type Chain, createSignerShapedChain, unrelatedKey } from '../../support/pki.ts';

const NOW = new Date('2026-03-01T12:00:00Z');
const ACCOUNT = 'arn:aws:signer:us-west-2:111122223333';
const PROFILE = `${ACCOUNT}:/signing-profiles/shop`;
const VERSION = `${PROFILE}/vjPSTMwGW3`;
const JOB = `${ACCOUNT}:/signing-jobs/2f9b1c3e-6f4f-4f0a-9a53-0d3b6f7f2d11`;
const METADATA = { build: '1' };

let chain: Chain;
beforeAll(async () => {
  chain = await createSignerShapedChain(NOW);
});

/** An envelope as Signer makes them, with the changes given. */
function answerOf(version: string, options: Partial<ForgeOptions> = {}): Uint8Array {
  return forgeJws({
    key: chain.key,
    certificates: chain.certificates,
    alg: 'ES384',
    now: NOW,
    payload: JSON.stringify({ targetArtifact: { ...SUBJECT, annotations: METADATA } }),
    protected: ({ alg, cty }) => ({
      alg,
      cty,
      crit: [
        'io.cncf.notary.signingScheme',
        'io.cncf.notary.authenticSigningTime',
        'io.cncf.notary.verificationPlugin',
        'com.amazonaws.signer.signingJob',
        'com.amazonaws.signer.signingProfileVersion',
      ],
      'io.cncf.notary.signingScheme': 'notary.x509.signingAuthority',
      'io.cncf.notary.authenticSigningTime': rfc3339(NOW),
      'io.cncf.notary.verificationPlugin': 'com.amazonaws.signer.notation.plugin',
      'com.amazonaws.signer.signingJob': JOB,
      'com.amazonaws.signer.signingProfileVersion': version,
    }),
    ...options,
  });
}

/** Signs SUBJECT with a service that answers what it is given. */
function sign(envelope: Uint8Array) {
  const signer = createAwsSigner({
    profileArn: PROFILE,
    service: { signPayload: async () => ({ envelope, jobId: 'job', metadata: { note: 'from Signer' } }) },
  });
  return signer.sign({ subject: SUBJECT, userMetadata: METADATA, now: NOW }, AbortSignal.timeout(5_000));
}

const other = (change: object): string =>
  JSON.stringify({ targetArtifact: { ...SUBJECT, annotations: METADATA, ...change } });

describe('createAwsSigner', () => {
  it('gives the envelope with its job and profile version, and the thumbprints (notary.md A3)', async () => {
    const envelope = answerOf(VERSION);
    const signed = await sign(envelope);
    expect(signed).toMatchObject({
      bytes: envelope,
      mediaType: 'application/jose+json',
      jobArn: JOB,
      profileVersionArn: VERSION,
      annotations: { note: 'from Signer', 'org.opencontainers.image.created': '2026-03-01T12:00:00Z' },
    });
    expect(Object.keys(signed.annotations)).toContain('io.cncf.notary.x509chain.thumbprint#S256');
  });

  it.each<[string, () => Uint8Array, string]>([
    ['that is no envelope', () => Buffer.from('<html>'), 'expected a valid JWS envelope'],
    [
      'over another digest',
      () => answerOf(VERSION, { payload: other({ digest: `sha256:${'0'.repeat(64)}` }) }),
      'found one over',
    ],
    ['over another size', () => answerOf(VERSION, { payload: other({ size: 1 }) }), 'of 1 bytes'],
    ['over another media type', () => answerOf(VERSION, { payload: other({ mediaType: 'text/plain' }) }), 'text/plain'],
    [
      'without the user metadata',
      () => answerOf(VERSION, { payload: other({ annotations: {} }) }),
      'user metadata build',
    ],
    [
      'with other user metadata',
      () => answerOf(VERSION, { payload: other({ annotations: { build: '2' } }) }),
      'user metadata build',
    ],
    [
      'signed by a key that is not the leaf',
      () => answerOf(VERSION, { key: unrelatedKey(), alg: 'ES256' }),
      'algorithm "ES256"',
    ],
    [
      'with a changed signature',
      () =>
        answerOf(VERSION, {
          signature: (bytes) => {
            const changed = Buffer.from(bytes);
            changed[0] = (changed[0] ?? 0) ^ 1;
            return changed;
          },
        }),
      'does not verify',
    ],
    ['of another profile', () => answerOf(`${PROFILE}2/vjPSTMwGW3`), 'does not name this profile'],
    ['of no profile', () => answerOf('shop'), 'does not name this profile'],
    [
      'of the same profile in another account',
      () => answerOf(VERSION.replace('111122223333', '999999999999')),
      'does not name this profile',
    ],
  ])('refuses an answer %s: it never reaches a registry', async (_, answer, message) => {
    const refusal = await sign(answer()).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(AwsError);
    expect((refusal as AwsError).message).toContain(`SignPayload with ${PROFILE}`);
    expect((refusal as AwsError).message).toContain(message);
    expect((refusal as AwsError).terminal).toBe(false);
  });

  it('refuses a wrong profile ARN before any call', () => {
    const service = { signPayload: () => Promise.reject(new Error('called')) };
    expect(() => createAwsSigner({ profileArn: 'shop', service })).toThrow(AwsError);
  });

  it('an ARN in an envelope is a claim that needs authenticity: anyone can write it', async () => {
    const service = { signPayload: () => Promise.reject(new Error('called')) };
    const signer = createAwsSigner({ profileArn: PROFILE, service });
    expect(signer.claimProvenBy).toBe('authenticity');
    expect(signer.claims((await sign(answerOf(VERSION))).envelope)).toBe(true);
  });
});
