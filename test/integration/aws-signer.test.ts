import {
  AddProfilePermissionCommand,
  GetSigningProfileCommand,
  PutSigningProfileCommand,
  RevokeSigningProfileCommand,
  SignerClient,
} from '@aws-sdk/client-signer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AwsError,
  type AwsRequestEvent,
  parseSigningProfileArn,
  type RevocationStatusRequest,
  type SignedPayload,
  SignerService,
  type SigningProfileArn,
  signerAttributes,
} from '../../src/aws/index.ts';
import { checkSignature, createPayload, type Envelope, MEDIA_TYPE_JWS, parseEnvelope } from '../../src/notary/index.ts';
import { type AwsEmulator, startAwsEmulator, type ValidityPeriod } from '../support/aws-emulator/index.ts';

const SUBJECT = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'a'.repeat(64)}`,
  size: 527,
};
const OTHER_ACCOUNT = '444455556666';
const { signal } = new AbortController();

let aws: AwsEmulator;
let service: SignerService;
const events: AwsRequestEvent[] = [];
let names = 0;

beforeAll(async () => {
  aws = await startAwsEmulator();
  service = serviceWith({ onRequest: (event) => events.push(event) });
});
afterAll(async () => {
  service.close();
  await aws.stop();
});

function serviceWith(options: ConstructorParameters<typeof SignerService>[0] = {}): SignerService {
  return new SignerService({
    endpoint: aws.endpoint,
    stsEndpoint: aws.endpoint,
    credentials: aws.credentials,
    ...options,
  });
}

function newProfile(validity?: ValidityPeriod, accountId?: string): SigningProfileArn {
  names += 1;
  const profile = aws.createProfile({
    name: `profile_${names}`,
    ...(validity === undefined ? {} : { validity }),
    ...(accountId === undefined ? {} : { accountId }),
  });
  return parseSigningProfileArn(profile.versionArn);
}

/** The same profile, in whatever version it has. */
function anyVersion(profile: SigningProfileArn): SigningProfileArn {
  return parseSigningProfileArn(profile.arn);
}

function sign(profile: SigningProfileArn, by = service): Promise<SignedPayload> {
  return by.signPayload({ profile, payload: createPayload(SUBJECT, { build: '42' }) }, signal);
}

function parse(signed: SignedPayload): Envelope {
  return parseEnvelope(signed.envelope, MEDIA_TYPE_JWS);
}

function statusRequest(signed: SignedPayload): RevocationStatusRequest {
  const envelope = parse(signed);
  const attributes = signerAttributes(envelope);
  if (attributes === undefined || envelope.authenticSigningTime === undefined) throw new Error('no Signer signature');
  const { jobArn, profileVersionArn } = attributes;
  const { certificates, authenticSigningTime: signatureTimestamp } = envelope;
  return { jobArn, profileVersionArn, certificates, signatureTimestamp };
}

async function revokedEntities(signed: SignedPayload): Promise<readonly string[]> {
  return (await service.getRevocationStatus(statusRequest(signed), signal)).revokedEntities;
}

async function failure(promise: Promise<unknown>): Promise<AwsError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AwsError) return error;
  throw new Error(`expected an AwsError; found ${String(error)}`);
}

describe('SignPayload (aws.md, "Signing")', () => {
  it('gives an envelope shaped like AWS Signer’s, over the payload that was sent', async () => {
    const profile = newProfile({ value: 12, type: 'MONTHS' });
    const signed = await sign(profile);
    const envelope = parse(signed);

    expect(checkSignature(envelope)).toBeUndefined();
    expect(envelope).toMatchObject({
      algorithm: 'ES384',
      scheme: 'notary.x509.signingAuthority',
      verificationPlugin: 'com.amazonaws.signer.notation.plugin',
      subject: { ...SUBJECT, annotations: { build: '42' } },
    });
    expect(signerAttributes(envelope)).toEqual({ jobArn: signed.jobArn, profileVersionArn: profile.versionArn });
    expect(signed.jobArn).toBe(`arn:aws:signer:us-west-2:${aws.accountId}:/signing-jobs/${signed.jobId}`);
    expect(signed.metadata).toEqual({ 'com.amazonaws.signer.emulator.region': 'us-west-2' });

    const subjects = envelope.certificates.map((certificate) => certificate.subject.split('\n').at(-1));
    expect(subjects).toEqual([
      'CN=AWS Signer',
      'CN=AWS Signer us-west-2 Code Signing CA G1',
      'CN=AWS Signer Code Signing Int CA G1',
      'CN=AWS Signer Code Signing Root CA G1',
    ]);
    const [leaf] = envelope.certificates;
    const days = ((leaf?.validToDate.getTime() ?? 0) - (leaf?.validFromDate.getTime() ?? 0)) / 86_400_000;
    expect(days).toBeGreaterThan(2.9);
    expect(days).toBeLessThan(3.1);
    expect(`${envelope.certificates.at(-1)}`.trim()).toBe(aws.rootPem.trim());

    const expiry = new Date(envelope.authenticSigningTime ?? 0);
    expiry.setUTCFullYear(expiry.getUTCFullYear() + 1);
    expect(envelope.expiry).toEqual(expiry);
  });

  it('goes to the region of the ARN', async () => {
    const profile = parseSigningProfileArn(aws.createProfile({ name: 'frankfurt', region: 'eu-central-1' }).arn);
    const signed = await sign(profile);
    expect(aws.requests.at(-1)).toMatchObject({ operation: 'SignPayload', region: 'eu-central-1', status: 200 });
    expect(signed.jobArn).toContain(':eu-central-1:');
    expect(await revokedEntities(signed)).toEqual([]);
    expect(aws.requests.at(-1)).toMatchObject({ operation: 'GetRevocationStatus', region: 'eu-central-1' });
  });

  it('of an unknown profile is terminal, and names it', async () => {
    const profile = parseSigningProfileArn(`arn:aws:signer:us-west-2:${aws.accountId}:/signing-profiles/nowhere`);
    const error = await failure(sign(profile));
    expect([error.code, error.terminal]).toEqual(['ProfileNotFound', true]);
    expect(error.message).toContain(profile.arn);
  });

  it('of a cancelled profile is refused, while its signatures stay good', async () => {
    const profile = newProfile();
    const signed = await sign(profile);
    aws.cancelProfile(profile.arn);
    expect((await failure(sign(profile))).code).toBe('ProfileCanceled');
    expect(await revokedEntities(signed)).toEqual([]);
  });

  it('that is refused in other words: the profile’s status says why, where the identity may look at it', async () => {
    const profile = anyVersion(newProfile());
    aws.cancelProfile(profile.arn);
    const error = await failure(sign(profile));
    expect(error.message).toContain('its status is Canceled (Signing profile was canceled.); use an active');
    aws.deny('GetSigningProfile');
    expect((await failure(sign(profile))).code).toBe('RequestRejected');
    aws.allowAll();
  });

  it('with a pinned version signs while that is the profile’s, and is refused without a signing job else', async () => {
    const profile = newProfile();
    expect((await sign(profile)).jobArn).toBeDefined();
    const other = parseSigningProfileArn(`${profile.arn}/AAAAAAAAAA`);
    const before = aws.requests.length;
    const error = await failure(sign(other));
    expect([error.code, error.terminal]).toEqual(['ProfileVersionMismatch', true]);
    expect(error.message).toContain(`${profile.arn}/AAAAAAAAAA`);
    expect(error.message).toContain(profile.versionArn);
    expect(aws.requests.slice(before).map(({ operation }) => operation)).toEqual(['GetSigningProfile']);
  });

  it.each([
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
  ])('in %s stays in the partition %s', async (region, partition) => {
    const profile = parseSigningProfileArn(aws.createProfile({ name: 'elsewhere', region }).arn);
    expect(profile.partition).toBe(partition);
    const signed = await sign(profile);
    expect(signed.jobArn).toMatch(new RegExp(`^arn:${partition}:signer:${region}:`));
    expect(await revokedEntities(signed)).toEqual([]);
    expect(aws.requests.at(-1)).toMatchObject({ operation: 'GetRevocationStatus', region, status: 200 });
  });

  it('of a revoked profile is refused', async () => {
    const profile = newProfile();
    aws.revokeProfile(profile.arn);
    const error = await failure(sign(profile));
    expect([error.code, error.terminal]).toEqual(['ProfileRevoked', true]);
  });

  it('of another account needs its permission', async () => {
    const profile = anyVersion(newProfile(undefined, OTHER_ACCOUNT));
    const error = await failure(sign(profile));
    expect([error.code, error.terminal]).toEqual(['AccessDenied', true]);
    expect(error.message).toContain('signer:SignPayload');

    const owner = new SignerClient({
      region: profile.region,
      endpoint: aws.endpoint,
      credentials: aws.identities.createAccessKey(OTHER_ACCOUNT),
    });
    const { profileName } = profile;
    const permission = { profileName, action: 'signer:SignPayload', principal: aws.accountId, statementId: 'seal' };
    await owner.send(new AddProfilePermissionCommand(permission));
    expect((await sign(profile)).jobArn).toContain(`:${OTHER_ACCOUNT}:`);
    owner.destroy();
  });

  it.each([0, 4097])('of %d bytes is refused before a call is made', async (size) => {
    const before = aws.requests.length;
    const error = await failure(service.signPayload({ profile: newProfile(), payload: new Uint8Array(size) }, signal));
    expect(error.code).toBe('RequestRejected');
    expect(error.message).toContain('4096');
    expect(aws.requests).toHaveLength(before);
  });

  it('that AWS finds invalid is terminal', async () => {
    const error = await failure(
      service.signPayload({ profile: newProfile(), payload: Buffer.from('{"other":1}') }, signal),
    );
    expect([error.code, error.terminal]).toEqual(['RequestRejected', true]);
  });

  it('tells metrics what was called, and how it ended', async () => {
    await sign(newProfile());
    expect(events.at(-1)).toMatchObject({ service: 'signer', operation: 'SignPayload', result: 'success' });
    await failure(sign(parseSigningProfileArn(`arn:aws:signer:us-west-2:${aws.accountId}:/signing-profiles/no_such`)));
    expect(events.at(-1)).toMatchObject({ operation: 'SignPayload', region: 'us-west-2', result: 'ProfileNotFound' });
  });
});

describe('profiles, as an administrator makes them', () => {
  it('have versions of ten characters, a validity period and a state', async () => {
    const client = new SignerClient({ region: 'us-west-2', endpoint: aws.endpoint, credentials: aws.credentials });
    const put = await client.send(
      new PutSigningProfileCommand({
        profileName: 'by_admin',
        platformId: 'Notation-OCI-SHA384-ECDSA',
        signatureValidityPeriod: { value: 2, type: 'YEARS' },
      }),
    );
    expect(put.profileVersionArn).toMatch(/:\/signing-profiles\/by_admin\/[A-Za-z0-9]{10}$/);
    const profile = parseSigningProfileArn(put.profileVersionArn ?? '');
    const signed = await sign(profile);

    const effectiveTime = new Date((parse(signed).authenticSigningTime?.getTime() ?? 0) + 1000);
    await client.send(
      new RevokeSigningProfileCommand({
        profileName: 'by_admin',
        profileVersion: profile.version,
        effectiveTime,
        reason: 'the build machine was compromised',
      }),
    );
    expect(await revokedEntities(signed)).toEqual([]);
    const got = await client.send(new GetSigningProfileCommand({ profileName: 'by_admin' }));
    expect(got).toMatchObject({
      status: 'Revoked',
      signatureValidityPeriod: { value: 2, type: 'YEARS' },
      revocationRecord: { revocationEffectiveFrom: effectiveTime },
    });
    client.destroy();
  });
});

describe('GetRevocationStatus and RevokeSignature', () => {
  it('tell the job that was revoked, and only its signature', async () => {
    const profile = newProfile();
    const [revoked, kept] = [await sign(profile), await sign(profile)];
    const { jobArn = '' } = revoked;
    await service.revokeSignature({ jobArn, profile, reason: 'the request was deleted' }, signal);
    expect(await revokedEntities(revoked)).toEqual([jobArn]);
    expect(await revokedEntities(kept)).toEqual([]);
  });

  it('find a revocation of what is revoked already a success', async () => {
    const profile = newProfile();
    const { jobArn = '' } = await sign(profile);
    await service.revokeSignature({ jobArn, profile, reason: 'once' }, signal);
    await expect(service.revokeSignature({ jobArn, profile, reason: 'twice' }, signal)).resolves.toBeUndefined();
  });

  it('revoke a job of another account that permits it', async () => {
    const roleArn = `arn:aws:iam::${OTHER_ACCOUNT}:role/owner`;
    aws.identities.createRole(roleArn, [aws.accountId]);
    const profile = newProfile(undefined, OTHER_ACCOUNT);
    const payload = createPayload(SUBJECT);
    const signed = await service.signPayload({ profile, payload, assumeRoleArn: roleArn }, signal);
    const request = { jobArn: signed.jobArn ?? '', profile, reason: 'the request was deleted' };
    expect((await failure(service.revokeSignature(request, signal))).code).toBe('AccessDenied');

    const owner = new SignerClient({
      region: profile.region,
      endpoint: aws.endpoint,
      credentials: aws.identities.createAccessKey(OTHER_ACCOUNT),
    });
    const { profileName } = profile;
    const permission = { profileName, action: 'signer:RevokeSignature', principal: aws.accountId, statementId: 'seal' };
    await owner.send(new AddProfilePermissionCommand(permission));
    owner.destroy();
    await service.revokeSignature(request, signal);
    expect(await revokedEntities(signed)).toEqual([signed.jobArn]);
  });

  it('refuse to revoke an unknown job, by its ARN', async () => {
    const profile = newProfile();
    const jobArn = `arn:aws:signer:us-west-2:${aws.accountId}:/signing-jobs/00000000-0000-0000-0000-000000000000`;
    const error = await failure(service.revokeSignature({ jobArn, profile, reason: 'gone' }, signal));
    expect(error.code).toBe('RequestRejected');
    expect(error.message).toContain(jobArn);
  });

  it('tell the profile version for signatures made from its effective time on', async () => {
    const profile = newProfile();
    const signed = await sign(profile);
    aws.revokeProfile(profile.arn, parse(signed).authenticSigningTime);
    expect(await revokedEntities(signed)).toEqual([profile.versionArn]);
  });

  it('tell a revoked certificate of the chain', async () => {
    const own = await startAwsEmulator();
    const client = new SignerService({ endpoint: own.endpoint, credentials: own.credentials });
    const profile = parseSigningProfileArn(own.createProfile({ name: 'release' }).arn);
    const signed = await sign(profile, client);
    own.revokeCertificate(parse(signed).certificates[1]?.raw ?? Buffer.of());
    const { revokedEntities: entities } = await client.getRevocationStatus(statusRequest(signed), signal);
    expect(entities).toEqual([expect.stringMatching(/^[0-9a-f]{192}$/)]);
    client.close();
    await own.stop();
  });
});

describe('credentials', () => {
  const roleArn = `arn:aws:iam::${OTHER_ACCOUNT}:role/release-signer`;

  it('of a role are assumed once and used for its calls alone', async () => {
    aws.identities.createRole(roleArn, [aws.accountId]);
    const profile = anyVersion(newProfile(undefined, OTHER_ACCOUNT));
    const before = aws.requests.length;
    const payload = createPayload(SUBJECT);
    const own = serviceWith();
    const signed = await own.signPayload({ profile, payload, assumeRoleArn: roleArn }, signal);
    await own.signPayload({ profile, payload, assumeRoleArn: roleArn }, signal);
    await own.getRevocationStatus(statusRequest(signed), signal);
    expect(aws.requests.slice(before).map(({ operation, principalArn }) => [operation, principalArn])).toEqual([
      ['AssumeRole', `arn:aws:iam::${aws.accountId}:user/sealwatch`],
      ['SignPayload', `arn:aws:sts::${OTHER_ACCOUNT}:assumed-role/release-signer/sealwatch`],
      ['SignPayload', `arn:aws:sts::${OTHER_ACCOUNT}:assumed-role/release-signer/sealwatch`],
      ['GetRevocationStatus', `arn:aws:iam::${aws.accountId}:user/sealwatch`],
    ]);
    own.close();
  });

  it('of a role that may not be assumed: the role is named', async () => {
    const assumeRoleArn = `arn:aws:iam::${OTHER_ACCOUNT}:role/forbidden`;
    const payload = createPayload(SUBJECT);
    const error = await failure(service.signPayload({ profile: newProfile(), payload, assumeRoleArn }, signal));
    expect([error.code, error.terminal]).toEqual(['AccessDenied', true]);
    expect(error.message).toContain(`assuming the role ${assumeRoleArn}`);
  });

  it('that are wrong are told apart from a denial, and never shown', async () => {
    const { accessKeyId } = aws.credentials;
    const wrong = serviceWith({ credentials: { accessKeyId, secretAccessKey: 'wrong-secret-of-the-test' } });
    const unknown = serviceWith({
      credentials: { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'wrong-secret-of-the-test' },
    });
    for (const one of [wrong, unknown]) {
      const error = await failure(sign(newProfile(), one));
      expect([error.code, error.terminal]).toEqual(['CredentialsUnavailable', false]);
      expect(error.message).not.toContain('wrong-secret-of-the-test');
      one.close();
    }
    expect(aws.requests.slice(-2).map(({ errorCode }) => errorCode)).toEqual([
      'InvalidSignatureException',
      'UnrecognizedClientException',
    ]);
  });

  it('that are missing are told so', async () => {
    const none = serviceWith({
      credentials: async () => {
        throw new Error('Could not load credentials from any providers');
      },
    });
    const error = await failure(sign(newProfile(), none));
    expect(error.code).toBe('CredentialsUnavailable');
    expect(error.message).toContain('Could not load credentials from any providers');
  });

  it('that IAM denies are told with the action', async () => {
    aws.deny('SignPayload');
    const error = await failure(sign(newProfile()));
    aws.allowAll();
    expect(error.code).toBe('AccessDenied');
    expect(error.message).toContain("grant the operator's identity signer:SignPayload");
  });
});
