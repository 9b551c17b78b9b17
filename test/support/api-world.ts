import { KubeConfig } from '@kubernetes/client-node';
import type { Condition } from '../../src/api/conditions.ts';
import { PODS } from '../../src/api/group.ts';
import type { KubernetesObject } from '../../src/api/object.ts';
import { KubernetesClient } from '../../src/kubernetes/index.ts';
import { isOlderVersion } from '../../src/kubernetes/resource-version.ts';
import { type ApiProxy, type ApiProxyOptions, startApiProxy, tokenIn } from './api-proxy.ts';
import type { ControlPlaneClient } from './control-plane-client.ts';
import { type PushedImage, pushImage } from './images.ts';
import { waitFor } from './processes.ts';
import { type Scenario, startScenario } from './scenario.ts';
import { localClient, signImage } from './signed-images.ts';

const REPOSITORY = 'team/app';

type Verdict = 'Trusted' | 'Unsigned';

/**
 * The real operator behind a proxy before a real API server, one image that is trusted and one that is unsigned, and
 * pods of either. It knows what each pod is worth, and so which word on one would be wrong.
 */
export class ApiWorld {
  readonly proxy: ApiProxy;
  readonly scenario: Scenario;
  /** Reaches the API server past the proxy, without the second that each kubectl takes. */
  readonly direct: KubernetesClient;
  readonly #images: Readonly<Record<Verdict, PushedImage>>;
  /** By the name of a pod: everything that it ran. */
  readonly #worth = new Map<string, Set<Verdict>>();

  constructor(proxy: ApiProxy, scenario: Scenario, images: Readonly<Record<Verdict, PushedImage>>) {
    this.proxy = proxy;
    this.scenario = scenario;
    this.#images = images;
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(scenario.plane.kubeconfigPath);
    this.direct = new KubernetesClient(kubeConfig, { userAgent: 'sealwatch-test' });
  }

  /** Another operator process with the same settings, which no fault before has slowed down. */
  async restart(): Promise<void> {
    await this.scenario.restartOperator();
    await waitFor('the trusted pod to be known', async () => (await this.running('Trusted')) > 0);
  }

  /** Changes an annotation of a pod, past the proxy. */
  async touch(name: string, value: string): Promise<void> {
    const body = { metadata: { annotations: { 'test/touched': value } } };
    const patch = { contentType: 'application/merge-patch+json', body } as const;
    await this.direct.patch(PODS, `${this.scenario.id}/${name}`, patch);
  }

  /** Tells whom to trust, and runs the pods `trusted` and `unsigned` until both are told. */
  async begin(): Promise<void> {
    await this.scenario.trust({ repositories: [REPOSITORY] });
    await this.run('trusted', 'Trusted');
    await this.run('unsigned', 'Unsigned');
    await this.flagged('unsigned', 60_000);
    await this.waitForRunning('Trusted', 1);
  }

  /** Runs a pod, past the proxy. */
  async run(name: string, verdict: Verdict): Promise<void> {
    this.#worth.set(name, (this.#worth.get(name) ?? new Set()).add(verdict));
    const { reference, repository, digest } = this.#images[verdict];
    await this.scenario.runPod(name, { app: { image: reference, imageID: `${repository}@${digest}` } });
  }

  /** Deletes a pod at once, past the proxy. */
  async remove(name: string): Promise<void> {
    await this.scenario.plane.ok(['delete', 'pod', name, '-n', this.scenario.id, '--grace-period=0', '--force']);
  }

  /** Waits until a pod of the unsigned image says so. */
  flagged(name: string, timeoutMs?: number): Promise<Condition> {
    return this.scenario.waitForPod(name, 'False', 'Unsigned', timeoutMs);
  }

  /** How many containers run by a verdict, as the operator's metrics have it. */
  async running(verdict: string): Promise<number> {
    const series = `sealwatch_running_containers{namespace="${this.scenario.id}",verdict="${verdict}"}`;
    return (await this.scenario.operator.metric(series)) ?? 0;
  }

  /** The pods that the operator's metrics say are flagged. */
  async flaggedNames(): Promise<ReadonlySet<string>> {
    const { text } = await this.scenario.operator.fetch('/metrics');
    return new Set(
      [...text.matchAll(/^sealwatch_flagged_container_info\{.*?\bpod="([^"]+)"/gm)].map(([, name = '']) => name),
    );
  }

  waitForRunning(verdict: string, count: number, timeoutMs?: number): Promise<true> {
    return waitFor(
      `${count} containers to be ${verdict}`,
      async () => (await this.running(verdict)) === count || undefined,
      timeoutMs,
    );
  }

  /** Waits until the operator says of a watch that it is in a phase, by metric and by readiness alike. */
  waitForPhase(resource: string, phase: string, timeoutMs?: number): Promise<true> {
    const series = `sealwatch_watch_state{resource="${resource}",phase="${phase}"}`;
    return waitFor(
      `the watch of ${resource} to be ${phase}`,
      async () => {
        const { text } = await this.scenario.operator.fetch('/readyz');
        const isSaid = text.split('\n').includes(`${resource}: ${phase}`);
        return isSaid && (await this.scenario.operator.metric(series)) === 1 ? true : undefined;
      },
      timeoutMs,
    );
  }

  /** The lines of the operator's log about the watch of a resource that hold a text. */
  logged(resource: string, text: string): readonly Readonly<Record<string, unknown>>[] {
    return this.scenario.operator
      .logs()
      .filter((line) => line['resource'] === resource && JSON.stringify(line).includes(text));
  }

  /** Cuts every connection to the API server, and lets none be made, until `heal` of the proxy. */
  cut(): void {
    this.proxy.relay.refuse(true);
    this.proxy.relay.resetStanding();
  }

  /** Waits until the operator has all that the watch of pods can tell it. @returns the version that it is at */
  async settled(): Promise<string> {
    const version = await waitFor('the watch of pods to be up to date', async () => {
      const [watch] = this.proxy.watches('pods');
      const { items } = await this.scenario.plane.get<{ readonly items: readonly KubernetesObject[] }>(
        'pods',
        '-n',
        this.scenario.id,
      );
      const isBehind = (at: string): boolean =>
        items.some(({ metadata }) => isOlderVersion(at, metadata.resourceVersion));
      const { lastVersion, query } = watch?.request ?? {};
      const at = lastVersion ?? query?.get('resourceVersion') ?? undefined;
      return at !== undefined && !isBehind(at) ? at : undefined;
    });
    // What was passed on before these answers were asked for has been read before the second is given.
    await this.scenario.operator.fetch('/readyz');
    await this.scenario.operator.fetch('/readyz');
    return version;
  }

  /** Every word on a pod that passed at the proxy and was not true of what the pod ran. */
  wrongWords(): readonly string[] {
    return this.proxy.seen('patch', 'pods/status').flatMap(({ name, body }) => {
      const { status } = JSON.parse(body) as { readonly status: { readonly conditions: readonly Condition[] } };
      const worth = this.#worth.get(name) ?? new Set();
      return status.conditions
        .filter((told) => !(told.status === 'True' ? worth.has('Trusted') : worth.has(told.reason as Verdict)))
        .map((told) => `${name}: ${told.status} ${told.reason} ${told.message}`);
    });
  }

  async stop(): Promise<void> {
    this.proxy.heal();
    await this.direct.close();
    await this.scenario.stop();
    await this.proxy.stop();
  }
}

export interface ApiWorldOptions extends ApiProxyOptions {
  /** False: others run on the same control plane, so the operator keeps to its namespace. */
  readonly isAlone?: false;
  /** False: nothing is trusted and nothing runs, until `begin`. */
  readonly isBegun?: false;
}

/** Starts a world. */
export async function startApiWorld(
  plane: ControlPlaneClient,
  name: string,
  options: ApiWorldOptions = {},
): Promise<ApiWorld> {
  const token = options.token ?? (await tokenIn(await plane.operatorKubeconfig()));
  const proxy = await startApiProxy(plane.address, { ...options, token });
  let scenario: Scenario | undefined;
  try {
    scenario = await startScenario(plane, name, {
      kubeconfigPath: proxy.kubeconfigPath,
      ...(options.isAlone === undefined ? {} : { isAlone: options.isAlone }),
    });
    const world = new ApiWorld(proxy, scenario, await pushImages(scenario));
    if (options.isBegun !== false) await world.begin();
    return world;
  } catch (error) {
    await scenario?.stop();
    await proxy.stop();
    throw error;
  }
}

async function pushImages(scenario: Scenario): Promise<Readonly<Record<Verdict, PushedImage>>> {
  const { host } = scenario.registry;
  const trusted = await pushImage(host, REPOSITORY, 'trusted');
  await signImage(localClient(), trusted, scenario.chain);
  return { Trusted: trusted, Unsigned: await pushImage(host, REPOSITORY, 'unsigned') };
}
