import { createHash } from 'node:crypto';
import type { ResourceType } from '../api/group.ts';
import { type KubernetesObject, keyOf } from '../api/object.ts';
import { hasStatus } from './api-error.ts';
import type { CallOptions, PatchOptions } from './call.ts';
import { cutMessage } from './conditions.ts';
import { canonicalJson, jsonEquals, mergePatch } from './merge-patch.ts';

const MAX_ATTEMPTS = 5;

/** What of KubernetesClient is needed. */
export interface StatusClient {
  get<T extends KubernetesObject>(type: ResourceType, key: string, options?: CallOptions): Promise<T>;
  patch<T extends KubernetesObject>(
    type: ResourceType,
    key: string,
    patch: PatchOptions,
    options?: CallOptions,
  ): Promise<T>;
}

interface WithStatus extends KubernetesObject {
  readonly status?: unknown;
}

/** Writes the status subresource of objects, and only where it differs. */
export class StatusWriter {
  readonly #client: StatusClient;
  /** By UID: the hash of the status that was wanted last, whether it was written or stood there already. */
  readonly #wanted = new Map<string, string>();

  constructor(client: StatusClient) {
    this.#client = client;
  }

  /**
   * Makes an object's status the given one; says whether anything was written.
   *
   * `object` is as last seen: metadata and status are read. Every `message` in the status is cut to 1,024 characters.
   * The patch holds for that very resourceVersion; on a conflict (409) the object is read again and compared anew, at
   * most 5 times (faults.md 12). An object that is gone, or whose name another one (another UID) has taken, is left
   * alone. Throws ApiError, 409 too when it does not end.
   */
  async write(type: ResourceType, object: WithStatus, newStatus: object, signal?: AbortSignal): Promise<boolean> {
    const key = keyOf(object);
    const status = cutMessages(newStatus);
    // Before the patch is sent: what the watch tells of it may be here before its answer.
    this.#wanted.set(object.metadata.uid, hashOf(status));
    let seen = object;
    for (let attempt = 1; ; attempt += 1) {
      if (jsonEquals(seen.status, status)) {
        return false;
      }
      try {
        await this.#client.patch(type, key, patchOf(seen, status), { signal });
        return true;
      } catch (error) {
        if (hasStatus(error, 404)) {
          return false;
        }
        if (!hasStatus(error, 409) || attempt === MAX_ATTEMPTS) {
          throw error;
        }
      }
      const newest = await this.#readAgain(type, key, signal);
      if (newest?.metadata.uid !== object.metadata.uid) {
        return false;
      }
      seen = newest;
    }
  }

  /**
   * Whether an object has the status that was last wanted for it. A change to another one is of another writer's
   * making, and worth a look: the next `write` puts it right.
   */
  isAsWanted(object: WithStatus): boolean {
    return this.#wanted.get(object.metadata.uid) === hashOf(object.status);
  }

  /** Forgets an object that is gone. */
  forget(object: KubernetesObject): void {
    this.#wanted.delete(object.metadata.uid);
  }

  async #readAgain(type: ResourceType, key: string, signal: AbortSignal | undefined): Promise<WithStatus | undefined> {
    try {
      return await this.#client.get<WithStatus>(type, key, { signal });
    } catch (error) {
      if (hasStatus(error, 404)) {
        return undefined;
      }
      throw error;
    }
  }
}

function patchOf(seen: WithStatus, status: unknown): PatchOptions {
  const { uid, resourceVersion } = seen.metadata;
  return {
    subresource: 'status',
    contentType: 'application/merge-patch+json',
    body: { metadata: { uid, resourceVersion }, status: mergePatch(seen.status ?? {}, status) ?? {} },
  };
}

function hashOf(status: unknown): string {
  return createHash('sha256').update(canonicalJson(status)).digest('base64');
}

function cutMessages(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(cutMessages);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === 'message' && typeof each === 'string' ? cutMessage(each) : cutMessages(each),
    ]),
  );
}
