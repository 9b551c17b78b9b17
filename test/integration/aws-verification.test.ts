import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSignerPlugin, parseSigningProfileArn, SignerService, signerAttributes } from '../../src/aws/index.ts';
import {
  createPayload,
  MEDIA_TYPE_JWS,
  parseEnvelope,
  parseTrustPolicyDocument,
  parseTrustStore,
  type SignatureOutcome,
  verifySignature,
} from '../../src/notary/index.ts';
import { type AwsEmulator, startAwsEmulator, type ValidityPeriod } from '../support/aws-emulator/index.ts';
import { checkRevocationOffline, verifyTimestampOffline } from '../support/no-network.ts';

/** AWS Signer signs Docker manifests as often as OCI ones. */
const SUBJECT = {
  mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
  digest: `sha256:${'b'.repeat(64)}`,
  size: 1573,
};
const DAY_MS = 24 * 60 * 60_000;
const { signal } = new AbortController();

let aws: AwsEmulator;
let service: SignerService;
let names = 0;

beforeAll(async () => {
  aws = await startAwsEmulator({ dayMs: 5_000 });
  service = new SignerService({
    endpoint: aws.endpoint,
    credentials: aws.credentials,
    maxAttempts: 1,
    requestTimeoutMs: 2_000,
  });
});
afterAll(async () => {
  service.close();
  await aws.stop();
});

interface Signed {
  readonly bytes: Uint8Array;
  readonly signedAt: Date;
  readonly jobArn: string;
  readonly profileArn: string;
  readonly versionArn: string;
}

async function signWithNewProfile(validity: ValidityPeriod = { value: 12, type: 'MONTHS' }): Promise<Signed> {
  names += 1;
  const profile = parseSigningProfileArn(aws.createProfile({ name: `profile_${names}`, validity }).versionArn);
  const { envelope: bytes } = await service.signPayload({ profile, payload: createPayload(SUBJECT) }, signal);
  const envelope = parseEnvelope(bytes, MEDIA_TYPE_JWS);
  const { jobArn, profileVersionArn: versionArn } = signerAttributes(envelope) ?? { jobArn: '', profileVersionArn: '' };
  const signedAt = envelope.authenticSigningTime ?? new Date(Number.NaN);
  return { bytes, signedAt, jobArn, profileArn: profile.arn, versionArn };
}

interface VerifyOptions {
  readonly identities?: readonly string[];
  readonly store?: string;
  readonly now?: Date;
  readonly bytes?: Uint8Array;
}

function verify(signed: Signed, options: VerifyOptions = {}): Promise<SignatureOutcome> {
  const { identities = [signed.profileArn], store = 'signingAuthority:aws-signer' } = options;
  const [statement] = parseTrustPolicyDocument({
    version: '1.0',
    trustPolicies: [
      {
        name: 'release',
        registryScopes: ['*'],
        signatureVerification: { level: 'strict' },
        trustStores: [store],
        trustedIdentities: identities,
      },
    ],
  });
  if (statement === undefined) throw new Error('no statement');
  const trusted = parseTrustStore('signingAuthority', 'aws-signer', aws.rootPem);
  return verifySignature({
    envelopeBytes: options.bytes ?? signed.bytes,
    mediaType: MEDIA_TYPE_JWS,
    subject: SUBJECT,
    statement,
    findTrustStore: (type, name) => (type === trusted.type && name === trusted.name ? trusted : undefined),
    now: options.now ?? new Date(),
    plugins: [createSignerPlugin(service)],
    checkRevocation: checkRevocationOffline(),
    verifyTimestamp: verifyTimestampOffline(),
    signal,
  });
}

describe('a signature of AWS Signer, all the way (aws.md, "Verifying a Signer signature")', () => {
  it('is trusted, by profile and by version', async () => {
    const signed = await signWithNewProfile();
    for (const identity of [signed.profileArn, signed.versionArn]) {
      const outcome = await verify(signed, { identities: [identity] });
      expect(outcome.checks.filter(({ result }) => result !== 'passed' && result !== 'skipped')).toEqual([]);
      expect(outcome.verdict).toBe('Trusted');
    }
  });

  it('of a profile with an alias is trusted by the alias, and by no other', async () => {
    const created = aws.createProfile({ name: 'aliased', alias: 'release' });
    const profile = parseSigningProfileArn(created.arn);
    const { envelope: bytes } = await service.signPayload({ profile, payload: createPayload(SUBJECT) }, signal);
    const signed: Signed = {
      ...(await signWithNewProfile()),
      ...{ bytes, profileArn: profile.arn, versionArn: created.versionArn },
    };
    const alias = `arn:aws:signer:us-west-2:${aws.accountId}:/aliases/release`;
    expect((await verify(signed, { identities: [alias] })).verdict).toBe('Trusted');
    expect((await verify(signed, { identities: [profile.arn] })).verdict).toBe('Trusted');
    const outcome = await verify(signed, { identities: [`${alias}2`] });
    expect([outcome.verdict, outcome.decisive?.code]).toEqual(['Untrusted', 'NotATrustedIdentity']);
  });

  it('stays trusted when its leaf certificate has long expired', async () => {
    const signed = await signWithNewProfile();
    const outcome = await verify(signed, { now: new Date(Date.now() + 100 * DAY_MS) });
    expect(outcome.verdict).toBe('Trusted');
  });

  it('expires when the profile’s validity period ends, on the second', async () => {
    const signed = await signWithNewProfile({ value: 1, type: 'DAYS' });
    const expiry = signed.signedAt.getTime() + 5_000;
    expect((await verify(signed, { now: new Date(expiry - 1) })).verdict).toBe('Trusted');
    const expired = await verify(signed, { now: new Date(expiry) });
    expect([expired.verdict, expired.decisive?.code]).toEqual(['Expired', 'SignatureExpired']);
    expect((await verify(signed, { now: signed.signedAt })).changesAt).toEqual(new Date(expiry));
  });

  it('of another profile, or by the wildcard, is untrusted', async () => {
    const signed = await signWithNewProfile();
    for (const identity of [`${signed.profileArn}x`, '*']) {
      const outcome = await verify(signed, { identities: [identity] });
      expect([outcome.verdict, outcome.decisive?.code]).toEqual(['Untrusted', 'NotATrustedIdentity']);
    }
  });

  it('from another root is untrusted', async () => {
    const stranger = await startAwsEmulator();
    const client = new SignerService({ endpoint: stranger.endpoint, credentials: stranger.credentials });
    const profile = parseSigningProfileArn(stranger.createProfile({ name: 'profile_1' }).arn);
    const { envelope } = await client.signPayload({ profile, payload: createPayload(SUBJECT) }, signal);
    client.close();
    await stranger.stop();
    const outcome = await verify(await signWithNewProfile(), { bytes: envelope, identities: [profile.arn] });
    expect([outcome.verdict, outcome.decisive?.code]).toEqual(['Untrusted', 'NotFromTrustStore']);
  });

  it('whose job was revoked is told with the job’s ARN', async () => {
    const signed = await signWithNewProfile();
    expect((await verify(signed)).verdict).toBe('Trusted');
    aws.revokeSignature(signed.jobArn);
    const outcome = await verify(signed);
    expect([outcome.verdict, outcome.decisive?.code]).toEqual(['Revoked', 'SigningJobRevoked']);
    expect(outcome.decisive?.revoked).toEqual([signed.jobArn]);
  });

  it('made after its profile version was revoked is revoked; made before, it is not', async () => {
    const [before, after] = [await signWithNewProfile(), await signWithNewProfile()];
    aws.revokeProfile(before.profileArn, new Date(before.signedAt.getTime() + 1000));
    aws.revokeProfile(after.profileArn, after.signedAt);
    expect((await verify(before)).verdict).toBe('Trusted');
    const outcome = await verify(after);
    expect([outcome.verdict, outcome.decisive?.code]).toEqual(['Revoked', 'SigningProfileRevoked']);
    expect(outcome.decisive?.revoked).toEqual([after.versionArn]);
  });

  it('whose profile was cancelled stays trusted', async () => {
    const signed = await signWithNewProfile();
    aws.cancelProfile(signed.profileArn);
    expect((await verify(signed)).verdict).toBe('Trusted');
  });

  it('is unknown, not revoked, while AWS Signer is down (faults.md 43)', async () => {
    const signed = await signWithNewProfile();
    aws.faults.down('reset');
    const outcome = await verify(signed);
    aws.faults.up();
    expect([outcome.verdict, outcome.decisive?.code]).toEqual(['Unknown', 'RevocationUndetermined']);
  });

  it('whose certificate was revoked is told with the certificate’s subject', async () => {
    aws.rotateLeaves();
    const signed = await signWithNewProfile();
    aws.revokeCertificate(parseEnvelope(signed.bytes, MEDIA_TYPE_JWS).certificates[0]?.raw ?? Buffer.of());
    aws.rotateLeaves();
    const outcome = await verify(signed);
    expect([outcome.verdict, outcome.decisive?.code]).toEqual(['Revoked', 'CertificateRevoked']);
    expect(outcome.decisive?.revoked).toEqual([expect.stringMatching(/^CN=AWS Signer,.* \(sha256:[0-9a-f]{64}\)$/)]);
    expect((await verify(await signWithNewProfile())).verdict).toBe('Trusted');
  });
});
