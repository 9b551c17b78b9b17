import { describe, expect, it } from 'vitest';
import type { VerdictType } from '../../../src/api/verdict.ts';
import { type ImageEvaluation, imageKey, referenceOf, VerdictStore } from '../../../src/verification/index.ts';

const KEY = 'r.example:5000/team/app@sha256:1';
const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minute));

function evaluation(verdict: VerdictType, minute: number, more: Partial<ImageEvaluation> = {}): ImageEvaluation {
  return {
    repository: 'r.example:5000/team/app',
    verdict,
    signatures: [],
    truncated: false,
    evaluatedAt: at(minute),
    ...(verdict === 'Trusted' ? {} : { cause: { reason: 'RegistryUnreachable', message: 'down' } }),
    ...more,
  };
}

describe('VerdictStore', () => {
  it('an Unknown keeps the last known verdict and its age beside it, however long it lasts (design.md, "Words")', () => {
    const store = new VerdictStore();
    store.update(KEY, evaluation('Trusted', 1));
    expect(store.update(KEY, evaluation('Unknown', 2)).lastKnown).toEqual({ verdict: 'Trusted', verifiedAt: at(1) });
    expect(store.update(KEY, evaluation('Unknown', 3)).lastKnown).toEqual({ verdict: 'Trusted', verifiedAt: at(1) });
    expect(store.update(KEY, evaluation('Trusted', 4)).lastKnown).toBeUndefined();
    expect(store.get(KEY)?.verifiedAt).toEqual(at(4));
  });

  it('an Unknown from the first has nothing that was known', () => {
    const store = new VerdictStore();
    store.update(KEY, evaluation('Unknown', 1));
    expect(store.update(KEY, evaluation('Unknown', 2)).lastKnown).toBeUndefined();
  });

  it('a cause that lasts keeps the moment it was first seen; a new cause has its own', () => {
    const store = new VerdictStore();
    expect(store.update(KEY, evaluation('Unknown', 1)).cause?.since).toBe(at(1).toISOString());
    expect(store.update(KEY, evaluation('Unknown', 2)).cause?.since).toBe(at(1).toISOString());
    const denied = { cause: { reason: 'RegistryDenied', message: '403' } } as const;
    expect(store.update(KEY, evaluation('Unknown', 3, denied)).cause?.since).toBe(at(3).toISOString());
    const dated = { cause: { reason: 'SignatureExpired', message: 'over', since: '2025-01-01T00:00:00Z' } } as const;
    expect(store.update(KEY, evaluation('Expired', 4, dated)).cause?.since).toBe('2025-01-01T00:00:00Z');
  });

  it('a verification that was begun before the one that gave the verdict comes too late (faults.md 45)', () => {
    const store = new VerdictStore();
    const revoked = { cause: { reason: 'SigningJobRevoked', message: '' } } as const;
    store.update(KEY, evaluation('Trusted', 1, { startedAt: 100 }));
    store.update(KEY, evaluation('Revoked', 2, { startedAt: 300, ...revoked }));
    // It saw the signature before it was revoked, and then waited for a slow registry.
    expect(store.update(KEY, evaluation('Trusted', 3, { startedAt: 200 })).verdict).toBe('Revoked');
    expect(store.get(KEY)?.verdict).toBe('Revoked');
    expect(store.update(KEY, evaluation('Trusted', 4, { startedAt: 300 })).verdict).toBe('Trusted');
    store.delete(KEY);
    expect(store.update(KEY, evaluation('Unknown', 5, { startedAt: 50 })).verdict).toBe('Unknown');
  });

  it('tells only what a person would see change', () => {
    const store = new VerdictStore();
    const told: string[] = [];
    store.onChange((key, now, before) => told.push(`${key} ${before?.verdict ?? '-'}>${now.verdict}`));
    store.update(KEY, evaluation('Trusted', 1));
    store.update(KEY, evaluation('Trusted', 2));
    store.update(KEY, evaluation('Unknown', 3));
    store.update(KEY, evaluation('Unknown', 4, { cause: { reason: 'RegistryUnreachable', message: 'other words' } }));
    store.update(
      KEY,
      evaluation('Revoked', 5, { cause: { reason: 'SigningJobRevoked', message: '', revoked: ['a'] } }),
    );
    store.update(
      KEY,
      evaluation('Revoked', 6, { cause: { reason: 'SigningJobRevoked', message: '', revoked: ['b'] } }),
    );
    expect(told).toEqual([
      `${KEY} ->Trusted`,
      `${KEY} Trusted>Unknown`,
      `${KEY} Unknown>Revoked`,
      `${KEY} Revoked>Revoked`,
    ]);
  });

  it('tells another expiry and another statement', () => {
    const store = new VerdictStore();
    let told = 0;
    store.onChange(() => {
      told += 1;
    });
    store.update(KEY, evaluation('Trusted', 1, { expiresAt: at(100) }));
    store.update(KEY, evaluation('Trusted', 2, { expiresAt: at(100) }));
    expect(told).toBe(1);
    store.update(KEY, evaluation('Trusted', 3, { expiresAt: at(200) }));
    expect(told).toBe(2);
  });
});

it('an image key names repository and digest, and reads back', () => {
  expect(imageKey('r.example:5000/team/app', 'sha256:1')).toBe(KEY);
  expect(referenceOf(KEY)).toEqual({ registry: 'r.example:5000', repository: 'team/app', digest: 'sha256:1' });
});
