import { KubeConfig } from '@kubernetes/client-node';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PODS, type ResourceType } from '../../src/api/group.ts';
import type { KubernetesObject } from '../../src/api/object.ts';
import {
  EventRecorder,
  KubernetesClient,
  OwnerResolver,
  Reflector,
  type RequestEvent,
  StatusWriter,
} from '../../src/kubernetes/index.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';

const CONFIG_MAPS: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};
const WIDGETS: ResourceType = {
  group: 'test.sealwatch.dev',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};
const WITHIN = { timeout: 15_000, interval: 100 };

describe('against a real kube-apiserver', () => {
  let plane: ControlPlane;
  let client: KubernetesClient;
  let stop: AbortController;
  const running: Promise<unknown>[] = [];
  const requests: RequestEvent[] = [];
  const logger = pino({ level: 'silent' });

  beforeAll(async () => {
    plane = await startControlPlane({ controllerManager: true });
  }, 1_800_000);

  afterAll(() => plane?.stop());

  beforeEach(() => {
    stop = new AbortController();
    requests.length = 0;
    client = clientOf(plane.kubeconfigPath);
  });

  afterEach(async () => {
    stop.abort();
    await Promise.all(running.splice(0));
    await client.close();
  });

  function clientOf(kubeconfigPath: string): KubernetesClient {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(kubeconfigPath);
    return new KubernetesClient(kubeConfig, {
      userAgent: 'sealwatch/test',
      onRequest: (event) => requests.push(event),
    });
  }

  function reflect(
    by: KubernetesClient,
    type: ResourceType,
    namespace: string,
  ): [Reflector<KubernetesObject>, string[]] {
    const changes: string[] = [];
    const reflector = new Reflector({
      client: by,
      type,
      namespace,
      project: ({ metadata }) => ({ metadata }),
      onChange: (key, old, now) => {
        changes.push(`${key} ${old === undefined ? 'added' : now === undefined ? 'deleted' : 'modified'}`);
      },
      logger,
      pageSize: 3,
      timing: { notServedDelayMs: 500, watchMs: 1_000 },
    });
    running.push(reflector.start(stop.signal));
    return [reflector, changes];
  }

  const configMap = (namespace: string, name: string) => ({ metadata: { namespace, name }, data: { key: '1' } });

  it('lists by pages, then sees what is added, changed and deleted, over HTTP/2', async () => {
    await plane.ok(['create', 'namespace', 'reflect']);
    for (let index = 0; index < 7; index += 1) {
      await client.create(CONFIG_MAPS, configMap('reflect', `cm-${index}`));
    }
    const [reflector, changes] = reflect(client, CONFIG_MAPS, 'reflect');
    await reflector.synced;
    expect([...reflector.store.keys()]).toContain('reflect/cm-6');
    expect(requests.filter(({ operation }) => operation === 'list').length).toBeGreaterThanOrEqual(3);

    await client.create(CONFIG_MAPS, configMap('reflect', 'new'));
    const body = { data: { key: '2' } };
    await client.patch(CONFIG_MAPS, 'reflect/new', { contentType: 'application/merge-patch+json', body });
    await client.delete(CONFIG_MAPS, 'reflect/new');
    const seen = () => changes.filter((change) => change.startsWith('reflect/new '));
    await vi.waitFor(() => expect(seen()).toHaveLength(3), WITHIN);
    expect(seen()).toEqual(['reflect/new added', 'reflect/new modified', 'reflect/new deleted']);

    const { resourceVersion } = (await client.list(CONFIG_MAPS, { limit: 1 })).metadata;
    const stream = await client.watch(CONFIG_MAPS, { resourceVersion, timeoutSeconds: 5 }, stop.signal);
    expect(stream.liveness).toBe('ping');
    stream.close();
  });

  it('reopens watches that the API server ends, without a list, and misses nothing', async () => {
    await plane.ok(['create', 'namespace', 'reopen']);
    const [reflector, changes] = reflect(client, CONFIG_MAPS, 'reopen');
    await reflector.synced;
    for (let index = 0; index < 12; index += 1) {
      await client.create(CONFIG_MAPS, configMap('reopen', `cm-${index}`));
      await vi.waitFor(() => expect(changes).toContain(`reopen/cm-${index} added`), WITHIN);
      if (index % 4 === 3) {
        const { watches } = reflector.stats;
        await vi.waitFor(() => expect(reflector.stats.watches).toBeGreaterThan(watches), WITHIN);
      }
    }
    expect(reflector.stats).toMatchObject({ lists: 1, garbageLines: 0 });
    expect(reflector.state.phase).toBe('Watching');
  }, 60_000);

  it('tells a version that the API server has not reached (faults.md 14)', async () => {
    const ahead = { limit: 1, resourceVersion: '999999999', resourceVersionMatch: 'NotOlderThan' } as const;
    await expect(client.list(CONFIG_MAPS, ahead)).rejects.toMatchObject({
      status: 504,
      causes: ['ResourceVersionTooLarge'],
    });
  });

  it('is Degraded while RBAC refuses, and recovers by itself (faults.md 13)', async () => {
    const manifests = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'rbac' } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace: 'rbac' } },
    ];
    await plane.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
    const reader = clientOf(await plane.kubeconfigFor(await plane.tokenFor('rbac', 'reader')));
    const [reflector] = reflect(reader, CONFIG_MAPS, 'rbac');
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Degraded'), WITHIN);
    expect(reflector.state.message).toContain('cannot list resource "configmaps"');

    await plane.ok(['create', 'role', 'reader', '-n', 'rbac', '--verb=list,watch', '--resource=configmaps']);
    await plane.ok(['create', 'rolebinding', 'reader', '-n', 'rbac', '--role=reader', '--serviceaccount=rbac:reader']);
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Watching'), WITHIN);
    await plane.ok(['delete', 'rolebinding', 'reader', '-n', 'rbac']);
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Degraded'), WITHIN);
    stop.abort();
    await reader.close();
  }, 60_000);

  it('waits for a CRD and starts when it comes (faults.md 15)', async () => {
    await plane.ok(['create', 'namespace', 'crd']);
    const [reflector, changes] = reflect(client, WIDGETS, 'crd');
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Waiting'), WITHIN);
    expect(reflector.state.message).toContain('does not serve widgets.test.sealwatch.dev v1');
    await plane.apply(JSON.stringify(widgetCrd()));
    await vi.waitFor(() => expect(reflector.state.phase).toBe('Watching'), WITHIN);
    await client.create(WIDGETS, widget('crd', 'w'));
    await vi.waitFor(() => expect(changes).toEqual(['crd/w added']), WITHIN);
  }, 60_000);

  it('writes a status only when it differs, also from a stale object (faults.md 12)', async () => {
    await plane.ok(['create', 'namespace', 'status']);
    await plane.apply(JSON.stringify(widgetCrd()));
    await plane.ok(['wait', '--for=condition=Established', 'crd/widgets.test.sealwatch.dev']);
    const created = await client.create<KubernetesObject>(WIDGETS, widget('status', 'w'));
    const writer = new StatusWriter(client);
    const status = { phase: 'Good', old: 'x', conditions: [{ type: 'Ready', message: 'm'.repeat(3_000) }] };
    expect(await writer.write(WIDGETS, created, status)).toBe(true);
    const written = await client.get<KubernetesObject & { status: { conditions: { message: string }[] } }>(
      WIDGETS,
      'status/w',
    );
    expect(written.status.conditions[0]?.message).toHaveLength(1024);
    expect(await writer.write(WIDGETS, written, status)).toBe(false);
    expect(await writer.write(WIDGETS, created, status)).toBe(false);
    expect((await client.get(WIDGETS, 'status/w')).metadata.resourceVersion).toBe(written.metadata.resourceVersion);

    // The first version is stale: a conflict, and then written all the same; the key that went is gone.
    expect(await writer.write(WIDGETS, created, { phase: 'Better' })).toBe(true);
    expect(await client.get(WIDGETS, 'status/w')).toMatchObject({ status: { phase: 'Better' } });
    expect(await client.get(WIDGETS, 'status/w')).not.toHaveProperty('status.old');
  }, 60_000);

  it('records events that kubectl shows, and their series', async () => {
    await plane.ok(['create', 'namespace', 'events']);
    const { metadata } = await client.create<KubernetesObject>(CONFIG_MAPS, configMap('events', 'cm'));
    const recorder = new EventRecorder({ client, logger, instance: 'sealwatch-0' });
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'events', name: 'cm', uid: metadata.uid };
    const event = { regarding, type: 'Warning', reason: 'SignatureRevoked', action: 'Verify' } as const;
    recorder.record({ ...event, note: 'é'.repeat(2_000) });
    await vi.waitFor(async () => expect(await plane.ok(['get', 'events', '-n', 'events'])).toMatch(/Revoked/), WITHIN);
    recorder.record({ ...event, note: 'é'.repeat(2_000) });
    recorder.record({ ...event, regarding: { ...regarding, kind: 'Node', namespace: '' }, note: 'n' });
    const { namespace: _, ...policy } = { ...regarding, kind: 'TrustPolicy', name: 'acme' };
    recorder.record({ ...event, regarding: policy, note: 'of the cluster' });
    await recorder.flush();
    const { items } = await plane.get<{ items: { note: string }[] }>('events.v1.events.k8s.io', '-n', 'events');
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ series: { count: 2 }, type: 'Warning', reason: 'SignatureRevoked' });
    expect(Buffer.byteLength(items[0]?.note ?? '')).toBeLessThanOrEqual(1024);
    expect(await plane.ok(['get', 'events', '-n', 'default'])).toMatch(/SignatureRevoked.*acme.*of the cluster/);
    expect(recorder.dropped).toBe(1);
  }, 60_000);

  it('finds the Deployment at the top of a pod that the controllers made', async () => {
    await plane.ok(['create', 'namespace', 'owners']);
    await plane.ok(['create', 'deployment', 'web', '-n', 'owners', '--image=registry.example/web:1']);
    const pods = await vi.waitFor(async () => {
      const { items } = await client.list<KubernetesObject>(PODS, { namespace: 'owners' });
      expect(items).toHaveLength(1);
      return items;
    }, WITHIN);
    const deployment = await plane.get<KubernetesObject>('deployment', 'web', '-n', 'owners');
    const resolver = new OwnerResolver(client);
    expect(await resolver.topOwner(pods[0]?.metadata.ownerReferences, 'owners', stop.signal)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      namespace: 'owners',
      name: 'web',
      uid: deployment.metadata.uid,
    });
  }, 60_000);
});

function widget(namespace: string, name: string) {
  return { apiVersion: 'test.sealwatch.dev/v1', kind: 'Widget', metadata: { namespace, name } };
}

function widgetCrd(): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.test.sealwatch.dev' },
    spec: {
      group: 'test.sealwatch.dev',
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
}
