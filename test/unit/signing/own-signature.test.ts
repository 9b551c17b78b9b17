import { beforeAll, describe, expect, it } from 'vitest';
import type { OwnSignature } from '../../../src/api/image-signature-request.ts';
import type { CheckResult, Envelope, SignatureFormat, SignatureVerdict } from '../../../src/notary/index.ts';
import { parseEnvelope, signEnvelope } from '../../../src/notary/index.ts';
import { OciError } from '../../../src/oci/index.ts';
import { createKeySigner } from '../../../src/signing/key-signer.ts';
import { decideSigning, renewalTime } from '../../../src/signing/own-signature.ts';
import type { Signer } from '../../../src/signing/signer.ts';
import type { EvaluatedSignature, ImageEvaluation } from '../../../src/verification/index.ts';
import { type Chain, createChain } from '../../support/pki.ts';

const NOW = new Date();
const HOUR = 3_600_000;
const SUBJECT = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'a'.repeat(64)}`,
  size: 400,
};
const DIGEST = `sha256:${'5'.repeat(64)}`;

let ours: Chain;
let theirs: Chain;
let signer: Signer;

beforeAll(async () => {
  [ours, theirs] = [await createChain(), await createChain()];
  signer = createKeySigner({
    certificatePem: ours.pem,
    privateKeyPem: ours.keyPem,
    format: 'JWS',
    signingAgent: 'test/1',
  });
});

interface Given {
  readonly by?: Chain;
  readonly format?: SignatureFormat;
  readonly expiryMs?: number;
  readonly verdict?: SignatureVerdict;
  readonly subject?: typeof SUBJECT;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly failed?: readonly CheckResult['type'][];
  readonly ageMs?: number;
}

async function signatureOf({
  by = ours,
  format = 'JWS',
  expiryMs = 10 * HOUR,
  verdict = 'Trusted',
  subject = SUBJECT,
  metadata,
  failed = [],
  ageMs = HOUR,
}: Given): Promise<EvaluatedSignature> {
  const { bytes, mediaType } = await signEnvelope({
    subject,
    key: by.key,
    certificates: by.certificates,
    format,
    signingTime: new Date(NOW.getTime() - ageMs),
    expiry: new Date(NOW.getTime() + expiryMs),
    signingAgent: 'test/1',
    ...(metadata === undefined ? {} : { userMetadata: metadata }),
  });
  const checks = (['integrity', 'authenticity', 'revocation'] as const).map(
    (type): CheckResult => ({
      type,
      action: 'enforce',
      result: failed.includes(type) ? 'failed' : 'passed',
      reason: type,
    }),
  );
  const decisive = checks.find(({ result }) => result === 'failed');
  const envelope: Envelope = parseEnvelope(bytes, mediaType);
  return {
    digest: DIGEST,
    kind: 'evaluated',
    outcome: { verdict, checks, envelope, ...(decisive === undefined ? {} : { decisive }) },
  };
}

function decide(
  signatures: readonly EvaluatedSignature[],
  more: {
    readonly signer?: Signer;
    readonly own?: readonly OwnSignature[];
    readonly metadata?: Readonly<Record<string, string>>;
    readonly truncated?: boolean;
  } = {},
) {
  const evaluation: ImageEvaluation = {
    repository: 'r/a',
    verdict: 'Trusted',
    signatures,
    truncated: more.truncated ?? false,
    evaluatedAt: NOW,
  };
  return decideSigning({
    evaluation,
    subject: SUBJECT,
    signer: more.signer ?? signer,
    renewBeforeMs: HOUR,
    own: more.own ?? [],
    now: NOW,
    ...(more.metadata === undefined ? {} : { userMetadata: more.metadata }),
  }).kind;
}

describe('whether an image must be signed', () => {
  it.each<[string, Given[], string]>([
    ['no signature yet', [], 'sign'],
    ['one in force of ours', [{}], 'signed'],
    [
      'one in force of ours in the other format: the format alone is no reason to sign anew',
      [{ format: 'COSE' }],
      'signed',
    ],
    [
      'one in force that the policy does not trust: signing again would not mend that',
      [{ verdict: 'Untrusted', failed: ['authenticity'] }],
      'signed',
    ],
    ["a stranger's only", [{ by: undefined as never }], 'sign'],
    ['one that expires within renewBefore', [{ expiryMs: HOUR / 2 }], 'sign'],
    ['one that has expired', [{ expiryMs: -60_000, verdict: 'Expired' }], 'sign'],
    ['one that was revoked: only a person may undo that', [{ verdict: 'Revoked', failed: ['revocation'] }], 'revoked'],
    [
      'an old one expired, the one that renewed it revoked',
      [
        { ageMs: 20 * HOUR, expiryMs: -HOUR, verdict: 'Expired' },
        { verdict: 'Revoked', failed: ['revocation'] },
      ],
      'revoked',
    ],
    [
      'an old one revoked, the one that a person asked for then expired',
      [
        { ageMs: 20 * HOUR, verdict: 'Revoked', failed: ['revocation'] },
        { expiryMs: -60_000, verdict: 'Expired' },
      ],
      'sign',
    ],
    ['one revoked, another in force', [{ verdict: 'Revoked', failed: ['revocation'] }, {}], 'signed'],
    ['one of another image', [{ subject: { ...SUBJECT, digest: `sha256:${'b'.repeat(64)}` } }], 'sign'],
    ['one whose integrity does not hold', [{ verdict: 'Untrusted', failed: ['integrity'] }], 'sign'],
    ['one whose revocation is not known', [{ verdict: 'Unknown' }], 'signed'],
  ])('%s', async (_name, given, expected) => {
    const signatures = await Promise.all(given.map((one) => signatureOf('by' in one ? { ...one, by: theirs } : one)));
    expect(decide(signatures)).toBe(expected);
  });

  it('not while a signature could not be read: it might be ours', async () => {
    const unreachable: EvaluatedSignature = {
      digest: DIGEST,
      kind: 'unreachable',
      error: new OciError('Timeout', 'slow'),
    };
    expect(decide([unreachable])).toBe('undetermined');
    expect(decide([unreachable, await signatureOf({})])).toBe('signed');
  });

  it('not while there are more signatures than were read: ours could be among them, and each new one too', async () => {
    const junk: EvaluatedSignature = { digest: DIGEST, kind: 'malformed', message: 'junk' };
    expect(decide([junk], { truncated: true })).toBe('undetermined');
    expect(decide([junk, await signatureOf({})], { truncated: true })).toBe('signed');
    expect(decide([junk])).toBe('sign');
  });

  it('a listed signature that is gone does not stop signing', () => {
    expect(decide([{ digest: DIGEST, kind: 'unreachable', error: new OciError('NotFound', 'gone') }])).toBe('sign');
  });

  it('whatever an index that lists the image has of signatures: they are not its own (A9)', async () => {
    const index = `sha256:${'e'.repeat(64)}`;
    const unreachable = { digest: DIGEST, kind: 'unreachable', error: new OciError('Unreachable', 'down') } as const;
    expect(decide([{ ...unreachable, index }])).toBe('sign');
    expect(decide([{ ...(await signatureOf({})), index }])).toBe('sign');
  });

  it('anew where the wanted metadata is not signed', async () => {
    const signature = await signatureOf({ metadata: { team: 'a' } });
    expect(decide([signature], { metadata: { team: 'a' } })).toBe('signed');
    expect(decide([signature], { metadata: { team: 'b' } })).toBe('sign');
  });

  it('an ARN that anyone can write is believed with authenticity only, or when this request recorded it', async () => {
    const arn: Signer = { ...signer, claims: () => true, claimProvenBy: 'authenticity' };
    const forged = await signatureOf({ by: theirs, verdict: 'Untrusted', failed: ['authenticity'] });
    expect(decide([forged], { signer: arn })).toBe('sign');
    const own = [
      { repository: 'r/a', subjectDigest: SUBJECT.digest, digest: DIGEST, signedAt: '2026-01-01T00:00:00Z' },
    ];
    expect(decide([forged], { signer: arn, own })).toBe('signed');
    expect(decide([await signatureOf({ by: theirs })], { signer: arn })).toBe('signed');
  });
});

it.each([
  ['this long before expiry', HOUR, -HOUR],
  ['at expiry where nothing is said', 0, 0],
  ['never in the first half of its life: else each would be due the moment it is made', 1_000 * HOUR, -5 * HOUR],
])('a signature is renewed %s', (_name, renewBeforeMs, offsetMs) => {
  const signingTime = new Date('2026-01-01T00:00:00Z');
  const expiry = new Date(signingTime.getTime() + 10 * HOUR);
  const envelope = { signingTime, expiry } as Partial<Envelope> as Envelope;
  expect(renewalTime(envelope, renewBeforeMs)?.getTime()).toBe(expiry.getTime() + offsetMs);
});
