/** Attributes of a span. No secret, no header and no query goes in here: what is given leaves the cluster. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Adds to the attributes of a span under way. */
export type Note = (attributes: Attributes) => void;

export interface SpanInput {
  readonly name: string;
  readonly attributes: Attributes;
  /** Begins a trace, whatever it was started from: a reconcile is not a part of the one that queued its key. */
  readonly isRoot?: true;
}

/** A request that has just ended. */
export interface Exchange extends SpanInput {
  /** What went wrong; absent: nothing. */
  readonly error?: string;
  /** Milliseconds, up to now. */
  readonly durationMs: number;
}

/** Tells what is done, as spans of traces (OpenTelemetry). Nothing here waits for whom it is told to. */
export interface Tracing {
  readonly isOn: boolean;
  /** Runs work as a span; what is begun within becomes a part of it. @returns what `run` gives, or its rejection */
  readonly span: <T>(input: SpanInput, run: (note: Note) => Promise<T>) => Promise<T>;
  /** Tells of a request, as a part of the span that it was made in. */
  readonly exchange: (exchange: Exchange) => void;
  /** Sends what waits, within a bound. */
  readonly close: () => Promise<void>;
}

const NOTHING: Note = () => undefined;

/** Tells nothing, and costs nothing. */
export const NO_TRACING: Tracing = {
  isOn: false,
  span: (_input, run) => run(NOTHING),
  exchange: NOTHING as () => void,
  close: async () => undefined,
};
