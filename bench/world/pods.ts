import { createHash } from 'node:crypto';
import { PODS, type ResourceType } from '../../src/api/group.ts';
import type { KubernetesObject } from '../../src/api/object.ts';
import type { KubernetesClient } from '../../src/kubernetes/index.ts';
import { inParallel } from '../../test/support/in-parallel.ts';
import type { WorldImage } from './images.ts';

const AT_ONCE = 32;
const DEPLOYMENTS: ResourceType = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};
const REPLICA_SETS: ResourceType = { ...DEPLOYMENTS, kind: 'ReplicaSet', plural: 'replicasets' };

interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: true;
}

/** An object as it is created. */
export interface NewObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string } & Readonly<Record<string, unknown>>;
  readonly spec?: object;
}

/** Creates an image's Deployment and its ReplicaSet, with no replicas: nobody here acts on them. */
export async function createOwner(kubernetes: KubernetesClient, image: WorldImage): Promise<Owner> {
  const name = nameOf(image);
  const labels = { 'app.kubernetes.io/name': name };
  const spec = {
    replicas: 0,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: podSpec(image) },
  };
  const deployment = await kubernetes.create<KubernetesObject>(DEPLOYMENTS, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: image.namespace, labels },
    spec,
  } as NewObject);
  const replicaSet = `${name}-${hash(name, 9)}`;
  const created = await kubernetes.create<KubernetesObject>(REPLICA_SETS, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: replicaSet,
      namespace: image.namespace,
      labels,
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name, uid: deployment.metadata.uid, controller: true },
      ],
    },
    spec,
  } as NewObject);
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: replicaSet, uid: created.metadata.uid, controller: true };
}

/** Creates pods that run images, each with a status as a kubelet writes it. */
export async function createPods(
  kubernetes: KubernetesClient,
  pods: Iterable<{ readonly image: WorldImage; readonly number: number; readonly owner?: Owner }>,
): Promise<void> {
  await inParallel(pods, AT_ONCE, async ({ image, number, owner }) => {
    await createPod(kubernetes, image, number, owner === undefined ? {} : { owner });
  });
}

/**
 * Creates one pod.
 * @param spec more fields of its spec
 * @returns its key, `namespace/name`
 */
export async function createPod(
  kubernetes: KubernetesClient,
  image: WorldImage,
  number: number,
  { owner, spec = {} }: { readonly owner?: Owner; readonly spec?: object } = {},
): Promise<string> {
  const pod = podOf(image, number, owner);
  await kubernetes.create(PODS, { ...pod, spec: { ...pod.spec, ...spec } } as NewObject);
  const key = `${image.namespace}/${pod.metadata.name}`;
  await kubernetes.patch(PODS, key, {
    subresource: 'status',
    contentType: 'application/strategic-merge-patch+json',
    body: { status: podStatus(image, number) },
  });
  return key;
}

/** A pod without its status. */
function podOf(image: WorldImage, number: number, owner: Owner | undefined): NewObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${owner?.name ?? nameOf(image)}-${hash(String(number), 5)}`,
      namespace: image.namespace,
      labels: { 'app.kubernetes.io/name': nameOf(image), 'pod-template-hash': hash(nameOf(image), 9), tier: 'web' },
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9090' },
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: { ...podSpec(image), nodeName: `node-${number % 100}` },
  };
}

/** What every pod of a world is made by: another pattern is another world. */
export function podPattern(image: WorldImage): string {
  return JSON.stringify([podOf(image, 1, undefined), podStatus(image, 1)]);
}

function nameOf({ number }: WorldImage): string {
  return `app-${String(number).padStart(5, '0')}`;
}

function hash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

/** As long as a real one: environment, probes, volumes, tolerations. */
function podSpec(image: WorldImage): object {
  const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 10, timeoutSeconds: 1 };
  return {
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'app',
        image: `${image.repository}:v1`,
        args: ['serve', '--listen=:8080', '--log-format=json'],
        env: Array.from({ length: 12 }, (_, i) => ({ name: `SETTING_${i}`, value: `value-${i}-of-${nameOf(image)}` })),
        ports: [{ name: 'http', containerPort: 8080 }],
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
        livenessProbe: probe,
        readinessProbe: probe,
        securityContext: { runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
        volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
      },
    ],
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  };
}

function podStatus(image: WorldImage, number: number): object {
  const at = '2026-01-01T00:00:00Z';
  const ip = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
  return {
    phase: 'Running',
    hostIP: '192.0.2.1',
    podIP: ip,
    podIPs: [{ ip }],
    startTime: at,
    qosClass: 'Burstable',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
      (type) => ({
        type,
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: at,
      }),
    ),
    containerStatuses: [
      {
        name: 'app',
        image: `${image.repository}:v1`,
        imageID: `${image.repository}@${image.subject.digest}`,
        containerID: `containerd://${hash(`container ${number}`, 64)}`,
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: at } },
      },
    ],
  };
}
