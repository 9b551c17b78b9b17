import { KubeConfig } from '@kubernetes/client-node';
import pino from 'pino';
import { PODS } from '../../src/api/group.ts';
import type { KubernetesObject } from '../../src/api/object.ts';
import { KubernetesClient, Reflector, WorkQueue } from '../../src/kubernetes/index.ts';
import { anonymous, OciError, parseReference, RegistryClient, repositoryName } from '../../src/oci/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';

interface Container {
  readonly name: string;
  readonly image: string;
}

interface Pod extends KubernetesObject {
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly readinessGates?: readonly { readonly conditionType: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

type ContainerStatus = Readonly<Record<string, unknown>>;

/** A client for the demo's own registry, which is on this machine and speaks plain HTTP. */
export function localRegistryClient(): RegistryClient {
  return new RegistryClient({
    dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'], proxy: { http: '', https: '', none: '' } }),
    credentials: anonymous,
    plainHTTPHosts: (host) => host.startsWith('127.0.0.1:'),
    userAgent: 'sealwatch-demo',
    maxAttempts: 1,
    timeoutMs: 10_000,
  });
}

/**
 * Stands in for the kubelet, of which there is none: says of every pod that it runs, by the digests that the registry
 * gives for its images, and that it is ready; or that an image cannot be pulled, as a kubelet would.
 */
export function startKubelet(
  kubeconfigPath: string,
  registry: { readonly name: string; readonly host: string },
): { readonly stop: () => Promise<void> } {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfigPath);
  const client = new KubernetesClient(kubeConfig, { userAgent: 'sealwatch-demo-kubelet' });
  const images = localRegistryClient();
  const stopping = new AbortController();

  const pull = async ({ image }: Container, signal: AbortSignal): Promise<string> => {
    const reference = parseReference(image);
    if (reference.registry !== registry.name) {
      throw new OciError('Unreachable', `the demo has images of ${registry.name} only; push yours to ${registry.host}`);
    }
    const { digest } = await images.resolve({ ...reference, registry: registry.host }, signal);
    return `${repositoryName(reference)}@${digest}`;
  };
  const statusOf = async (container: Container, isInit: boolean, signal: AbortSignal): Promise<ContainerStatus> => {
    const base = { name: container.name, image: container.image, restartCount: 0 };
    try {
      const imageID = await pull(container, signal);
      const now = `${new Date().toISOString().slice(0, 19)}Z`;
      const ended = { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now };
      const state = isInit ? { terminated: ended } : { running: { startedAt: now } };
      return { ...base, imageID, ready: true, started: !isInit, state };
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      const waiting = { reason: 'ErrImagePull', message: error.message };
      return { ...base, imageID: '', ready: false, started: false, state: { waiting } };
    }
  };
  const run = async (key: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> => {
    const pod = reflector.store.get(key);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return {};
    const isTrue = (type: string): boolean =>
      pod.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
    const gatesOpen = (pod.spec.readinessGates ?? []).every(({ conditionType }) => isTrue(conditionType));
    if (pod.status?.phase === 'Running' && isTrue('Ready') === gatesOpen) return {};
    const containerStatuses = await Promise.all(pod.spec.containers.map((each) => statusOf(each, false, signal)));
    const initContainerStatuses = await Promise.all(
      (pod.spec.initContainers ?? []).map((each) => statusOf(each, true, signal)),
    );
    const pulled = [...containerStatuses, ...initContainerStatuses].every(({ ready }) => ready === true);
    const status = {
      phase: pulled ? 'Running' : 'Pending',
      conditions: [
        { type: 'Initialized', status: pulled ? 'True' : 'False' },
        { type: 'ContainersReady', status: pulled ? 'True' : 'False' },
        { type: 'Ready', status: pulled && gatesOpen ? 'True' : 'False' },
      ],
      containerStatuses,
      ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    };
    await client.patch(
      PODS,
      key,
      { subresource: 'status', contentType: 'application/strategic-merge-patch+json', body: { status } },
      { signal },
    );
    return pulled ? {} : { requeueAfterMs: 10_000 };
  };

  const queue = new WorkQueue({ concurrency: 4, baseDelayMs: 200, maxDelayMs: 5_000, reconcile: run });
  const reflector = new Reflector<Pod>({
    client,
    type: PODS,
    project: (raw) => raw as Pod,
    onChange: (key) => queue.add(key),
    logger: pino({ level: 'silent' }),
  });
  const watching = reflector.start(stopping.signal);
  queue.start();
  return {
    stop: async () => {
      stopping.abort(new Error('the demo stops'));
      await queue.stop();
      await watching;
      await client.close();
    },
  };
}
