import type { OpenTelemetryOptions } from './open-telemetry.ts';
import { NO_TRACING, type Tracing } from './tracing.ts';
import { areTracesWanted } from './variables.ts';

export { type Attributes, type Exchange, NO_TRACING, type Tracing } from './tracing.ts';
export { TracingError } from './variables.ts';

/**
 * Opens what traces are told through. Nothing of OpenTelemetry's SDK is loaded unless it is wanted.
 * @throws TracingError when one of its variables has no value that can be used
 */
export async function openTracing(isWanted: boolean, options: OpenTelemetryOptions): Promise<Tracing> {
  if (!isWanted || !areTracesWanted(options.env)) return NO_TRACING;
  const { openTelemetry } = await import('./open-telemetry.ts');
  return openTelemetry(options);
}
