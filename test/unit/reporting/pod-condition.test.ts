import { describe, expect, it } from 'vitest';
import type { ImageVerdict } from '../../../src/api/image-verdict.ts';
import { Metrics, podCondition, type VerdictedContainer } from '../../../src/reporting/index.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const DIGEST = `sha256:${'a'.repeat(64)}`;

function container(verdict: ImageVerdict['verdict'] | undefined, name = 'app', message = 'why'): VerdictedContainer {
  return {
    container: {
      name,
      kind: 'container',
      reference: `r.example.com/${name}:v1`,
      image: { kind: 'resolved', repository: `r.example.com/${name}`, digest: DIGEST },
    },
    ...(verdict === undefined
      ? {}
      : { verdict: { verdict, verifiedAt: NOW, cause: { reason: 'NoSignature', message } } }),
  };
}
const decide = (
  containers: readonly VerdictedContainer[],
  readinessGate = false,
  existing?: Parameters<typeof podCondition>[3],
) => podCondition(containers, { readinessGate }, NOW, existing);

describe('the pod condition', () => {
  it('is not written on a healthy pod, and not while an image is still being verified', () => {
    expect(decide([container('Trusted'), container('Uncovered')])).toEqual({ kind: 'none' });
    expect(decide([container(undefined)], true)).toEqual({ kind: 'none' });
  });

  it('is True on a healthy pod that names it as a readiness gate', () => {
    expect(decide([container('Trusted')], true)).toMatchObject({ condition: { status: 'True', reason: 'AllTrusted' } });
  });

  it('says which container is trusted by the signature of an index that lists its image (A9)', () => {
    const { container: of } = container('Trusted');
    const covered = {
      container: of,
      verdict: { verdict: 'Trusted', verifiedAt: NOW, coveredBy: { digest: DIGEST } },
    } as const;
    const decision = decide([covered, container('Trusted', 'b')], true);
    expect(decision.kind === 'set' && decision.condition.message).toBe(
      `every image is trusted or covered by no policy; by the signature of an index that lists the image: app (index ${DIGEST})`,
    );
  });

  it('is False with the worst verdict, naming container, image and cause, worst first', () => {
    const decision = decide([container('Unknown', 'a'), container('Revoked', 'b', 'arn:aws:x')]);
    expect(decision).toMatchObject({ condition: { status: 'False', reason: 'Revoked' } });
    expect(decision.kind === 'set' && decision.condition.message).toMatch(
      /^container b runs r\.example\.com\/b:v1, which has a revoked signature: arn:aws:x; container a /,
    );
  });

  it('is False for a bad image although another one is pending', () => {
    expect(decide([container(undefined, 'a'), container('Unsigned', 'b')])).toMatchObject({
      condition: { reason: 'Unsigned' },
    });
  });

  it('is taken back when it ends, and then left alone', () => {
    const bad = decide([container('Revoked')]);
    const existing = bad.kind === 'set' ? bad.condition : undefined;
    expect(decide([container('Revoked')], false, existing)).toEqual({ kind: 'none' });
    const good = decide([container('Trusted')], false, existing);
    expect(good).toMatchObject({ condition: { status: 'True' } });
    expect(decide([container('Trusted')], false, good.kind === 'set' ? good.condition : undefined)).toEqual({
      kind: 'none',
    });
  });

  it('of a pod that ended is left as it is: nothing has become trusted', () => {
    const bad = decide([container('Revoked')]);
    const existing = bad.kind === 'set' ? bad.condition : undefined;
    expect(existing?.status).toBe('False');
    expect(decide([], false, existing)).toEqual({ kind: 'none' });
    expect(decide([], true)).toEqual({ kind: 'none' });
  });

  it('keeps its time while its status stays, and its message under 1,024 characters', () => {
    const existing = {
      type: 't',
      status: 'False',
      reason: 'Unsigned',
      message: 'm',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const many = Array.from({ length: 40 }, (_, i) => container('Revoked', `c${i}`, 'x'.repeat(100)));
    const decision = decide(many, false, existing);
    expect(decision).toMatchObject({ condition: { lastTransitionTime: '2026-01-01T00:00:00Z' } });
    expect(decision.kind === 'set' && decision.condition.message.length).toBeLessThanOrEqual(1_024);
  });
});

it('metrics count what runs, and flag what is bad, at the first scrape', async () => {
  const metrics = new Metrics();
  const pod = { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  metrics.setPod('n/p', {
    pod,
    containers: [container('Trusted', 'good'), container('Revoked', 'bad')],
    owner: { kind: 'Deployment', name: 'd' },
  });
  const text = await metrics.text();
  expect(text).toContain('sealwatch_running_containers{namespace="n",verdict="Trusted"} 1');
  expect(text).toMatch(
    /sealwatch_flagged_container_info\{namespace="n",pod="p",container="bad",workload_kind="Deployment",workload="d",.*verdict="Revoked".*\} 1/,
  );
  metrics.forgetPod('n/p');
  expect(await metrics.text()).not.toContain('container="bad"');
});
