import type { KubernetesObject } from '../api/object.ts';
import { ApiError } from './api-error.ts';
import type { ObjectIndex, Replacement } from './object-index.ts';
import type { ReflectorOptions } from './reflector-options.ts';
import { isKubernetesObject } from './watch-event.ts';

/** Of pods about 1 MB of JSON: 5 ms to parse. Larger pages are no faster, and hold up the rest longer. */
const DEFAULT_PAGE_SIZE = 250;

/**
 * Reads a whole collection page by page, projecting each object as its page comes, so that one page of whole objects
 * is the most that is held. Throws ApiError; then nothing was learnt (faults.md 4).
 */
export async function listAll<T extends KubernetesObject>(
  options: ReflectorOptions<T>,
  timeoutMs: number,
  index: ObjectIndex<T>,
  signal: AbortSignal,
): Promise<{ readonly objects: Replacement<T>; readonly resourceVersion: string }> {
  const { client, type, namespace, fieldSelector, labelSelector, pageSize = DEFAULT_PAGE_SIZE } = options;
  const objects: Replacement<T> = new Map();
  let next: string | undefined;
  for (;;) {
    const page = await client.list(type, {
      namespace,
      fieldSelector,
      labelSelector,
      limit: pageSize,
      continue: next,
      timeoutMs,
      signal,
    });
    // Go's JSON has null for an empty list.
    for (const raw of page.items ?? []) {
      if (!isKubernetesObject(raw)) {
        throw invalid(`the list of ${type.plural} holds an object without name, uid or resourceVersion`);
      }
      index.gather(raw, objects);
    }
    const { resourceVersion, continue: token } = page.metadata ?? {};
    if (typeof resourceVersion !== 'string' || resourceVersion === '') {
      throw invalid(`the list of ${type.plural} has no resourceVersion`);
    }
    if (token === undefined || token === '') {
      return { objects, resourceVersion };
    }
    next = token;
  }
}

function invalid(message: string): ApiError {
  return new ApiError(message, { status: 0, reason: 'InvalidAnswer' });
}
