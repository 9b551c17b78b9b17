import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../src/api/object.ts';
import { apiStatus } from '../support/api-faults.ts';
import { type ApiWorld, startApiWorld } from '../support/api-world.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { OperatorAccount } from '../support/operator-account.ts';
import { waitFor } from '../support/processes.ts';
import { recovered } from '../support/recovered.ts';

const OWN = ['truststores', 'trustpolicies', 'imagesignaturerequests'];

let plane: ControlPlane;
let account: OperatorAccount;
let world: ApiWorld;
beforeAll(async () => {
  plane = await startControlPlane();
  account = await OperatorAccount.install(plane);
  // Without its CustomResourceDefinitions.
  world = await startApiWorld(plane, 'cluster', { token: await account.createToken('first'), isBegun: false });
});
afterAll(async () => {
  await world?.stop();
  await plane?.stop();
});

describe('a cluster that changes under the operator', () => {
  it('15: a CRD that is not installed yet is waited for, as the operator says, and begun with when it comes', async (context) => {
    for (const resource of OWN) await world.waitForPhase(resource, 'Waiting');
    await world.waitForPhase('pods', 'Watching');
    const [said] = world.logged('trustpolicies', 'does not serve trustpolicies.sealwatch.dev v1alpha1');
    expect(JSON.stringify(said)).toContain('install its CustomResourceDefinition; it starts by itself then');
    await plane.installCrds();
    const since = performance.now();
    for (const resource of OWN) await world.waitForPhase(resource, 'Watching');
    recovered(context, since);
    await world.begin();
    expect(world.wrongWords()).toEqual([]);
  });

  it('13: a right that is taken makes that watch Degraded, as the operator says; the others go on, and it is well by itself when the right is back', async (context) => {
    const role = await plane.get<ClusterRole>('clusterrole', 'sealwatch');
    const rules = role.rules.filter(
      ({ resources, verbs }) => !(resources?.includes('pods') && verbs.includes('watch')),
    );
    expect(rules).toHaveLength(role.rules.length - 1);
    await plane.ok(['patch', 'clusterrole', 'sealwatch', '--type=merge', '-p', JSON.stringify({ rules })]);
    await waitFor('the watch of pods to be refused', async () => {
      // The API server looks at rights when a watch begins.
      world.proxy.watches('pods')[0]?.end();
      return (await world.scenario.operator.metric('sealwatch_watch_state{resource="pods",phase="Degraded"}')) === 1;
    });
    await world.waitForPhase('pods', 'Degraded');
    expect(JSON.stringify(world.logged('pods', '403 Forbidden'))).toContain('cannot watch resource');
    expect((await world.scenario.operator.fetch('/readyz')).status).toBe(200);
    for (const resource of [...OWN, 'namespaces']) await world.waitForPhase(resource, 'Watching');
    // What is known of pods stays, and what is watched beside is acted upon.
    await world.scenario.request('beside', { images: [`${world.scenario.registry.host}/team/app:trusted`] });
    await world.scenario.waitForRequest('beside', 'Verified', 'True');
    expect(await world.running('Trusted')).toBe(1);
    await world.run('without-right', 'Unsigned');
    const since = performance.now();
    await plane.ok(['patch', 'clusterrole', 'sealwatch', '--type=merge', '-p', JSON.stringify({ rules: role.rules })]);
    await world.flagged('without-right', 60_000);
    await world.waitForPhase('pods', 'Watching');
    recovered(context, since);
    expect(world.wrongWords()).toEqual([]);
  });

  it('13: policies that cannot be read at the start take no flag back: nothing is told until they are known', async () => {
    const forbidden = world.proxy.inject({ verb: 'list', resource: 'trustpolicies' }, apiStatus(403));
    await world.scenario.restartOperator();
    await world.waitForPhase('trustpolicies', 'Degraded');
    // Longer than the operator waits for what else it cannot read.
    const spent = (): number => (forbidden.met.at(-1)?.at ?? 0) - (forbidden.met[0]?.at ?? 0);
    await waitFor('attempts over 12 s', () => spent() > 12_000, 60_000);
    expect(await world.scenario.podCondition('unsigned')).toMatchObject({ status: 'False', reason: 'Unsigned' });
    expect(await world.running('Uncovered')).toBe(0);
    expect(world.logged('trustpolicies', 'nothing is verified until trustpolicies can be listed')).toHaveLength(1);
    forbidden.remove();
    await world.waitForRunning('Trusted', 1, 60_000);
    expect(world.wrongWords()).toEqual([]);
  });

  it('16: a token that is rotated is used without a restart, by every request', async (context) => {
    const token = await account.createToken('second');
    const [old, pid] = [await readFile(world.proxy.tokenPath, 'utf8'), world.scenario.operator.process.pid];
    await writeFile(world.proxy.tokenPath, token);
    await account.endToken('first');
    const since = performance.now();
    world.proxy.requests.length = 0;
    await waitFor('the API server to forget the old token', async () => {
      world.proxy.relay.resetStanding();
      await waitFor('the watches', () => world.proxy.watches('pods').length === 1);
      return world.proxy.requests.some((request) => request.token === token);
    });
    await world.run('rotated', 'Unsigned');
    await world.flagged('rotated');
    recovered(context, since);
    const writes = world.proxy.seen('patch', 'pods/status').filter(({ name }) => name === 'rotated');
    expect(writes.at(-1)).toMatchObject({ token, status: 200 });
    expect(old).not.toBe(token);
    expect(world.scenario.operator.process.pid).toBe(pid);
    expect(world.wrongWords()).toEqual([]);
  });

  it("16: a cluster's CA that is rotated is believed once it is in its file, and not before, without a restart", async (context) => {
    const version = await world.settled();
    const ca = await world.proxy.replaceAuthority();
    await world.waitForPhase('pods', 'Degraded');
    world.proxy.requests.length = 0;
    await world.run('other-ca', 'Unsigned');
    // Not one request to a server that shows a certificate of a CA nobody told of.
    expect(world.proxy.requests).toEqual([]);
    await writeFile(world.proxy.caPath, ca);
    const since = performance.now();
    await world.flagged('other-ca', 60_000);
    await world.waitForPhase('pods', 'Watching');
    recovered(context, since);
    expect(world.proxy.seen('watch', 'pods')[0]?.query.get('resourceVersion')).toBe(version);
    expect(world.proxy.seen('list', 'pods')).toEqual([]);
    expect(world.wrongWords()).toEqual([]);
  });

  it('14: an etcd that is restored to an older state has everything listed anew: what came after it is gone', async (context) => {
    await world.settled();
    const restore = await plane.saveState();
    await world.run('after-backup', 'Unsigned');
    await world.flagged('after-backup', 60_000);
    await world.remove('other-ca');
    await waitFor('the deletion to be seen', async () => !(await world.flaggedNames()).has('other-ca'));
    const unsigned = await world.running('Unsigned');
    // Versions that the restored state does not reach for a long while.
    for (let change = 1; change <= 50; change += 1) await world.touch('trusted', String(change));
    const before = await world.settled();
    world.proxy.requests.length = 0;
    await restore();
    const since = performance.now();
    await waitFor(
      'the pods to be listed anew',
      () => world.proxy.seen('list', 'pods').some(({ status }) => status === 200),
      90_000,
    );
    await waitFor(
      'what was deleted since to run again',
      async () => (await world.flaggedNames()).has('other-ca'),
      60_000,
    );
    await waitFor('what was made since to be gone', async () => !(await world.flaggedNames()).has('after-backup'));
    await world.waitForPhase('pods', 'Watching');
    recovered(context, since);
    const [watch] = world.proxy.watches('pods');
    expect(Number(watch?.request.query.get('resourceVersion'))).toBeLessThan(Number(before));
    expect(world.logged('pods', 'the API server has an older state than was seen before')).not.toEqual([]);
    expect(await world.running('Unsigned')).toBe(unsigned);
    await world.run('after-restore', 'Unsigned');
    await world.flagged('after-restore', 60_000);
    expect(world.wrongWords()).toEqual([]);
  });
});

interface ClusterRole extends KubernetesObject {
  readonly rules: readonly { readonly resources?: readonly string[]; readonly verbs: readonly string[] }[];
}
