/** What is told of each request, for metrics. */
export interface RequestEvent {
  readonly method: string;
  /** Plural of the resource, `pods`; with its subresource `pods/status`. */
  readonly resource: string;
  /** `watch` for a watch, whose duration ends with the headers of its answer. */
  readonly operation: 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  readonly durationMs: number;
}

export type RequestHook = (event: RequestEvent) => void;
