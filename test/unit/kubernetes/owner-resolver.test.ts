import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OwnerReference } from '../../../src/api/object.ts';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { OwnerResolver } from '../../../src/kubernetes/owner-resolver.ts';
import { json, refuse, WireServer } from './wire-server.ts';

const owned = (kind: string, name: string, apiVersion = 'apps/v1', uid = `uid-${name}`): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
});

describe('OwnerResolver', () => {
  let server: WireServer;
  let client: KubernetesClient;
  let resolver: OwnerResolver;
  let now: number;
  /** Objects by path: their uid and owners; a number is the status of a refusal. */
  const objects = new Map<string, number | { uid: string; owners: readonly OwnerReference[] }>();
  const apis = new Map<string, object>();

  beforeEach(async () => {
    server = await WireServer.start();
    client = new KubernetesClient(server.kubeConfig(), { userAgent: 'sealwatch/test' });
    now = 0;
    resolver = new OwnerResolver(client, () => now);
    objects.clear();
    apis.clear();
    server.answer = (response, request) => {
      const api = apis.get(request.path);
      const object = objects.get(request.path);
      const answer =
        api !== undefined
          ? json(200, api)
          : object === undefined
            ? refuse(404, 'NotFound')
            : typeof object === 'number'
              ? refuse(object, 'Refused')
              : json(200, { metadata: { name: 'x', uid: object.uid, ownerReferences: object.owners } });
      answer(response, request);
    };
  });

  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  const RS = '/apis/apps/v1/namespaces/team/replicasets/web-5';
  const DEPLOYMENT = '/apis/apps/v1/namespaces/team/deployments/web';
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'team', name: 'web', uid: 'uid-web' };

  function deployed(): readonly OwnerReference[] {
    objects.set(RS, { uid: 'uid-web-5', owners: [owned('Deployment', 'web')] });
    objects.set(DEPLOYMENT, { uid: 'uid-web', owners: [] });
    return [owned('ReplicaSet', 'web-5')];
  }

  it('climbs from the pod to the Deployment, by metadata alone', async () => {
    expect(await resolver.topOwner(deployed(), 'team')).toEqual(deployment);
    expect(server.requests.map(({ path }) => path)).toEqual([RS, DEPLOYMENT]);
    expect(server.requests[0]?.headers.accept).toContain('as=PartialObjectMetadata');
  });

  it('reads each owner once in 10 minutes, for however many pods', async () => {
    const references = deployed();
    await Promise.all([1, 2, 3].map(() => resolver.topOwner(references, 'team')));
    expect(server.requests).toHaveLength(2);
    now = 600_001;
    await resolver.topOwner(references, 'team');
    expect(server.requests).toHaveLength(4);
  });

  it('has no owner without a controller', async () => {
    expect(await resolver.topOwner(undefined, 'team')).toBeUndefined();
    expect(await resolver.topOwner([{ ...owned('ReplicaSet', 'web-5'), controller: false }], 'team')).toBeUndefined();
    expect(server.requests).toEqual([]);
  });

  it.each([403, 404])('stops at an owner that answers %i', async (status) => {
    const references = deployed();
    objects.set(RS, status);
    expect(await resolver.topOwner(references, 'team')).toMatchObject({ kind: 'ReplicaSet', name: 'web-5' });
  });

  it('does not climb through another object of the same name', async () => {
    const references = deployed();
    objects.set(RS, { uid: 'another', owners: [owned('Deployment', 'web')] });
    expect(await resolver.topOwner(references, 'team')).toMatchObject({ kind: 'ReplicaSet', uid: 'uid-web-5' });
  });

  it('throws a fault that passes, and does not remember it', async () => {
    const references = deployed();
    objects.set(DEPLOYMENT, 503);
    await expect(resolver.topOwner(references, 'team')).rejects.toMatchObject({ status: 503 });
    objects.set(DEPLOYMENT, { uid: 'uid-web', owners: [] });
    expect(await resolver.topOwner(references, 'team')).toEqual(deployment);
  });

  it('ends in a loop of owners', async () => {
    objects.set(RS, { uid: 'uid-web-5', owners: [owned('ReplicaSet', 'web-5')] });
    expect(await resolver.topOwner([owned('ReplicaSet', 'web-5')], 'team')).toMatchObject({ name: 'web-5' });
  });

  it('finds the resource of an unknown kind by discovery, once', async () => {
    apis.set('/apis/argoproj.io/v1alpha1', {
      resources: [
        { name: 'rollouts/status', kind: 'Rollout', namespaced: true },
        { name: 'rollouts', kind: 'Rollout', namespaced: true },
        { name: 'fleets', kind: 'Fleet', namespaced: false },
      ],
    });
    objects.set('/apis/argoproj.io/v1alpha1/namespaces/team/rollouts/r', {
      uid: 'uid-r',
      owners: [owned('Fleet', 'f', 'argoproj.io/v1alpha1')],
    });
    objects.set('/apis/argoproj.io/v1alpha1/fleets/f', { uid: 'uid-f', owners: [] });
    const top = await resolver.topOwner([owned('Rollout', 'r', 'argoproj.io/v1alpha1')], 'team');
    expect(top).toEqual({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Fleet', name: 'f', uid: 'uid-f' });
    expect(server.requests.filter(({ path }) => path === '/apis/argoproj.io/v1alpha1')).toHaveLength(1);
  });

  it('stops at a kind that the API server does not serve', async () => {
    const top = await resolver.topOwner([owned('Ghost', 'g', 'gone.example/v1')], 'team');
    expect(top).toMatchObject({ kind: 'Ghost', name: 'g' });
  });
});
