export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Until the whole answer was read; 30 s by default. */
  readonly timeoutMs?: number;
}

export interface Selection {
  /** All namespaces where absent. */
  readonly namespace?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

export interface ListOptions extends Selection {
  readonly limit?: number;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface KubernetesList<T> {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly T[];
}

export interface PatchOptions {
  readonly contentType:
    | 'application/merge-patch+json'
    | 'application/strategic-merge-patch+json'
    | 'application/json-patch+json'
    | 'application/apply-patch+yaml';
  readonly body: unknown;
  readonly subresource?: string;
  /** Such as fieldManager and force, which server-side apply needs. */
  readonly query?: Readonly<Record<string, string | boolean>>;
}

export interface WatchOptions extends Selection {
  /** Events after this version. */
  readonly resourceVersion: string;
  /** The server ends the watch after this long. */
  readonly timeoutSeconds: number;
}

/** A watch whose events are still to come, one line of JSON each. */
export interface WatchStream {
  readonly body: AsyncIterable<Uint8Array>;
  /** `ping`: a dead peer ends the stream with an error. `silence`: the caller must not trust a long silence. */
  readonly liveness: 'ping' | 'silence';
  /** Ends the watch. */
  close(): void;
}
