import type { ApiRequest, ApiVerb } from './api-request.ts';

/** Which requests a fault is for: all that is given must hold. */
export interface ApiMatcher {
  readonly verb?: ApiVerb;
  readonly resource?: string;
  readonly name?: string;
  /** Anything else, such as a page's token. */
  readonly where?: (request: ApiRequest) => boolean;
}

/** What becomes of a request to the API server. */
export type ApiFault =
  /** An answer of its own. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  /** Nothing is ever answered. */
  | { readonly kind: 'hang' }
  /** A watch ends in order after so many of the server's own events. */
  | { readonly kind: 'end-after'; readonly events: number }
  /** Each line of a watch, changed. */
  | { readonly kind: 'rewrite-lines'; readonly rewrite: (line: string) => string }
  /** Something happens before the request is passed on. */
  | { readonly kind: 'before'; readonly run: (request: ApiRequest) => Promise<void> };

/** A fault that was injected. */
export interface InjectedApiFault {
  /** The requests that it met. */
  readonly met: readonly ApiRequest[];
  readonly remove: () => void;
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
};

/** An answer as the API server gives it, metav1.Status and all. @param headers such as Retry-After, lower case */
export function apiStatus(code: number, headers: Readonly<Record<string, string>> = {}): ApiFault {
  const body = JSON.stringify(statusObject(code));
  return { kind: 'answer', status: code, headers: { 'content-type': 'application/json', ...headers }, body };
}

/** A line of a watch that tells of an error, as the API server sends it when a version is compacted away. */
export function errorEvent(code: number): string {
  return JSON.stringify({ type: 'ERROR', object: statusObject(code) });
}

function statusObject(code: number): object {
  const reason = REASONS[code] ?? 'Unknown';
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'a fault of the test',
    reason,
    code,
  };
}

export function matchesApi({ verb, resource, name, where }: ApiMatcher, request: ApiRequest): boolean {
  return (
    (verb === undefined || verb === request.verb) &&
    (resource === undefined || resource === request.resource) &&
    (name === undefined || name === request.name) &&
    (where === undefined || where(request))
  );
}
