/** The part of metav1.Status that Sealwatch reads. */
export interface StatusBody {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string }[];
  };
}

/** Reasons of an ApiError that no API server sent: the answer never came, or cannot be read. Its status is 0. */
export type FaultReason = 'Unreachable' | 'Timeout' | 'InvalidAnswer' | 'TooLarge';

/** Longest wait that a server may ask for; a larger Retry-After is a mistake of some proxy. */
const MAX_RETRY_AFTER_MS = 600_000;
const MAX_MESSAGE_CHARACTERS = 1024;

/** What the API server means by a status without a metav1.Status, as it answers for a path that it does not serve. */
const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
};

/**
 * A request that the API server refused, or that brought no readable answer.
 *
 * `status` is the HTTP status, 0 where no answer came. `reason` is that of metav1.Status ("NotFound", "Forbidden",
 * "Conflict", "Expired"), or a FaultReason. `retryAfterMs` is set where the server named a time.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs?: number;
  /** The reasons within details.causes, such as "ResourceVersionTooLarge". */
  readonly causes: readonly string[];

  constructor(
    message: string,
    fields: {
      readonly status: number;
      readonly reason: string;
      readonly retryAfterMs?: number | undefined;
      readonly causes?: readonly string[];
      readonly cause?: unknown;
    },
  ) {
    super(message.slice(0, MAX_MESSAGE_CHARACTERS), fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'ApiError';
    this.status = fields.status;
    this.reason = fields.reason;
    this.causes = fields.causes ?? [];
    if (fields.retryAfterMs !== undefined) {
      this.retryAfterMs = fields.retryAfterMs;
    }
  }
}

/** Builds the error of an answer: from its metav1.Status where it has one, else from the HTTP status alone. */
export function errorOfAnswer(
  what: string,
  status: number,
  body: StatusBody | undefined,
  retryAfterHeader: string | undefined,
  now: Date,
): ApiError {
  const reason = body?.reason ?? REASONS[status] ?? `HTTP${status}`;
  const said = body?.message === undefined ? '' : `: ${body.message}`;
  const inBody = body?.details?.retryAfterSeconds;
  const retryAfterMs =
    parseRetryAfter(retryAfterHeader, now) ??
    (typeof inBody === 'number' && inBody > 0 ? Math.min(inBody * 1000, MAX_RETRY_AFTER_MS) : undefined);
  const causes = (body?.details?.causes ?? []).flatMap((cause) => (cause.reason === undefined ? [] : [cause.reason]));
  return new ApiError(`${what}: the API server answered ${status} ${reason}${said}`, {
    status,
    reason,
    retryAfterMs,
    causes,
  });
}

/** Says whether an error is an ApiError of this HTTP status (0: no answer). */
export function hasStatus(error: unknown, status: number): error is ApiError {
  return error instanceof ApiError && error.status === status;
}

/** Reads a Retry-After header (RFC 9110 §10.2.3: seconds or a date) as milliseconds, at most 10 minutes. */
export function parseRetryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) {
    return undefined;
  }
  const seconds = /^\d{1,9}$/.test(header.trim()) ? Number(header) : undefined;
  const ms = seconds === undefined ? Date.parse(header) - now.getTime() : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** Reads metav1.Status out of a body; undefined where it is something else, such as a proxy's HTML page. */
export function parseStatusBody(text: string): StatusBody | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status'
      ? (body as StatusBody)
      : undefined;
  } catch {
    return undefined;
  }
}
