import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VerdictAlert } from '../../../src/alerting/index.ts';
import type { ImageVerdict } from '../../../src/api/image-verdict.ts';
import type { OwnerReference } from '../../../src/api/object.ts';
import type { VerdictType } from '../../../src/api/verdict.ts';
import { WorkloadAlerts } from '../../../src/controllers/workload-alerts.ts';
import type { Owner } from '../../../src/kubernetes/index.ts';
import { podCondition, type VerdictedContainer } from '../../../src/reporting/index.ts';
import type { ProjectedPod, RunningContainer } from '../../../src/workloads/index.ts';
import { waitFor } from '../../support/processes.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const SIGNAL = new AbortController().signal;
const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = `r.example.com/app@${DIGEST}`;

const container = (name = 'app'): RunningContainer => ({
  name,
  kind: 'container',
  reference: 'r.example.com/app:v1',
  image: { kind: 'resolved', repository: 'r.example.com/app', digest: DIGEST },
});
const verdictOf = (verdict: VerdictType): ImageVerdict => ({
  verdict,
  verifiedAt: NOW,
  statement: 'acme/images',
  ...(verdict === 'Trusted' ? {} : { cause: { reason: 'NoSignature', message: `why ${verdict}` } }),
});
const judged = (verdict: VerdictType, name = 'app'): VerdictedContainer => ({
  container: container(name),
  verdict: verdictOf(verdict),
});

/** Pods by their key, each with the workload that it is of and the condition that it has. */
class World {
  readonly told: VerdictAlert[] = [];
  readonly pods = new Map<string, ProjectedPod>();
  readonly workloads = new Map<string, string>();
  isReady = true;
  alerts: WorkloadAlerts;

  constructor() {
    this.alerts = this.#lead();
  }

  /** Another replica, or another process: it knows what the cluster knows. */
  restart(): void {
    this.alerts.stop();
    this.alerts = this.#lead();
    for (const [key, pod] of this.pods) this.alerts.seen(key, pod);
  }

  run(name: string, workload: string): void {
    const key = `shop/${name}`;
    this.workloads.set(key, workload);
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: workload, uid: workload, controller: true },
    ];
    const metadata = {
      name,
      namespace: 'shop',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '',
      ownerReferences,
    };
    const pod = {
      metadata,
      phase: 'Running',
      readinessGate: false,
      pullSecrets: [],
      serviceAccount: 'default',
      containers: [],
    };
    this.pods.set(key, pod);
    this.alerts.seen(key, pod);
  }

  /** Writes the condition, as the pod's reconcile does, and tells of it. */
  async judge(name: string, ...containers: readonly VerdictedContainer[]): Promise<boolean> {
    const key = `shop/${name}`;
    const pod = this.pods.get(key);
    if (pod === undefined) throw new Error(`no pod ${name}`);
    const decision = podCondition(containers, { readinessGate: false }, NOW, pod.condition);
    if (decision.kind === 'set') this.pods.set(key, { ...pod, condition: decision.condition });
    return this.alerts.judged(key, pod, containers, ownerOf(this.workloads.get(key) ?? ''), SIGNAL);
  }

  end(name: string): void {
    this.pods.delete(`shop/${name}`);
    this.alerts.gone(`shop/${name}`);
  }

  /** `state workload before->verdict`, of what was told since the last time. */
  news(): readonly string[] {
    return this.told
      .splice(0)
      .map(({ state, workload, before = '', verdict = '' }) => `${state} ${workload.name} ${before}->${verdict}`);
  }

  #lead(): WorkloadAlerts {
    return new WorkloadAlerts({
      send: (alert) => this.told.push(alert),
      owners: { topOwner: async (references: readonly OwnerReference[] = []) => ownerOf(references[0]?.uid ?? '') },
      pods: this.pods,
      podsOf: (image) => (image === IMAGE ? [...this.pods.keys()] : []),
      isReady: () => this.isReady,
      goneAfterMs: 50,
    });
  }
}

function ownerOf(workload: string): Owner {
  return { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: workload, uid: workload };
}

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.alerts.stop());

describe('alerts on workloads', () => {
  it('tells that an image turned bad once per workload, and once that it ended', async () => {
    for (const name of ['a', 'b', 'c']) world.run(name, name === 'c' ? 'other' : 'web');
    for (const name of ['a', 'b', 'c']) await world.judge(name, judged('Trusted'));
    expect(world.news()).toEqual([]);
    world.alerts.verdictChanged(IMAGE, verdictOf('Revoked'), verdictOf('Trusted'));
    for (const name of ['a', 'b', 'c']) await world.judge(name, judged('Revoked'), judged('Revoked', 'sidecar'));
    expect(world.told[0]).toEqual({
      state: 'began',
      namespace: 'shop',
      workload: ownerOf('web'),
      image: 'r.example.com/app:v1',
      digest: DIGEST,
      verdict: 'Revoked',
      before: 'Trusted',
      statement: 'acme/images',
      cause: { reason: 'NoSignature', message: 'why Revoked' },
    });
    expect(world.news()).toEqual(['began web Trusted->Revoked', 'began other Trusted->Revoked']);
    for (const name of ['a', 'b', 'c', 'a']) await world.judge(name, judged('Trusted'));
    expect(world.news()).toEqual(['ended web Revoked->Trusted', 'ended other Revoked->Trusted']);
    await world.judge('a', judged('Revoked'));
    expect(world.news()).toEqual(['began web Trusted->Revoked']);
  });

  it('tells what gets worse, not what gets less bad and not what stays', async () => {
    world.run('a', 'web');
    for (const verdict of ['Unknown', 'Unknown', 'Expired', 'Revoked', 'Unknown', 'Revoked', 'Trusted'] as const)
      await world.judge('a', judged(verdict));
    expect(world.news()).toEqual([
      'began web ->Unknown',
      'worsened web Unknown->Expired',
      'worsened web Expired->Revoked',
      'ended web Revoked->Trusted',
    ]);
  });

  it('tells that the last pod is gone, after a while; not when another one came meanwhile', async () => {
    world.run('a', 'web');
    world.run('b', 'web');
    await world.judge('a', judged('Unsigned'));
    await world.judge('b', judged('Unsigned'));
    world.end('a');
    world.run('c', 'web');
    world.end('b');
    await world.judge('c', judged('Unsigned'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(world.news()).toEqual(['began web ->Unsigned']);
    world.end('c');
    expect(world.news()).toEqual([]);
    await waitFor('the end to be told', async () => world.told.length > 0 || undefined);
    expect(world.news()).toEqual(['ended web Unsigned->']);
  });

  it('tells no end while another pod runs the image still', async () => {
    for (const name of ['a', 'b']) world.run(name, 'web');
    for (const name of ['a', 'b']) await world.judge(name, judged('Unsigned'));
    world.end('a');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(world.news()).toEqual(['began web ->Unsigned']);
  });

  it('tells nothing twice after a restart of an image that has no digest', async () => {
    const image = { kind: 'unverifiable', reason: 'the runtime reports none' } as const;
    const unverifiable = { container: { ...container(), image }, verdict: verdictOf('Unknown') };
    world.run('a', 'web');
    await world.judge('a', unverifiable);
    expect(world.news()).toEqual(['began web ->Unknown']);
    world.restart();
    await world.judge('a', unverifiable);
    expect(world.news()).toEqual([]);
  });

  it('tells nothing twice after a restart: neither of pods that were told of, nor of new ones of the same workload', async () => {
    world.run('a', 'web');
    await world.judge('a', judged('Unsigned'));
    expect(world.news()).toEqual(['began web ->Unsigned']);
    world.restart();
    // Judged before the one that has the condition.
    world.run('new', 'web');
    world.run('new-other', 'other');
    await world.judge('new', judged('Unsigned'));
    await world.judge('a', judged('Unsigned'));
    expect(world.news()).toEqual([]);
    await world.judge('new-other', judged('Unsigned'));
    expect(world.news()).toEqual(['began other ->Unsigned']);
    await world.judge('a', judged('Trusted'));
    await world.judge('new', judged('Trusted'));
    expect(world.news()).toEqual(['ended web Unsigned->Trusted']);
    await world.judge('new', judged('Unsigned'));
    expect(world.news()).toEqual(['began web ->Unsigned']);
  });

  it('tells what changed while nobody led: it got worse, it ended, another container began', async () => {
    for (const name of ['worse', 'fine', 'fine-2', 'more']) {
      world.run(name, name.replace('-2', ''));
      await world.judge(name, judged('Unknown'));
    }
    world.news();
    world.restart();
    await world.judge('worse', judged('Revoked'));
    await Promise.all(['fine', 'fine-2'].map((name) => world.judge(name, judged('Trusted'))));
    const { image, ...rest } = container('second');
    const second = {
      ...rest,
      reference: 'r.example.com/second:v1',
      image: { ...image, repository: 'r.example.com/second' },
    };
    await world.judge('more', judged('Unknown'), {
      container: second as RunningContainer,
      verdict: verdictOf('Unsigned'),
    });
    expect(world.news()).toEqual([
      'worsened worse Unknown->Revoked',
      'ended fine Unknown->Trusted',
      'began more ->Unsigned',
    ]);
  });

  it('says nothing before all pods are seen, and asks to be told again', async () => {
    world.run('a', 'web');
    world.isReady = false;
    expect(await world.judge('a', judged('Unsigned'))).toBe(false);
    expect(world.news()).toEqual([]);
    world.isReady = true;
    expect(await world.judge('a', judged('Unsigned'))).toBe(true);
    expect(world.news()).toEqual(['began web ->Unsigned']);
  });

  it('believes no condition that a pod brings along later', async () => {
    world.run('a', 'web');
    await world.judge('a', judged('Unsigned'));
    const { condition } = world.pods.get('shop/a') ?? {};
    world.run('forged', 'other');
    const forged = world.pods.get('shop/forged');
    if (forged === undefined || condition === undefined) throw new Error('expected both pods');
    world.pods.set('shop/forged', { ...forged, condition });
    world.alerts.seen('shop/forged', { ...forged, condition });
    await world.judge('forged', judged('Unsigned'));
    expect(world.news()).toEqual(['began web ->Unsigned', 'began other ->Unsigned']);
  });
});
