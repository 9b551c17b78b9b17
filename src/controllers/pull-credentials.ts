import type { ObjectKey } from '../api/object.ts';
import { ApiError, type KubernetesClient } from '../kubernetes/index.ts';
import { type Candidate, type CredentialProvider, candidatesOf } from '../oci/index.ts';
import type { ImageKey } from '../verification/index.ts';
import type { ProjectedPod } from '../workloads/index.ts';
import { INVALID_NAME, pullSecretsOf, readSecret } from './object-data.ts';
import { PullSecretError, pullSecretCredentials } from './pull-secret.ts';

/** Secrets are not watched: a changed one is seen this late at most by images that are looked at. */
const READ_AGAIN_MS = 30_000;
const MAX_KEPT = 1_000;
/** For one image; each namespace gets its turn, so that none can keep another's from being tried. */
const MAX_NAMESPACES = 8;
/** Secrets and ServiceAccounts that are read. */
const MAX_OBJECTS = 24;
/** Of one Secret: it may have an entry for the host and others for paths. */
const MAX_CANDIDATES = 3;
export interface PullCredentialsOptions {
  readonly allowed: 'none' | 'all' | readonly string[];
  readonly kubernetes: KubernetesClient;
  /** The pods that run an image. */
  readonly podsOf: (image: ImageKey) => readonly ObjectKey[];
  readonly pods: ReadonlyMap<ObjectKey, ProjectedPod>;
}

/** What the pods of one namespace that run an image may pull it with. */
interface NamespaceUse {
  readonly namespace: string;
  readonly secrets: Set<string>;
  readonly serviceAccounts: Set<string>;
}

/** A search for the credentials of one image. */
interface Search {
  readonly registry: string;
  readonly repository: string;
  /** Objects that were looked at. */
  readonly looked: Set<string>;
  /** What was wrong with them: sentences. */
  readonly problems: string[];
}

/**
 * Pull credentials of the pods that run an image: of each namespace, their own imagePullSecrets, then their
 * ServiceAccounts', where the operator's configuration allows it (design.md, "Security boundaries"). A Secret serves
 * only for images that a pod of its own namespace runs; the verdict that it helps to find is shared.
 */
export class PullCredentials {
  readonly #options: PullCredentialsOptions;
  readonly #kept = new Map<string, { readonly value: Promise<unknown>; readonly until: number }>();
  /** What was wrong with Secrets of an image when they were last looked for: sentences. */
  readonly #problems = new Map<ImageKey, readonly string[]>();

  constructor(options: PullCredentialsOptions) {
    this.#options = options;
  }

  /** The credentials of one image, by the pods that run it when they are asked for. */
  of(image: ImageKey): CredentialProvider {
    const candidatesFor = (registry: string, repository: string, signal: AbortSignal): AsyncGenerator<Candidate> =>
      this.#candidates(image, registry, repository, signal);
    return {
      candidatesFor,
      credentialsFor: async (registry, repository, signal) => {
        for await (const candidate of candidatesFor(registry, repository, signal))
          if (candidate.kind !== 'unavailable') return candidate;
        return { kind: 'anonymous' };
      },
    };
  }

  forget(image: ImageKey): void {
    this.#problems.delete(image);
  }

  /** What would help where a registry refuses an image: for a cause's message; undefined when nothing is known. */
  hint(image: ImageKey): string | undefined {
    const notAllowed = this.#usesOf(image).filter(
      ({ namespace, secrets }) => secrets.size > 0 && !this.#isAllowed(namespace),
    );
    const [first] = notAllowed;
    if (first !== undefined) {
      return `its pods in ${first.namespace} have pull secrets, which the operator reads only for namespaces of its setting --pull-secrets: add ${first.namespace} there, or give the operator credentials of its own by --registry-config`;
    }
    const problems = this.#problems.get(image) ?? [];
    return problems.length === 0 ? undefined : problems.join('; ');
  }

  async *#candidates(
    image: ImageKey,
    registry: string,
    repository: string,
    signal: AbortSignal,
  ): AsyncGenerator<Candidate> {
    const uses = this.#usesOf(image)
      .filter(({ namespace }) => this.#isAllowed(namespace))
      .slice(0, MAX_NAMESPACES);
    const problems: string[] = [];
    this.#problems.set(image, problems);
    const search = { registry, repository, looked: new Set<string>(), problems };
    let turns = uses.map((use) => this.#ofNamespace(use, search, signal));
    while (turns.length > 0) {
      const going: typeof turns = [];
      for (const turn of turns) {
        const { done, value } = await turn.next();
        if (done === true) continue;
        going.push(turn);
        if (value !== undefined) yield value;
      }
      turns = going;
    }
  }

  /** What the pods of a namespace have. After each object that is read another namespace has its turn. */
  async *#ofNamespace(
    { namespace, secrets, serviceAccounts }: NamespaceUse,
    search: Search,
    signal: AbortSignal,
  ): AsyncGenerator<Candidate | undefined> {
    for (const name of secrets) yield* this.#ofSecret(namespace, name, search, signal);
    for (const account of serviceAccounts) {
      const where = `ServiceAccount ${namespace}/${account}`;
      if (!mayLookAt(where, search)) return;
      const names = await this.#read(where, search.problems, (deadline) =>
        pullSecretsOf(this.#options.kubernetes, namespace, account, deadline),
      );
      yield undefined;
      for (const name of names ?? []) yield* this.#ofSecret(namespace, name, search, signal);
    }
  }

  async *#ofSecret(
    namespace: string,
    name: string,
    search: Search,
    signal: AbortSignal,
  ): AsyncGenerator<Candidate | undefined> {
    signal.throwIfAborted();
    const { registry, repository, problems } = search;
    const where = `Secret ${namespace}/${name}`;
    if (search.looked.has(where) || !mayLookAt(where, search)) return;
    const provider = await this.#read(where, problems, async (deadline) =>
      pullSecretCredentials(await readSecret(this.#options.kubernetes, namespace, name, deadline)),
    );
    let count = 0;
    if (provider !== undefined) {
      for await (const candidate of candidatesOf(provider, registry, repository, signal)) {
        yield candidate;
        count += 1;
        if (count >= MAX_CANDIDATES) break;
      }
      if (count === 0) problems.push(`${where} has no entry for ${registry}/${repository}`);
    }
    if (count === 0) yield undefined;
  }

  /** Reads an object, once for all images that need it; undefined, and a problem, when it is not there or not usable. */
  async #read<T>(where: string, problems: string[], read: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      return (await this.#once(where, read)) as T;
    } catch (error) {
      if (error instanceof PullSecretError) problems.push(`${where}: ${error.message}`);
      else if (error instanceof ApiError && error.reason === INVALID_NAME) problems.push(error.message);
      else if (error instanceof ApiError && error.status === 404) problems.push(`${where} does not exist: create it`);
      else if (error instanceof ApiError && error.status === 403)
        problems.push(`the operator may not read ${where}: grant it get`);
      else throw error;
      return undefined;
    }
  }

  #once(where: string, read: (signal: AbortSignal) => Promise<unknown>): Promise<unknown> {
    const now = performance.now();
    const kept = this.#kept.get(where);
    if (kept !== undefined && kept.until > now) return kept.value;
    this.#makeRoom(now);
    // Whoever asked first may go away: the read has a deadline of its own.
    const value = read(AbortSignal.timeout(READ_AGAIN_MS));
    this.#kept.set(where, { value, until: now + READ_AGAIN_MS });
    value.catch((error: unknown) => {
      const isAnswer = error instanceof PullSecretError || (error instanceof ApiError && error.status === 403);
      // What is not there yet may be there in a moment; and a fault is no answer.
      if (!isAnswer) this.#kept.delete(where);
    });
    return value;
  }

  #makeRoom(now: number): void {
    if (this.#kept.size < MAX_KEPT) return;
    for (const [where, { until }] of this.#kept) if (until <= now) this.#kept.delete(where);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  #usesOf(image: ImageKey): readonly NamespaceUse[] {
    const uses = new Map<string, NamespaceUse>();
    for (const key of this.#options.podsOf(image)) {
      const pod = this.#options.pods.get(key);
      if (pod === undefined) continue;
      const { namespace } = pod.metadata;
      const use = uses.get(namespace) ?? { namespace, secrets: new Set(), serviceAccounts: new Set() };
      for (const name of pod.pullSecrets) use.secrets.add(name);
      use.serviceAccounts.add(pod.serviceAccount);
      uses.set(namespace, use);
    }
    return [...uses.values()];
  }

  #isAllowed(namespace: string): boolean {
    const { allowed } = this.#options;
    if (typeof allowed === 'string') return allowed === 'all';
    return allowed.includes(namespace);
  }
}

/** Takes note of an object that is to be read; false where there were enough. */
function mayLookAt(where: string, { looked }: Search): boolean {
  if (looked.size >= MAX_OBJECTS) return false;
  looked.add(where);
  return true;
}
