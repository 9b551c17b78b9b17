import type { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  AwsError,
  certificateHashes,
  createSignerPlugin,
  type RevocationStatusRequest,
  SIGNER_PLUGIN_NAME,
  signerAttributes,
} from '../../../src/aws/index.ts';
import type { Envelope } from '../../../src/notary/index.ts';
import { createChain } from '../../support/pki.ts';

const ACCOUNT = 'arn:aws:signer:us-west-2:111122223333';
const JOB = `${ACCOUNT}:/signing-jobs/2f9b1c3e-6f4f-4f0a-9a53-0d3b6f7f2d11`;
const PROFILE = `${ACCOUNT}:/signing-profiles/notation_test`;
const VERSION = `${PROFILE}/vjPSTMwGW3`;
const ALIAS = `${ACCOUNT}:/aliases/release`;
const ALIASED = `${ACCOUNT}:/aliased-signing-profiles/notation_test`;
const SIGNED_AT = new Date('2026-03-01T12:00:00Z');

const JOB_ATTRIBUTE = 'com.amazonaws.signer.signingJob';
const VERSION_ATTRIBUTE = 'com.amazonaws.signer.signingProfileVersion';
const ALIAS_ATTRIBUTE = 'com.amazonaws.signer.signingProfileAlias';

let certificates: readonly X509Certificate[];
beforeAll(async () => {
  ({ certificates } = await createChain({ key: 'P-384', length: 4 }));
});

function envelopeWith(attributes: Readonly<Record<string, unknown>> = {}, rest: Partial<Envelope> = {}): Envelope {
  const all: Readonly<Record<string, unknown>> = { [JOB_ATTRIBUTE]: JOB, [VERSION_ATTRIBUTE]: VERSION, ...attributes };
  return {
    format: 'JWS',
    scheme: 'notary.x509.signingAuthority',
    algorithm: 'ES384',
    authenticSigningTime: SIGNED_AT,
    verificationPlugin: SIGNER_PLUGIN_NAME,
    extendedCriticalAttributes: new Map(Object.entries(all).filter(([, value]) => value !== undefined)),
    extendedNonCriticalAttributes: new Map(),
    certificates,
    subject: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
    signedBytes: new Uint8Array(),
    signature: new Uint8Array(),
    ...rest,
  };
}

/** The plugin, with a revocation service that answers what it is given and remembers what it was asked. */
function pluginAnswering(answer: readonly string[] | Error) {
  const asked: RevocationStatusRequest[] = [];
  const plugin = createSignerPlugin({
    getRevocationStatus: async (request) => {
      asked.push(request);
      if (answer instanceof Error) throw answer;
      return { revokedEntities: answer };
    },
  });
  return { plugin, asked };
}

describe('what the Signer plugin accepts', () => {
  const { plugin } = pluginAnswering([]);

  it('is a JWS of a signing authority with the ARNs of job and profile version', () => {
    expect(plugin.refuse(envelopeWith())).toBeUndefined();
    expect(plugin.refuse(envelopeWith({ [ALIAS_ATTRIBUTE]: ALIAS }))).toBeUndefined();
    expect(plugin.refuse(envelopeWith({ [VERSION_ATTRIBUTE]: ALIASED }))).toBeUndefined();
    expect([...plugin.attributes].sort()).toEqual([JOB_ATTRIBUTE, ALIAS_ATTRIBUTE, VERSION_ATTRIBUTE].sort());
    expect(plugin.name).toBe('com.amazonaws.signer.notation.plugin');
  });

  it.each<[string, Readonly<Record<string, unknown>>, Partial<Envelope>, string]>([
    ['another scheme', {}, { scheme: 'notary.x509' }, 'notary.x509.signingAuthority'],
    ['another format', {}, { format: 'COSE' }, 'JWS envelopes only'],
    ['no job', { [JOB_ATTRIBUTE]: undefined }, {}, JOB_ATTRIBUTE],
    ['a job that is a profile', { [JOB_ATTRIBUTE]: VERSION }, {}, JOB_ATTRIBUTE],
    ['a job that is no string', { [JOB_ATTRIBUTE]: [JOB] }, {}, JOB_ATTRIBUTE],
    ['a job of another service', { [JOB_ATTRIBUTE]: JOB.replace(':signer:', ':s3:') }, {}, JOB_ATTRIBUTE],
    ['no profile version', { [VERSION_ATTRIBUTE]: undefined }, {}, VERSION_ATTRIBUTE],
    ['a profile without version', { [VERSION_ATTRIBUTE]: PROFILE }, {}, VERSION_ATTRIBUTE],
    ['a version with a slash more', { [VERSION_ATTRIBUTE]: `${VERSION}/x` }, {}, VERSION_ATTRIBUTE],
    [
      'a region with a host in it',
      { [VERSION_ATTRIBUTE]: VERSION.replace('us-west-2', 'evil.example/') },
      {},
      VERSION_ATTRIBUTE,
    ],
    ['an alias that is a profile', { [ALIAS_ATTRIBUTE]: PROFILE }, {}, ALIAS_ATTRIBUTE],
    ['an alias that is no string', { [ALIAS_ATTRIBUTE]: null }, {}, ALIAS_ATTRIBUTE],
  ])('is not %s', (_name, attributes, rest, named) => {
    expect(plugin.refuse(envelopeWith(attributes, rest))).toContain(named);
  });

  it('tells what anybody may have pushed without characters that move a cursor, and cut', () => {
    const job = `\u009b2J\u202e${'x'.repeat(1_000)}`;
    expect(plugin.refuse(envelopeWith({ [JOB_ATTRIBUTE]: job }))).toMatch(/; found " 2J x{150,200}…$/);
  });

  it('is not a signature without an authentic signing time', () => {
    const { authenticSigningTime: _left, ...rest } = envelopeWith();
    expect(plugin.refuse(rest)).toContain('authentic signing time');
  });
});

describe('attributes of a Signer signature', () => {
  it('are its ARNs', () => {
    expect(signerAttributes(envelopeWith())).toEqual({ jobArn: JOB, profileVersionArn: VERSION });
    expect(signerAttributes(envelopeWith({ [ALIAS_ATTRIBUTE]: ALIAS }))?.alias).toBe(ALIAS);
  });

  it('are none where another plugin is named, or none, or the ARNs are malformed', () => {
    const { verificationPlugin: _left, ...unnamed } = envelopeWith();
    expect(signerAttributes(unnamed)).toBeUndefined();
    expect(signerAttributes(envelopeWith({}, { verificationPlugin: 'com.example.plugin' }))).toBeUndefined();
    expect(signerAttributes(envelopeWith({ [JOB_ATTRIBUTE]: 'arn:aws:signer' }))).toBeUndefined();
  });
});

describe('trusted identities (aws.md, "Verifying a Signer signature")', () => {
  const { plugin } = pluginAnswering([]);

  it.each<[string, string, Readonly<Record<string, unknown>>]>([
    ['the profile, in any version', PROFILE, {}],
    ['the profile, without regard to case', PROFILE.replace('notation_test', 'Notation_Test'), {}],
    ['exactly the version', VERSION, {}],
    ['the version, without regard to case', VERSION.toUpperCase(), {}],
    ['the alias', ALIAS, { [ALIAS_ATTRIBUTE]: ALIAS }],
    ['the alias, without regard to case', ALIAS.toUpperCase(), { [ALIAS_ATTRIBUTE]: ALIAS }],
    ['the aliased profile', ALIASED, { [VERSION_ATTRIBUTE]: ALIASED }],
  ])('match %s', (_name, identity, attributes) => {
    const envelope = envelopeWith(attributes);
    expect(plugin.matchesIdentity(envelope, [identity])).toEqual({ trusted: true });
    expect(plugin.matchesIdentity(envelope, ['x509.subject:C=US,ST=WA,O=Other', identity])).toEqual({ trusted: true });
  });

  it.each<[string, string, Readonly<Record<string, unknown>>]>([
    ['another account', PROFILE.replace('111122223333', '444455556666'), {}],
    ['another region', PROFILE.replace('us-west-2', 'us-east-1'), {}],
    ['another partition', PROFILE.replace('arn:aws:', 'arn:aws-cn:'), {}],
    ['another profile', `${PROFILE}2`, {}],
    ['the beginning of a profile', PROFILE.slice(0, -1), {}],
    ['another version', `${PROFILE}/AAAAAAAAAA`, {}],
    ['all profiles of the account', `${ACCOUNT}:/signing-profiles/`, {}],
    ['the folder of profiles', `${ACCOUNT}:/signing-profiles`, {}],
    ['a wildcard in the name', `${ACCOUNT}:/signing-profiles/*`, {}],
    ['the job', JOB, {}],
    ['another service', PROFILE.replace(':signer:', ':iam:'), {}],
    ['a subject', 'x509.subject:C=US,ST=WA,O=AWS', {}],
    ['an alias of another name', `${ACCOUNT}:/aliases/other`, { [ALIAS_ATTRIBUTE]: ALIAS }],
    ['an alias, where the signature has none', ALIAS, {}],
    ['an aliased profile, by its beginning', ALIASED, { [VERSION_ATTRIBUTE]: `${ALIASED}/AAAAAAAAAA` }],
    ['a profile, for the aliased one of its name', PROFILE, { [VERSION_ATTRIBUTE]: `${ALIASED}/vjPSTMwGW3` }],
    ['a colon more', `${PROFILE}:x`, {}],
  ])('do not match %s', (_name, identity, attributes) => {
    const answer = plugin.matchesIdentity(envelopeWith(attributes), [identity]);
    expect(answer.trusted).toBe(false);
  });

  it('say whose the signature is, and which profiles are trusted', () => {
    const other = PROFILE.replace('notation_test', 'release');
    expect(plugin.matchesIdentity(envelopeWith(), [other])).toEqual({
      trusted: false,
      reason: `signed with ${VERSION}; the trusted signing profiles are ${other}`,
    });
  });

  it('say so when none of them is of AWS Signer', () => {
    const identities = ['x509.subject:C=US,ST=WA,O=Acme', PROFILE.replace(':signer:', ':iam:')];
    expect(plugin.matchesIdentity(envelopeWith(), identities)).toEqual({
      trusted: false,
      reason: expect.stringContaining('no trusted identity is an ARN of AWS Signer'),
    });
  });

  it('are never the wildcard, for all AWS accounts end in the same root', () => {
    const answer = plugin.matchesIdentity(envelopeWith(), ['*']);
    expect(answer).toMatchObject({ trusted: false, reason: expect.stringContaining('"*"') });
    expect(plugin.matchesIdentity(envelopeWith(), [PROFILE, '*']).trusted).toBe(false);
  });
});

describe('revocation (aws.md, "Verifying a Signer signature")', () => {
  const { signal } = new AbortController();

  it('is asked with job, profile version, chain and authentic signing time (H8)', async () => {
    const { plugin, asked } = pluginAnswering([]);
    await expect(plugin.checkRevocation(envelopeWith(), { now: new Date(), signal })).resolves.toMatchObject({
      status: 'good',
    });
    expect(asked).toEqual([{ jobArn: JOB, profileVersionArn: VERSION, certificates, signatureTimestamp: SIGNED_AT }]);
  });

  it.each<[string, readonly string[], string]>([
    ['a job', [JOB], 'signingJob'],
    ['a profile version', [VERSION], 'signingProfile'],
    ['both', [VERSION, JOB], 'signingJob'],
    ['an aliased profile', [ALIASED], 'signingProfile'],
  ])('tells %s with its ARN (H8)', async (_name, entities, kind) => {
    const { plugin } = pluginAnswering(entities);
    const answer = await plugin.checkRevocation(envelopeWith(), { now: new Date(), signal });
    expect(answer).toMatchObject({ status: 'revoked', kind, revoked: entities });
    for (const entity of entities) expect(answer.reason).toContain(entity);
  });

  it('tells a certificate by its subject, found by its hash', async () => {
    const [, ca] = certificates;
    const entity = certificateHashes(certificates)[1] ?? '';
    const { plugin } = pluginAnswering([entity]);
    const fingerprint = ca?.fingerprint256.replaceAll(':', '').toLowerCase();
    await expect(plugin.checkRevocation(envelopeWith(), { now: new Date(), signal })).resolves.toMatchObject({
      status: 'revoked',
      kind: 'certificate',
      revoked: [expect.stringMatching(new RegExp(`Intermediate 2 CA.* \\(sha256:${fingerprint}\\)$`))],
    });
  });

  it('tells an entity of an unknown form as a revoked certificate, fit to print', async () => {
    const { plugin } = pluginAnswering(['some\u001b[31m thing']);
    await expect(plugin.checkRevocation(envelopeWith(), { now: new Date(), signal })).resolves.toMatchObject({
      status: 'revoked',
      kind: 'certificate',
      revoked: ['some [31m thing'],
    });
  });

  it('stays bounded, however many entities come', async () => {
    const { plugin } = pluginAnswering(Array.from({ length: 10_000 }, () => JOB));
    const answer = await plugin.checkRevocation(envelopeWith(), { now: new Date(), signal });
    expect(answer.reason.length).toBeLessThan(1024);
    expect(answer).toMatchObject({ revoked: { length: 20 } });
  });

  it.each(['Throttled', 'Unavailable', 'AccessDenied', 'CredentialsUnavailable', 'RequestRejected'] as const)(
    'is unknown, with the reason, when the call fails: %s (faults.md 43)',
    async (code) => {
      const { plugin } = pluginAnswering(new AwsError(code, `GetRevocationStatus with ${JOB}: it failed`));
      await expect(plugin.checkRevocation(envelopeWith(), { now: new Date(), signal })).resolves.toEqual({
        status: 'unknown',
        reason: `GetRevocationStatus with ${JOB}: it failed`,
      });
    },
  );

  it('says nothing when the caller gave up', async () => {
    const controller = new AbortController();
    const plugin = createSignerPlugin({
      getRevocationStatus: async () => {
        controller.abort(new Error('shutting down'));
        throw new AwsError('Unavailable', 'cut off');
      },
    });
    await expect(
      plugin.checkRevocation(envelopeWith(), { now: new Date(), signal: controller.signal }),
    ).rejects.toThrow('shutting down');
  });

  it('does not hide a defect of ours', async () => {
    const { plugin } = pluginAnswering(new TypeError('a defect'));
    await expect(plugin.checkRevocation(envelopeWith(), { now: new Date(), signal })).rejects.toThrow('a defect');
  });
});
