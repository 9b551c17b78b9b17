import type { ResourceType } from '../api/group.ts';
import { hasStatus } from './api-error.ts';
import type { KubernetesClient } from './client.ts';

const CACHE_MS = 600_000;
const MAX_CACHED = 256;

/** The kinds that own pods in every cluster: [apiVersion, kind, plural, namespaced]. */
const WELL_KNOWN: readonly (readonly [string, string, string, boolean])[] = [
  ['apps/v1', 'ReplicaSet', 'replicasets', true],
  ['apps/v1', 'Deployment', 'deployments', true],
  ['apps/v1', 'StatefulSet', 'statefulsets', true],
  ['apps/v1', 'DaemonSet', 'daemonsets', true],
  ['batch/v1', 'Job', 'jobs', true],
  ['batch/v1', 'CronJob', 'cronjobs', true],
  ['v1', 'ReplicationController', 'replicationcontrollers', true],
  ['v1', 'Pod', 'pods', true],
  ['v1', 'Node', 'nodes', false],
];

/** metav1.APIResourceList. */
interface ApiResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** Finds the resource of a kind: a few by heart, the others by discovery, kept for 10 minutes a group version. */
export class KindResolver {
  readonly #client: Pick<KubernetesClient, 'getPath'>;
  readonly #now: () => number;
  readonly #lists = new Map<string, { readonly list: Promise<readonly ResourceType[]>; readonly until: number }>();

  constructor(client: Pick<KubernetesClient, 'getPath'>, now: () => number = () => performance.now()) {
    this.#client = client;
    this.#now = now;
  }

  /** Gives the resource, or undefined where the API server does not serve the kind. Throws ApiError. */
  async resolve(apiVersion: string, kind: string): Promise<ResourceType | undefined> {
    const known = WELL_KNOWN.find(([version, name]) => version === apiVersion && name === kind);
    if (known !== undefined) {
      return { ...splitApiVersion(apiVersion), kind, plural: known[2], namespaced: known[3] };
    }
    const resources = await this.#resources(apiVersion);
    return resources.find((resource) => resource.kind === kind);
  }

  #resources(apiVersion: string): Promise<readonly ResourceType[]> {
    const now = this.#now();
    const held = this.#lists.get(apiVersion);
    if (held !== undefined && held.until > now) {
      return held.list;
    }
    const list = this.#discover(apiVersion);
    this.#lists.delete(apiVersion);
    this.#lists.set(apiVersion, { list, until: now + CACHE_MS });
    list.catch(() => this.#lists.delete(apiVersion));
    const oldest = this.#lists.keys().next();
    if (this.#lists.size > MAX_CACHED && !oldest.done) {
      this.#lists.delete(oldest.value);
    }
    return list;
  }

  async #discover(apiVersion: string): Promise<readonly ResourceType[]> {
    const { group, version } = splitApiVersion(apiVersion);
    const parts = group === '' ? ['api', version] : ['apis', group, version];
    try {
      const path = `/${parts.map(encodeURIComponent).join('/')}`;
      const { resources = [] } = await this.#client.getPath<ApiResourceList>(path);
      // "deployments/status" and the like are subresources.
      return resources
        .filter(({ name }) => !name.includes('/'))
        .map(({ name, kind, namespaced }) => ({ group, version, kind, plural: name, namespaced }));
    } catch (error) {
      if (hasStatus(error, 404)) {
        return [];
      }
      throw error;
    }
  }
}

function splitApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  return slash === -1
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}
