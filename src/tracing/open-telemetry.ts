import { AsyncLocalStorage } from 'node:async_hooks';
import { hostname } from 'node:os';
import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { VERSION } from '../version.ts';
import type { Attributes, Exchange, Note, SpanInput, Tracing } from './tracing.ts';

/** Of one export with its retries, where no variable says else: the last one holds up the end of the process. */
const EXPORT_TIMEOUT_MS = 3_000;
const MAX_TEXT = 512;
/** A collector that is away fails every batch: it is told of once in this time. */
const TELL_AGAIN_MS = 60_000;

export interface OpenTelemetryOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Told of what cannot be exported, not for each batch. The text may hold words of the collector. */
  readonly onProblem: (text: string) => void;
  /** How many spans ended, were taken by the collector, or were given up. */
  readonly onSpans: (outcome: 'ended' | 'exported' | 'failed', count: number) => void;
}

/** A span that work is done in. */
interface Scope {
  readonly context: Context;
  /** Timers and background writes outlive the span that they were begun in: they are no part of it any more. */
  isOpen: boolean;
}

/**
 * Traces by OpenTelemetry's SDK, sent over OTLP/HTTP, with its standard variables. Bounded: 2,048 spans wait at most
 * (OTEL_BSP_MAX_QUEUE_SIZE), what comes beyond is dropped; nothing waits for the collector but `close`, for a while.
 */
export function openTelemetry(options: OpenTelemetryOptions): Tracing {
  const { onSpans } = options;
  tellProblems(options.onProblem);
  const exporter = countedExporter(new OTLPTraceExporter(timeoutOf(options.env)), onSpans);
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'sealwatch',
      'service.version': VERSION,
      'service.instance.id': hostname(),
    }).merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('sealwatch', VERSION);
  const scopes = new AsyncLocalStorage<Scope>();

  const parentOf = ({ isRoot }: SpanInput): Context => {
    const scope = isRoot === true ? undefined : scopes.getStore();
    return scope?.isOpen === true ? scope.context : ROOT_CONTEXT;
  };
  const end = (span: Span, at?: number): void => {
    if (span.isRecording()) onSpans('ended', 1);
    span.end(at);
  };

  return {
    isOn: true,
    span: async <T>(input: SpanInput, run: (note: Note) => Promise<T>): Promise<T> => {
      const parent = parentOf(input);
      const span = tracer.startSpan(input.name, { attributes: bounded(input.attributes) }, parent);
      const scope: Scope = { context: trace.setSpan(parent, span), isOpen: true };
      try {
        return await scopes.run(scope, () => run((attributes) => span.setAttributes(bounded(attributes))));
      } catch (error) {
        fail(span, nameOf(error));
        throw error;
      } finally {
        scope.isOpen = false;
        end(span);
      }
    },
    exchange: (exchange: Exchange) => {
      const now = Date.now();
      const span = tracer.startSpan(
        exchange.name,
        {
          kind: SpanKind.CLIENT,
          startTime: now - exchange.durationMs,
          attributes: bounded(exchange.attributes),
        },
        parentOf(exchange),
      );
      if (exchange.error !== undefined) fail(span, exchange.error);
      end(span, now);
    },
    close: async () => {
      try {
        await provider.shutdown();
      } catch (error) {
        options.onProblem(`the last spans were not exported: ${textOf(error)}`);
      }
    },
  };
}

/** The SDK's own default of 10 s stands where a variable asks for it. */
function timeoutOf(env: NodeJS.ProcessEnv): { readonly timeoutMillis?: number } {
  const isSet = (env['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'] || env['OTEL_EXPORTER_OTLP_TIMEOUT'] || '') !== '';
  return isSet ? {} : { timeoutMillis: EXPORT_TIMEOUT_MS };
}

/** Messages of errors are left out: they hold what others said. */
function fail(span: Span, type: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', type.slice(0, MAX_TEXT));
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? `${error.name} ${error.code}` : error.name;
}

function bounded(attributes: Attributes): Record<string, string | number> {
  const told: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) told[key] = typeof value === 'string' ? value.slice(0, MAX_TEXT) : value;
  }
  return told;
}

function countedExporter(exporter: SpanExporter, onSpans: OpenTelemetryOptions['onSpans']): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        onSpans(result.code === 0 ? 'exported' : 'failed', spans.length);
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

/** The SDK's own words, bounded in number and length: an error of the exporter holds what the collector answered. */
function tellProblems(onProblem: (text: string) => void): void {
  let toldAt = Number.NEGATIVE_INFINITY;
  const tell = (message: string): void => {
    const now = performance.now();
    if (now - toldAt < TELL_AGAIN_MS) return;
    toldAt = now;
    onProblem(textOf(message));
  };
  const nothing = (): void => undefined;
  diag.setLogger(
    { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

function textOf(problem: unknown): string {
  return String(problem instanceof Error ? problem.message : problem).slice(0, MAX_TEXT);
}
