import type { KubeConfig } from '@kubernetes/client-node';
import type { ResourceType } from '../api/group.ts';
import type { KubernetesObject, ObjectKey } from '../api/object.ts';
import { ALWAYS_OPEN, throughFence, type WriteFence, type WritePass } from '../transport/index.ts';
import { ApiError, errorOfAnswer, hasStatus, parseStatusBody } from './api-error.ts';
import { readBounded } from './body.ts';
import type { CallOptions, KubernetesList, ListOptions, PatchOptions, WatchOptions, WatchStream } from './call.ts';
import { Connections, type HttpRequest } from './connections.ts';
import { withDeadline } from './deadline.ts';
import type { PingTiming } from './http2-connection.ts';
import { collectionPath, objectPath, withQuery } from './paths.ts';
import type { RequestEvent, RequestHook } from './request-hook.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
/** Until the headers of a watch; the API server sends them at once. */
const WATCH_OPEN_TIMEOUT_MS = 30_000;
const MAX_OBJECT_BYTES = 16 * 1024 * 1024;
const MAX_LIST_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;

const PARTIAL_OBJECT = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

export interface KubernetesClientOptions {
  /** `sealwatch/<version>`. */
  readonly userAgent: string;
  readonly onRequest?: RequestHook;
  readonly ping?: PingTiming;
  /** What creates, patches and deletes ask; default: they are always let through. */
  readonly fence?: WriteFence;
}

/**
 * Requests to the Kubernetes API, by the current context of a kubeconfig.
 *
 * Every method throws ApiError: of the server's metav1.Status, or with status 0 where no answer came (`Unreachable`,
 * `Timeout`) or none that can be read (`InvalidAnswer`, `TooLarge`). An abort by the caller throws the signal's
 * reason; a write that the fence holds back throws NotLeaderError. A 401 makes it read the credentials again and try
 * once more (faults.md 6); nothing else is retried here.
 */
export class KubernetesClient {
  readonly #connections: Connections;
  readonly #userAgent: string;
  readonly #onRequest: RequestHook;
  readonly #fence: WriteFence;

  constructor(kubeConfig: KubeConfig, options: KubernetesClientOptions) {
    this.#connections = new Connections(kubeConfig, options.ping);
    this.#userAgent = options.userAgent;
    this.#onRequest = options.onRequest ?? (() => {});
    this.#fence = options.fence ?? ALWAYS_OPEN;
  }

  /** Reads one object; 404 throws. */
  get<T extends KubernetesObject>(type: ResourceType, key: ObjectKey, options: CallOptions = {}): Promise<T> {
    return this.#call<T>({ operation: 'get', type, method: 'GET', path: objectPath(type, key) }, options);
  }

  /** Reads the metadata of one object alone (PartialObjectMetadata). */
  getPartial(type: ResourceType, key: ObjectKey, options: CallOptions = {}): Promise<KubernetesObject> {
    return this.#call<KubernetesObject>(
      { operation: 'get', type, method: 'GET', path: objectPath(type, key), accept: PARTIAL_OBJECT },
      options,
    );
  }

  /** Reads one page of a collection; `metadata.continue` leads to the next. */
  list<T extends KubernetesObject>(
    type: ResourceType,
    options: ListOptions & CallOptions = {},
  ): Promise<KubernetesList<T>> {
    const path = withQuery(collectionPath(type, options.namespace), {
      fieldSelector: options.fieldSelector,
      labelSelector: options.labelSelector,
      limit: options.limit,
      continue: options.continue,
      resourceVersion: options.resourceVersion,
      resourceVersionMatch: options.resourceVersionMatch,
    });
    return this.#call({ operation: 'list', type, method: 'GET', path, maxBytes: MAX_LIST_BYTES }, options);
  }

  /** Creates an object, in the namespace that its metadata names. */
  create<T>(
    type: ResourceType,
    body: { readonly metadata: { readonly namespace?: string } },
    options: CallOptions = {},
  ): Promise<T> {
    const path = collectionPath(type, body.metadata.namespace);
    return this.#call(
      { operation: 'create', type, method: 'POST', path, contentType: 'application/json', body },
      options,
    );
  }

  /** Patches an object or its subresource; returns it as it stands then. */
  patch<T extends KubernetesObject>(
    type: ResourceType,
    key: ObjectKey,
    patch: PatchOptions,
    options: CallOptions = {},
  ): Promise<T> {
    const { subresource, contentType, body, query } = patch;
    const path = withQuery(objectPath(type, key, subresource), query ?? {});
    return this.#call({ operation: 'patch', type, subresource, method: 'PATCH', path, contentType, body }, options);
  }

  /** Deletes an object, only while it has this UID where one is given. */
  async delete(
    type: ResourceType,
    key: ObjectKey,
    options: CallOptions & { readonly uid?: string } = {},
  ): Promise<void> {
    const body = options.uid === undefined ? undefined : { preconditions: { uid: options.uid } };
    const path = objectPath(type, key);
    await this.#call(
      { operation: 'delete', type, method: 'DELETE', path, contentType: 'application/json', body },
      options,
    );
  }

  /** Reads any other path, such as discovery's `/apis/apps/v1`; `path` must be built of escaped parts. */
  getPath<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.#call({ operation: 'get', resource: path, method: 'GET', path }, options);
  }

  /** Opens a watch with bookmarks; resolves when the server accepted it. The signal ends it at any time. */
  async watch(type: ResourceType, options: WatchOptions, signal: AbortSignal): Promise<WatchStream> {
    const path = withQuery(collectionPath(type, options.namespace), {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      fieldSelector: options.fieldSelector,
      labelSelector: options.labelSelector,
      timeoutSeconds: options.timeoutSeconds,
    });
    const request: HttpRequest = { method: 'GET', path, headers: this.#headers(), signal };
    const label = { operation: 'watch', resource: type.plural, method: 'GET' } as const;
    return this.#observed(label, () =>
      this.#withFreshCredentials(async () => {
        signal.throwIfAborted();
        const controller = new AbortController();
        const onAbort = () => controller.abort(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        const close = () => {
          signal.removeEventListener('abort', onAbort);
          controller.abort(new Error('closed'));
        };
        const timer = setTimeout(
          () => controller.abort(new DOMException(`no answer within ${WATCH_OPEN_TIMEOUT_MS} ms`, 'TimeoutError')),
          WATCH_OPEN_TIMEOUT_MS,
        );
        try {
          const answer = await this.#connections.watch({ ...request, signal: controller.signal });
          if (answer.status !== 200) {
            const bytes = await readBounded(answer.body, MAX_ERROR_BYTES, controller.signal);
            throw answerError(`watch ${type.plural}`, answer.status, bytes, answer.retryAfter);
          }
          return { body: answer.body, liveness: answer.liveness, close };
        } catch (error) {
          close();
          throw error;
        } finally {
          clearTimeout(timer);
        }
      }),
    );
  }

  /** Ends every connection, and with them requests and watches under way. */
  close(): Promise<void> {
    return this.#connections.close();
  }

  #headers(accept = 'application/json'): Record<string, string> {
    return { 'User-Agent': this.#userAgent, Accept: accept };
  }

  async #call<T>(
    call: Pick<RequestEvent, 'operation'> &
      Pick<HttpRequest, 'method' | 'path'> & {
        readonly type?: ResourceType;
        readonly resource?: string;
        readonly subresource?: string | undefined;
        readonly accept?: string;
        readonly contentType?: string;
        readonly body?: unknown;
        readonly maxBytes?: number;
      },
    options: CallOptions,
  ): Promise<T> {
    const plural = call.type?.plural ?? call.resource ?? '';
    const resource = call.subresource === undefined ? plural : `${plural}/${call.subresource}`;
    const what = `${call.method} ${call.path.split('?')[0]}`;
    const headers = this.#headers(call.accept);
    if (call.body !== undefined && call.contentType !== undefined) {
      headers['Content-Type'] = call.contentType;
    }
    const request = {
      method: call.method,
      path: call.path,
      headers,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    };
    const label = { operation: call.operation, resource, method: call.method };
    const exchange = (caller: AbortSignal | undefined, pass?: WritePass): Promise<T> =>
      this.#withFreshCredentials(() =>
        withDeadline(caller, options.timeoutMs ?? DEFAULT_TIMEOUT_MS, async (signal) => {
          const answer = await this.#connections.send({ ...request, signal, ...(pass === undefined ? {} : { pass }) });
          const good = answer.statusCode >= 200 && answer.statusCode < 300;
          const bytes = await readBounded(
            answer.body,
            good ? (call.maxBytes ?? MAX_OBJECT_BYTES) : MAX_ERROR_BYTES,
            signal,
          );
          if (!good) {
            const retryAfter = answer.headers['retry-after'];
            const header = typeof retryAfter === 'string' ? retryAfter : undefined;
            throw answerError(what, answer.statusCode, bytes, header);
          }
          return parseJson<T>(what, bytes);
        }),
      );
    return this.#observed(label, () =>
      call.method === 'GET'
        ? exchange(options.signal)
        : throughFence(this.#fence, options.signal, (signal, pass) => exchange(signal, pass)),
    );
  }

  async #withFreshCredentials<T>(attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      if (!hasStatus(error, 401)) {
        throw error;
      }
      this.#connections.expireCredentials();
      return attempt();
    }
  }

  async #observed<T>(
    label: Pick<RequestEvent, 'operation' | 'resource' | 'method'>,
    run: () => Promise<T>,
  ): Promise<T> {
    const startedAt = performance.now();
    let status = 200;
    try {
      return await run();
    } catch (error) {
      status = error instanceof ApiError ? error.status : 0;
      throw error;
    } finally {
      this.#onRequest({ ...label, status, durationMs: performance.now() - startedAt });
    }
  }
}

function answerError(what: string, status: number, bytes: Uint8Array, retryAfter: string | undefined): ApiError {
  return errorOfAnswer(what, status, parseStatusBody(Buffer.from(bytes).toString('utf8')), retryAfter, new Date());
}

function parseJson<T>(what: string, bytes: Buffer): T {
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch (cause) {
    throw new ApiError(`${what}: the answer is not JSON`, { status: 0, reason: 'InvalidAnswer', cause });
  }
}
