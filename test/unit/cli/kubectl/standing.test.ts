import { describe, expect, it } from 'vitest';
import { imagesOf, viewOf } from '../../../../src/cli/kubectl/pods.ts';
import { byWorkload, type Evidence, standingOf, trustedByRequests } from '../../../../src/cli/kubectl/standing.ts';
import { DIGEST, pod, policies, request } from './objects.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const SOON = '2026-02-01T00:01:00Z';
const WEB = 'registry.example/web:v1';
const evidence = (more: Partial<Evidence> = {}): Evidence => ({
  isRunning: true,
  policies: policies('registry.example/web', 'registry.example/api'),
  trusted: new Map(),
  ...more,
});
const bad = { status: 'False', reason: 'Revoked', message: 'the job was revoked', lastTransitionTime: SOON };
const good = { status: 'True', reason: 'AllTrusted', message: 'every image is trusted', lastTransitionTime: SOON };
const standing = (object: ReturnType<typeof pod>, more: Partial<Evidence> = {}): string =>
  standingOf(viewOf(object), evidence(more)).standing;

describe('how a pod stands', () => {
  it('what is told bad is told as it was, also while no operator runs', () => {
    const told = standingOf(viewOf(pod('a', [WEB], { condition: bad })), evidence({ isRunning: false }));
    expect(told).toEqual({ standing: 'Revoked', message: 'the job was revoked', since: SOON });
  });

  it('a reason that is no bad verdict is Unknown', () => {
    expect(standing(pod('a', [WEB], { condition: { ...bad, reason: 'Trusted' } }))).toBe('Unknown');
    expect(standing(pod('a', [WEB], { condition: { ...bad, status: 'Unknown', reason: 'Odd' } }))).toBe('Unknown');
  });

  it('without a condition it is never Trusted: NotFlagged, or Unknown where the operator is not known to run', () => {
    expect(standing(pod('a', [WEB]))).toBe('NotFlagged');
    expect(standing(pod('a', [WEB]), { isRunning: false })).toBe('Unknown');
  });

  it('what was told good counts only while the operator runs', () => {
    expect(standing(pod('a', [WEB], { condition: good }))).toBe('Trusted');
    expect(standing(pod('a', [WEB], { condition: good }), { isRunning: false })).toBe('Unknown');
  });

  it('Uncovered: no policy has a scope for any of its images, whatever its condition once said', () => {
    expect(standing(pod('a', ['other.example/x:1']), { isRunning: false })).toBe('Uncovered');
    expect(standing(pod('a', ['other.example/x:1'], { condition: good }))).toBe('Uncovered');
    expect(standing(pod('a', ['other.example/x:1', WEB]))).toBe('NotFlagged');
  });

  it('by requests: each covered image must be trusted there', () => {
    const trusted = new Map([[`registry.example/web@${DIGEST}`, 'request shop/web']]);
    expect(standing(pod('a', [WEB, 'other.example/x:1']), { trusted })).toBe('Trusted');
    expect(standing(pod('a', [WEB, 'registry.example/api:1']), { trusted })).toBe('NotFlagged');
    expect(standing(pod('a', [WEB]), { trusted, isRunning: false })).toBe('Unknown');
    expect(standing(pod('a', [WEB], { isPending: true }), { trusted })).toBe('NotFlagged');
  });
});

describe('images that requests say are trusted', () => {
  const image = { nextVerificationTime: SOON };
  it.each<[string, object, object, number]>([
    ['one that is looked after', image, {}, 1],
    ['one of a request that is suspended', image, { suspend: true }, 0],
    ['one whose next verification is long due', { nextVerificationTime: '2026-01-31T23:00:00Z' }, {}, 0],
    ['one that nothing is planned for', {}, {}, 0],
    ['one that is not trusted', { ...image, verdict: 'Unknown' }, {}, 0],
    ['one without a digest', { ...image, digest: undefined }, {}, 0],
    ['one whose reference another wrote', { ...image, reference: 'NO reference' }, {}, 0],
  ])('%s', (_, status, spec, count) => {
    expect(trustedByRequests([request('web', [status], spec)], NOW).size).toBe(count);
  });
});

describe('workloads', () => {
  const labels = { 'pod-template-hash': '5d5' };
  const owner = { kind: 'ReplicaSet', name: 'web-5d5' };
  it('the worst pod counts, worst first, and a Deployment is named by its ReplicaSet', () => {
    const pods = [
      pod('web-1', [WEB], { owner, labels }),
      pod('web-2', [WEB], { owner, labels, condition: { ...bad, reason: 'Expired' } }),
      pod('job-1', [WEB], { owner: { kind: 'Job', name: 'job' }, condition: bad }),
      pod('bare', [WEB]),
      pod('alone', [WEB], { owner }),
    ].map((object) => ({ ...viewOf(object), ...standingOf(viewOf(object), evidence()) }));
    expect(
      byWorkload(pods).map(({ workload, standing: one, pods: all, podsSo }) => [workload, one, podsSo, all]),
    ).toEqual([
      ['Job/job', 'Revoked', 1, 1],
      ['Deployment/web', 'Expired', 1, 2],
      ['Pod/bare', 'NotFlagged', 1, 1],
      ['ReplicaSet/web-5d5', 'NotFlagged', 1, 1],
    ]);
  });

  it('an image is one however many pods run it; a pod that ended, or whose image is not pulled, runs none', () => {
    const views = [
      pod('a', [WEB]),
      pod('b', ['registry.example/web:v2']),
      pod('c', [WEB], { phase: 'Succeeded' }),
      pod('d', ['registry.example/api:1'], { isPending: true }),
    ].map(viewOf);
    expect(imagesOf(views)).toEqual([
      {
        key: `registry.example/web@${DIGEST}`,
        repository: 'registry.example/web',
        digest: DIGEST,
        references: [WEB, 'registry.example/web:v2'],
        workloads: ['shop/Pod/a', 'shop/Pod/b'],
      },
    ]);
  });
});
