import type { OwnerReference } from '../api/object.ts';
import { ApiError } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import { KindResolver } from './kind-resolver.ts';

/** Longer chains of owners are a loop or a mistake. */
const MAX_HEIGHT = 10;
const MAX_CACHED = 10_000;
const CACHE_MS = 600_000;

/** The object at the top of a chain of owners. */
export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for a cluster-scoped owner. */
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}

interface Step {
  readonly owner: Owner;
  /** The owner's own controller; undefined at the top, and where it may not be read. */
  readonly next: OwnerReference | undefined;
}

/**
 * Finds the workload that a pod belongs to, by the controller references (`controller: true`) upwards.
 *
 * Owners are read as metadata alone, and each is kept for 10 minutes by its UID, so that the pods of one Deployment
 * cost two requests together.
 */
export class OwnerResolver {
  readonly #client: Pick<KubernetesClient, 'getPartial' | 'getPath'>;
  readonly #kinds: KindResolver;
  readonly #now: () => number;
  readonly #steps = new Map<string, { readonly step: Promise<Step>; readonly until: number }>();

  constructor(client: Pick<KubernetesClient, 'getPartial' | 'getPath'>, now: () => number = () => performance.now()) {
    this.#client = client;
    this.#kinds = new KindResolver(client, now);
    this.#now = now;
  }

  /**
   * Gives the top-level owner of an object with these ownerReferences in this namespace; undefined where no
   * controller owns it. An owner that is gone, or that may not be read (403, 404), is the last of the chain. Throws
   * ApiError for faults that pass.
   */
  async topOwner(
    references: readonly OwnerReference[] | undefined,
    namespace: string,
    signal?: AbortSignal,
  ): Promise<Owner | undefined> {
    let reference = controllerOf(references);
    let top: Owner | undefined;
    const seen = new Set<string>();
    while (reference !== undefined && !seen.has(reference.uid) && seen.size < MAX_HEIGHT) {
      signal?.throwIfAborted();
      seen.add(reference.uid);
      const step = await this.#step(reference, namespace);
      top = step.owner;
      reference = step.next;
    }
    return top;
  }

  /** Shared by all who ask: it ends by its deadline, not by the signal of whoever asked first. */
  #step(reference: OwnerReference, namespace: string): Promise<Step> {
    const now = this.#now();
    const held = this.#steps.get(reference.uid);
    if (held !== undefined && held.until > now) {
      return held.step;
    }
    const step = this.#read(reference, namespace);
    this.#steps.delete(reference.uid);
    this.#steps.set(reference.uid, { step, until: now + CACHE_MS });
    step.catch(() => this.#steps.delete(reference.uid));
    const oldest = this.#steps.keys().next();
    if (this.#steps.size > MAX_CACHED && !oldest.done) {
      this.#steps.delete(oldest.value);
    }
    return step;
  }

  async #read(reference: OwnerReference, namespace: string): Promise<Step> {
    const { apiVersion, kind, name, uid } = reference;
    const assumed: Owner = { apiVersion, kind, namespace, name, uid };
    try {
      const type = await this.#kinds.resolve(apiVersion, kind);
      if (type === undefined) {
        return { owner: assumed, next: undefined };
      }
      const owner: Owner = type.namespaced ? assumed : { apiVersion, kind, name, uid };
      const key = type.namespaced ? `${namespace}/${name}` : name;
      const found = await this.#client.getPartial(type, key);
      const same = found.metadata.uid === uid;
      return { owner, next: same ? controllerOf(found.metadata.ownerReferences) : undefined };
    } catch (error) {
      if (error instanceof ApiError && (error.status === 403 || error.status === 404)) {
        return { owner: assumed, next: undefined };
      }
      throw error;
    }
  }
}

function controllerOf(references: readonly OwnerReference[] | undefined): OwnerReference | undefined {
  return references?.find(({ controller }) => controller === true);
}
