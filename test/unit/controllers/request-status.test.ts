import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/api/conditions.ts';
import { CONDITION_REASONS } from '../../../src/api/conditions.ts';
import type {
  ImageSignatureRequest,
  ImageSignatureRequestStatus,
  ImageStatus,
} from '../../../src/api/image-signature-request.ts';
import type { VerdictType } from '../../../src/api/verdict.ts';
import type { ImageResult, Problem, RequestResult } from '../../../src/controllers/request-result.ts';
import { requestStatus } from '../../../src/controllers/request-status.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const LATER = new Date('2026-02-01T01:00:00Z');

function requestOf(images: number, status?: ImageSignatureRequestStatus): ImageSignatureRequest {
  return {
    metadata: { name: 'r', namespace: 'n', uid: 'u', resourceVersion: '1', generation: 7, creationTimestamp: '' },
    spec: { images: Array.from({ length: images }, (_, i) => `r.example/app:${i}`) },
    ...(status === undefined ? {} : { status }),
  };
}

function image(verdict: VerdictType, more: Partial<ImageResult> = {}, status: Partial<ImageStatus> = {}): ImageResult {
  const cause = verdict === 'Trusted' ? {} : { cause: { reason: 'NoSignature', message: `it is ${verdict}` } as const };
  return { status: { reference: 'r.example/app:1', verdict, ...cause, ...status }, ...more };
}

const TERMINAL: Problem = { reason: 'KeyInvalid', message: 'a bad key', terminal: true };
const FAULT: Problem = { reason: 'SigningFailed', message: 'a timeout', terminal: false };

function statusOf(images: readonly ImageResult[], more: Partial<RequestResult> = {}): ImageSignatureRequestStatus {
  return requestStatus({ request: requestOf(images.length), images, own: [], signs: false, now: NOW, ...more });
}

/** `Ready=True Succeeded`, for each condition, sorted. */
function conditionsOf(status: ImageSignatureRequestStatus): string[] {
  return (status.conditions ?? []).map(({ type, status: value, reason }) => `${type}=${value} ${reason}`).sort();
}

function find(status: ImageSignatureRequestStatus, type: string): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

describe('conditions by kstatus', () => {
  it.each([
    ['r.example/app:1: not found (404): push it', 'r.example/app:1: not found (404): push it'],
    ['the registry is down', 'r.example/app:1: the registry is down'],
  ])('name the image once where its cause is %j', (message, sentence) => {
    const cause = { reason: 'ImageNotFound', message } as const;
    const problem = { reason: 'RetryingAfterFault', message, terminal: false } as const;
    const status = statusOf([image('Unknown', { signed: false, problem }, { cause })], { signs: true });
    expect(find(status, 'Verified')?.message).toBe(`1 of 1 image unknown: ${sentence}`);
    expect(find(status, 'Revoked')?.message).toBe(sentence);
    expect(find(status, 'Signed')?.message).toBe(`1 of 1 image not signed; ${sentence}`);
  });

  it('say how many images are trusted by the signature of an index (A9)', () => {
    const coveredBy = { digest: `sha256:${'a'.repeat(64)}` };
    const status = statusOf([image('Trusted'), image('Trusted', {}, { coveredBy })]);
    expect(find(status, 'Verified')?.message).toBe(
      '2 images trusted, 1 of them by the signature of an index that lists it',
    );
  });

  it.each<[string, VerdictType[], string[]]>([
    [
      'all trusted',
      ['Trusted', 'Trusted'],
      ['Ready=True Succeeded', 'Verified=True AllVerified', 'Revoked=False NoneRevoked', 'Expired=False NoneExpired'],
    ],
    [
      'one revoked',
      ['Trusted', 'Revoked', 'Unknown'],
      [
        'Ready=False SomeRevoked',
        'Verified=False SomeRevoked',
        'Revoked=True SomeRevoked',
        'Expired=Unknown Undetermined',
      ],
    ],
    [
      'one expired',
      ['Expired', 'Trusted'],
      [
        'Ready=False SomeExpired',
        'Verified=False SomeExpired',
        'Revoked=False NoneRevoked',
        'Expired=True SomeExpired',
      ],
    ],
    [
      'one untrusted',
      ['Expired', 'Untrusted'],
      [
        'Ready=False SomeUntrusted',
        'Verified=False SomeUntrusted',
        'Revoked=False NoneRevoked',
        'Expired=True SomeExpired',
      ],
    ],
    [
      'one unsigned',
      ['Unsigned', 'Trusted'],
      [
        'Ready=False SomeUnsigned',
        'Verified=False SomeUnsigned',
        'Revoked=False NoneRevoked',
        'Expired=False NoneExpired',
      ],
    ],
    [
      'one unknown: neither revoked nor not',
      ['Trusted', 'Unknown'],
      [
        'Ready=False SomeUnknown',
        'Verified=Unknown SomeUnknown',
        'Revoked=Unknown Undetermined',
        'Expired=Unknown Undetermined',
      ],
    ],
    [
      'one without a policy',
      ['Trusted', 'Uncovered'],
      [
        'Ready=False SomeUncovered',
        'Verified=Unknown SomeUncovered',
        'Revoked=False NoneRevoked',
        'Expired=False NoneExpired',
      ],
    ],
  ])('%s', (_, verdicts, expected) => {
    expect(conditionsOf(statusOf(verdicts.map((verdict) => image(verdict))))).toEqual(expected.toSorted());
  });

  it('who only signs needs no policy', () => {
    const status = statusOf([image('Uncovered', { signed: true })], { signs: true });
    expect(conditionsOf(status)).toContain('Ready=True Succeeded');
    expect(conditionsOf(status)).toContain('Signed=True AllSigned');
  });

  it('what no retry mends is Stalled, and not Reconciling', () => {
    const status = statusOf(
      [image('Unsigned', { signed: false, problem: FAULT }), image('Unsigned', { signed: false, problem: TERMINAL })],
      { signs: true },
    );
    expect(conditionsOf(status)).toEqual(
      expect.arrayContaining(['Ready=False KeyInvalid', 'Stalled=True KeyInvalid', 'Signed=False NotSigned']),
    );
    expect(find(status, 'Reconciling')).toBeUndefined();
  });

  it('a fault is Reconciling, and whether all is signed is then Unknown, not False', () => {
    const status = statusOf([image('Unknown', { signed: false, problem: FAULT })], { signs: true });
    expect(conditionsOf(status)).toEqual(
      expect.arrayContaining([
        'Ready=False SigningFailed',
        'Reconciling=True RetryingAfterFault',
        'Signed=Unknown NotSigned',
      ]),
    );
    expect(find(status, 'Stalled')).toBeUndefined();
  });

  it.each<[string, Problem, string[]]>([
    ['terminal', TERMINAL, ['Ready=False KeyInvalid', 'Stalled=True KeyInvalid']],
    ['passing', FAULT, ['Ready=False SigningFailed', 'Reconciling=True SigningFailed']],
    ['Suspended', { reason: 'Suspended', message: 'suspended', terminal: false }, ['Ready=False Suspended']],
  ])('a %s problem of the whole request', (_, problem, expected) => {
    expect(conditionsOf(statusOf([], { problem, request: requestOf(1) }))).toEqual(expected);
  });

  it('Stalled and Reconciling are gone once they do not hold', () => {
    const stalled = statusOf([image('Unsigned', { problem: TERMINAL })]);
    const healed = statusOf([image('Trusted')], { request: requestOf(1, stalled) });
    expect(conditionsOf(healed).filter((text) => /Stalled|Reconciling/.test(text))).toEqual([]);
  });

  it('a problem of the whole request keeps what was known of the images', () => {
    const before = statusOf([image('Trusted', { signed: true })], { signs: true });
    const after = statusOf([], { request: requestOf(1, before), problem: FAULT, signs: true, now: LATER });
    expect(after.images).toEqual(before.images);
    expect(after.summary).toEqual(before.summary);
    expect(find(after, 'Verified')?.status).toBe('True');
  });

  it('lastTransitionTime changes only with status, and nothing changes where nothing changed', () => {
    const before = statusOf([image('Trusted')]);
    expect(statusOf([image('Trusted')], { request: requestOf(1, before), now: LATER })).toEqual(before);
    const after = statusOf([image('Revoked')], { request: requestOf(1, before), now: LATER });
    expect(find(after, 'Revoked')?.lastTransitionTime).toBe('2026-02-01T01:00:00Z');
    expect(find(after, 'Expired')?.lastTransitionTime).toBe('2026-02-01T00:00:00Z');
    expect(find(after, 'Ready')?.observedGeneration).toBe(7);
  });

  it('every reason is enumerated', () => {
    const verdicts = ['Trusted', 'Revoked', 'Untrusted', 'Unsigned', 'Expired', 'Unknown', 'Uncovered'] as const;
    for (const verdict of verdicts) {
      for (const { reason } of statusOf([image(verdict)], { signs: true }).conditions ?? []) {
        expect(CONDITION_REASONS).toContain(reason);
      }
    }
  });
});

describe('summary', () => {
  it('counts for the columns, with the earliest expiry in force', () => {
    const signature = (verdict: VerdictType, expiresAt: string) => ({ digest: 'd', verdict, expiresAt, checks: [] });
    const status = statusOf(
      [
        image(
          'Trusted',
          { signed: true },
          {
            lastVerifiedTime: '2026-01-31T00:00:00Z',
            signatures: [signature('Expired', '2025-01-01T00:00:00Z'), signature('Trusted', '2026-06-01T00:00:00Z')],
          },
        ),
        image('Trusted', { signed: true }, { signatures: [signature('Trusted', '2026-05-01T00:00:00Z')] }),
        image('Revoked', { signed: false }, { lastVerifiedTime: '2026-01-30T00:00:00Z' }),
      ],
      { signs: true },
    );
    expect(status.summary).toEqual({
      images: 3,
      signed: '2/3',
      verified: '2/3',
      revoked: 1,
      expires: '2026-05-01T00:00:00Z',
      lastCheck: '2026-01-31T00:00:00Z',
    });
    expect(statusOf([image('Trusted')]).summary?.signed).toBe('-');
  });
});

describe('an image with platforms counts as one, by the worst of them', () => {
  const platform = (name: string, verdict: VerdictType) =>
    ({
      platform: name,
      digest: `sha256:${'b'.repeat(64)}`,
      verdict,
      signatures: 1,
      cause: { reason: 'NoSignature', message: `${name} is ${verdict}` },
    }) as const;

  it.each<[string, VerdictType, ReturnType<typeof platform>[], string, string]>([
    [
      'a platform that is worse decides, by its name',
      'Trusted',
      [platform('linux/amd64', 'Unknown'), platform('linux/arm64', 'Revoked'), platform('linux/s390x', 'Trusted')],
      'False',
      '1 of 1 image revoked: r.example/app:1 (linux/arm64): linux/arm64 is Revoked',
    ],
    [
      'an index that is worse decides itself',
      'Untrusted',
      [platform('linux/amd64', 'Unknown')],
      'False',
      '1 of 1 image untrusted: r.example/app:1: it is Untrusted',
    ],
    [
      'a platform without a name is told by its digest',
      'Trusted',
      [platform('', 'Unsigned')],
      'False',
      `1 of 1 image unsigned: r.example/app:1 (sha256:${'b'.repeat(64)}):  is Unsigned`,
    ],
    ['all are trusted', 'Trusted', [platform('linux/amd64', 'Trusted')], 'True', '1 image trusted'],
  ])('%s', (_, verdict, platforms, status, message) => {
    const result = statusOf([image(verdict, {}, { platforms })]);
    expect(find(result, 'Verified')).toMatchObject({ status, message });
    expect(result.summary?.verified).toBe(status === 'True' ? '1/1' : '0/1');
    // What is shown of the image stays its own.
    expect(result.images?.[0]).toMatchObject({ reference: 'r.example/app:1', verdict, platforms });
  });
});

describe('status stays small', () => {
  const long = (length: number): string => '€'.repeat(length);

  it('messages of conditions stay under 1,024 characters', () => {
    const problem = { ...FAULT, message: long(5_000) };
    const status = statusOf([image('Unknown', { problem, signed: false })], { signs: true });
    for (const { message } of status.conditions ?? []) expect(message.length).toBeLessThanOrEqual(1_024);
  });

  it('the whole stays under 256 KiB at the worst, in bytes, and says what it left out', () => {
    const checks = Array.from({ length: 7 }, () => ({
      type: 'integrity',
      action: 'enforce',
      result: 'failed',
      reason: long(300),
    }));
    const signatures = Array.from({ length: 10 }, () => ({ digest: 'd', verdict: 'Untrusted' as const, checks }));
    const images = Array.from({ length: 64 }, () =>
      image(
        'Unknown',
        {},
        {
          reference: 'r'.repeat(600),
          statement: 's'.repeat(300),
          cause: {
            reason: 'RegistryUnreachable',
            message: long(1_024),
            revoked: Array.from({ length: 20 }, () => 'a'.repeat(200)),
          },
          signatures,
          omittedSignatures: 90,
          platforms: (['Trusted', 'Unknown', 'Trusted', 'Trusted'] as const).map((verdict) => ({
            platform: 'p'.repeat(60),
            digest: `sha256:${'0'.repeat(64)}`,
            verdict,
            signatures: 1,
            cause: { reason: 'RegistryUnreachable', message: long(1_024) },
          })),
        },
      ),
    );
    const own = Array.from({ length: 256 }, (_, i) => ({
      repository: 'r'.repeat(255),
      subjectDigest: `sha256:${'0'.repeat(64)}`,
      digest: `sha256:${String(i).padStart(64, '0')}`,
      signedAt: '2026-01-01T00:00:00Z',
      jobArn: 'j'.repeat(200),
      profileVersionArn: 'p'.repeat(200),
    }));
    const status = statusOf(images, { own });
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThanOrEqual(256 * 1_024);
    expect(status.images).toHaveLength(64);
    expect(status.images?.[63]).toMatchObject({ verdict: 'Unknown', signatures: [], omittedSignatures: 100 });
    expect(status.images?.[63]).toMatchObject({ platforms: [{ verdict: 'Unknown' }], omittedPlatforms: 3 });
    // Cleanup needs its own signatures: the newest of them are the last to go.
    expect(status.ownSignatures?.at(-1)).toEqual(own.at(-1));
    expect(status.ownSignatures?.length).toBeGreaterThan(50);
  });

  it('drops nothing while there is room', () => {
    const result = image('Trusted', {}, { signatures: [{ digest: 'd', verdict: 'Trusted', checks: [] }] });
    expect(statusOf([result]).images).toEqual([result.status]);
  });
});
