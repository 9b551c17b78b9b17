import { expect, it } from 'vitest';
import { type ImageEvaluation, VerdictStore } from '../../../src/verification/index.ts';

const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minute));

function evaluation(
  verdict: ImageEvaluation['verdict'],
  minute: number,
  cause?: ImageEvaluation['cause'],
): ImageEvaluation {
  return {
    repository: 'r/a',
    verdict,
    signatures: [],
    truncated: false,
    evaluatedAt: at(minute),
    ...(cause === undefined ? {} : { cause }),
  };
}

it('an Unknown keeps the last known verdict and its age beside it, also through several Unknowns', () => {
  const store = new VerdictStore();
  const down = { reason: 'RegistryUnreachable', message: 'down' } as const;
  store.update('k', evaluation('Trusted', 1));
  store.update('k', evaluation('Unknown', 2, down));
  const verdict = store.update('k', evaluation('Unknown', 3, down));
  expect(verdict.lastKnown).toEqual({ verdict: 'Trusted', verifiedAt: at(1) });
  expect(verdict.cause?.since).toBe(at(2).toISOString());
  expect(store.update('k', evaluation('Trusted', 4)).lastKnown).toBeUndefined();
});

it('listeners hear what a person would see, and nothing else', () => {
  const store = new VerdictStore();
  const heard: string[] = [];
  store.onChange((_key, now, before) => heard.push(`${before?.verdict ?? '-'}>${now.verdict}`));
  store.update('k', evaluation('Trusted', 1));
  store.update('k', evaluation('Trusted', 2));
  store.update('k', evaluation('Revoked', 3, { reason: 'SigningJobRevoked', message: 'm', revoked: ['arn:1'] }));
  store.update('k', evaluation('Revoked', 4, { reason: 'SigningJobRevoked', message: 'm', revoked: ['arn:1'] }));
  store.update(
    'k',
    evaluation('Revoked', 5, { reason: 'SigningJobRevoked', message: 'm', revoked: ['arn:1', 'arn:2'] }),
  );
  expect(heard).toEqual(['->Trusted', 'Trusted>Revoked', 'Revoked>Revoked']);
});
