export type ApiVerb = 'get' | 'list' | 'watch' | 'probe' | 'create' | 'patch' | 'delete' | 'other';

/** A request to the Kubernetes API, as it came to the proxy. */
export interface ApiRequest {
  /** `probe`: a list of one object that only asks whether the server has a version. */
  readonly verb: ApiVerb;
  readonly method: string;
  /** Plural, with its subresource: `pods`, `pods/status`. */
  readonly resource: string;
  /** Of the object; empty for a collection. */
  readonly name: string;
  /** The path, without its query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly http: string;
  /** Of a ServiceAccount or the administrator: what it authenticates with. */
  readonly token: string;
  /** What a write holds. */
  readonly body: string;
  /** By performance.now(). */
  readonly at: number;
  /** HTTP status of the answer; undefined while there is none. */
  status?: number;
  /** Of a watch: the resourceVersion of the last event that was passed on. */
  lastVersion?: string;
  /** Of a watch: events passed on so far, bookmarks included. */
  events: number;
}

const VERBS: Readonly<Record<string, ApiVerb>> = { POST: 'create', PATCH: 'patch', DELETE: 'delete' };

/** Reads a request's method and URL as the API server does. */
export function parseApiRequest(
  method: string,
  url: string,
): Pick<ApiRequest, 'verb' | 'method' | 'resource' | 'name' | 'path' | 'query'> {
  const { pathname, searchParams: query } = new URL(url, 'https://api');
  const parts = pathname.replace(/^\/(?:api\/[^/]+|apis\/[^/]+\/[^/]+)\//, '').split('/');
  // A namespace's own subresources are not asked for here.
  const [plural = '', name = '', subresource] = parts[0] === 'namespaces' && parts.length > 2 ? parts.slice(2) : parts;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  return { verb: verbOf(method, name, query), method, resource, name, path: pathname, query };
}

function verbOf(method: string, name: string, query: URLSearchParams): ApiVerb {
  if (method !== 'GET') return VERBS[method] ?? 'other';
  if (name !== '') return 'get';
  if (query.get('watch') === 'true') return 'watch';
  return query.has('resourceVersionMatch') ? 'probe' : 'list';
}
