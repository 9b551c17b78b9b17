/** One HTTP request that a rule of the specification asks for: to an OCSP responder, a CRL, a time stamping authority. */
export interface FetchRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** A longer answer is refused while it is read. */
  readonly maxBytes: number;
  /** For the whole exchange, milliseconds. */
  readonly timeoutMs: number;
}

/** The body of a 200 answer; any other status rejects. */
export interface FetchAnswer {
  readonly body: Uint8Array;
}

/** The exchange failed, or was refused before it began. The message names host and cause, and is fit for a status. */
export class FetchError extends Error {
  readonly code: 'Refused' | 'Unreachable' | 'Timeout' | 'TooLarge' | 'BadStatus';

  constructor(code: FetchError['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'FetchError';
    this.code = code;
  }
}

/**
 * How the core reaches the network: it has none of its own. Addresses are checked where this is implemented (H7).
 * Rejects with FetchError, or with the reason of the signal when that is aborted.
 */
export type Fetch = (request: FetchRequest, signal: AbortSignal) => Promise<FetchAnswer>;
