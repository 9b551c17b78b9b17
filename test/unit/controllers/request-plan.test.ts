import { describe, expect, it } from 'vitest';
import type { ImageSignatureRequest, ImageSignatureRequestSpec } from '../../../src/api/image-signature-request.ts';
import { type PlanResult, planRequest, type RequestPlan } from '../../../src/controllers/request-plan.ts';

const PROFILE = 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/shop';
const KEY = { key: { secretRef: { name: 'k' } } };
const AWS = { awsSigner: { profileArn: PROFILE } };

function plan(
  spec: Partial<ImageSignatureRequestSpec>,
  annotations: Readonly<Record<string, string>> = {},
): PlanResult {
  const request: ImageSignatureRequest = {
    metadata: { name: 'r', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations },
    spec: { images: ['r.example/app:1'], ...spec },
  };
  return planRequest(request);
}

function planned(
  spec: Partial<ImageSignatureRequestSpec>,
  annotations?: Readonly<Record<string, string>>,
): RequestPlan {
  const result = plan(spec, annotations);
  if (result.kind === 'refused') throw new Error(result.message);
  return result.plan;
}

describe('planRequest', () => {
  it('has defaults: verify each hour, sign nothing, retain', () => {
    expect(planned({ images: ['nginx'] })).toEqual({
      images: [expect.objectContaining({ text: 'nginx', repository: 'docker.io/library/nginx' })],
      intervalMs: 3_600_000,
      deletionPolicy: 'Retain',
      needsCleanup: false,
    });
  });

  it('reads all of a request that signs', () => {
    expect(
      planned(
        {
          sign: {
            ...KEY,
            format: 'COSE',
            expiry: '48h',
            renewBefore: '12h',
            userMetadata: { a: 'b' },
            timestamp: { url: 'http://tsa.example/', trustStore: 'clocks' },
          },
          verify: { interval: '10m', requiredMetadata: { c: 'd' } },
          deletionPolicy: 'DeleteSignature',
        },
        { 'sealwatch.dev/sign-anew-requested-at': '2026-01-01T00:00:00.999Z' },
      ),
    ).toMatchObject({
      sign: {
        by: { kind: 'key', secretName: 'k' },
        format: 'COSE',
        timestamp: { url: 'http://tsa.example/', trustStore: 'clocks' },
        expiryMs: 172_800_000,
        renewBeforeMs: 43_200_000,
        userMetadata: { a: 'b' },
        signAnewAt: new Date('2026-01-01T00:00:00Z'),
      },
      intervalMs: 600_000,
      requiredMetadata: { c: 'd' },
      needsCleanup: true,
    });
    expect(planned({ sign: AWS, deletionPolicy: 'RevokeSignature' }).sign).toMatchObject({
      by: { kind: 'awsSigner', profile: { arn: PROFILE } },
      format: 'JWS',
    });
  });

  it('an interval is 10 s at least; empty required metadata is none', () => {
    const { intervalMs, requiredMetadata } = planned({ verify: { interval: '1ms', requiredMetadata: {} } });
    expect([intervalMs, requiredMetadata]).toEqual([10_000, undefined]);
  });

  it.each<[string, Partial<ImageSignatureRequestSpec>, string, string]>([
    ['no image', { images: [] }, 'InvalidSpec', 'spec.images: expected at least one'],
    ['an image that is no reference', { images: ['r.example/App:1'] }, 'InvalidSpec', 'r.example/App'],
    ['a path that climbs', { images: ['r.example/team-a/../team-b/app:1'] }, 'InvalidSpec', '..'],
    ['both signers', { sign: { ...KEY, ...AWS } }, 'InvalidSpec', 'exactly one of awsSigner and key'],
    ['no signer', { sign: {} }, 'InvalidSpec', 'exactly one of awsSigner and key'],
    ['COSE with AWS', { sign: { ...AWS, format: 'COSE' } }, 'InvalidSpec', 'JWS envelopes only'],
    ...['x', 'ftp://tsa.example', 'http://', 'http://user:secret@tsa.example'].map(
      (url): [string, Partial<ImageSignatureRequestSpec>, string, string] => [
        `a timestamp from ${url}`,
        { sign: { ...KEY, timestamp: { url, trustStore: 'y' } } },
        'InvalidSpec',
        'spec.sign.timestamp.url: expected an http or https address',
      ],
    ),
    [
      'a timestamp with AWS',
      { sign: { ...AWS, timestamp: { url: 'http://tsa.example', trustStore: 'y' } } },
      'InvalidSpec',
      'AWS Signer states the time of signing itself',
    ],
    ['expiry with AWS', { sign: { ...AWS, expiry: '1h' } }, 'InvalidSpec', 'spec.sign.expiry: AWS Signer takes'],
    ['a bad expiry', { sign: { ...KEY, expiry: '1y' } }, 'InvalidSpec', 'spec.sign.expiry: expected a duration'],
    [
      'an expiry beyond all dates',
      { sign: { ...KEY, expiry: '999999999h'.repeat(3) } },
      'InvalidSpec',
      'spec.sign.expiry',
    ],
    ['a bad interval', { verify: { interval: '0s' } }, 'InvalidSpec', 'spec.verify.interval: expected a duration'],
    [
      'renewal before the beginning',
      { sign: { ...KEY, expiry: '1h', renewBefore: '1h' } },
      'InvalidSpec',
      'less than spec.sign.expiry',
    ],
    ['a bad profile', { sign: { awsSigner: { profileArn: 'shop' } } }, 'InvalidSpec', 'shop'],
    [
      'reserved metadata',
      { sign: { ...KEY, userMetadata: { 'io.cncf.notary.x': 'y' } } },
      'InvalidSpec',
      'io.cncf.notary.x is reserved',
    ],
    [
      'revoking without AWS',
      { sign: KEY, deletionPolicy: 'RevokeSignature' },
      'InvalidSpec',
      'needs spec.sign.awsSigner',
    ],
    ['revoking without signing', { deletionPolicy: 'RevokeSignature' }, 'InvalidSpec', 'needs spec.sign.awsSigner'],
    ['a role that is none', { registry: { assumeRoleArn: 'arn:x' } }, 'InvalidSpec', 'spec.registry.assumeRoleArn'],
    [
      'a role for ECR, without an image there',
      { registry: { assumeRoleArn: 'arn:aws:iam::444455556666:role/pull' } },
      'InvalidSpec',
      'none of the images is in one',
    ],
  ])('refuses %s with the field and what to do', (_, spec, reason, message) => {
    expect(plan(spec)).toMatchObject({ kind: 'refused', reason, message: expect.stringContaining(message) });
  });

  it.each(['now', '1', '2026-13-01T00:00:00Z', '2026-01-01'])('refuses the time %j to sign anew at', (time) => {
    expect(plan({ sign: KEY }, { 'sealwatch.dev/sign-anew-requested-at': time })).toMatchObject({
      kind: 'refused',
      reason: 'InvalidSpec',
      message: expect.stringContaining('expected a time such as'),
    });
  });
});
