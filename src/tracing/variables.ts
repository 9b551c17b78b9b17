/** A variable of OpenTelemetry has a value that cannot be used. The message names it, and what to do. */
export class TracingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TracingError';
  }
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
];
/** Bounds of what waits, in spans and milliseconds. */
const NUMBERS: readonly (readonly [name: string, min: number, max: number])[] = [
  ['OTEL_BSP_MAX_QUEUE_SIZE', 1, 65_536],
  ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1, 65_536],
  ['OTEL_BSP_SCHEDULE_DELAY', 1, 3_600_000],
  ['OTEL_BSP_EXPORT_TIMEOUT', 1, 3_600_000],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', 1, 3_600_000],
  ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 1, 3_600_000],
];

/**
 * Checks the standard variables of OpenTelemetry that count here. Its SDK passes over what it cannot read, and goes on
 * with a default: then nobody would know why no trace comes.
 * @returns whether traces are told at all
 * @throws TracingError
 */
export function areTracesWanted(env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  const exporter = env['OTEL_TRACES_EXPORTER'] || 'otlp';
  if (exporter === 'none') return false;
  if (exporter !== 'otlp') throw expected('OTEL_TRACES_EXPORTER', 'otlp or none', exporter);
  const [protocolName, protocol] = first(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol !== undefined && protocol !== 'http/protobuf') {
    throw expected(protocolName, 'http/protobuf, the only protocol spoken here (port 4318 of a collector)', protocol);
  }
  checkEndpoint(...first(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'));
  const sampler = env['OTEL_TRACES_SAMPLER'] || undefined;
  if (sampler !== undefined && !SAMPLERS.includes(sampler))
    throw expected('OTEL_TRACES_SAMPLER', SAMPLERS.join(', '), sampler);
  if (sampler?.endsWith('traceidratio')) {
    const ratio = env['OTEL_TRACES_SAMPLER_ARG'] ?? '';
    if (!/^(?:0|1|0?\.\d+|[01]\.0*)$/.test(ratio))
      throw expected('OTEL_TRACES_SAMPLER_ARG', 'a number from 0 to 1, such as 0.1', ratio);
  }
  for (const [name, min, max] of NUMBERS) {
    const text = env[name] || undefined;
    if (text !== undefined && !(/^\d{1,7}$/.test(text) && Number(text) >= min && Number(text) <= max))
      throw expected(name, `a whole number from ${min} to ${max}`, text);
  }
  return true;
}

/** The name and the value of the variable that counts: the one for traces, before the one for everything. */
function first(env: NodeJS.ProcessEnv, ...names: readonly [string, string]): [name: string, value: string | undefined] {
  const name = names.find((candidate) => (env[candidate] ?? '') !== '') ?? names[1];
  return [name, env[name] || undefined];
}

/** What is found is not told: it may hold a password. */
function checkEndpoint(name: string, text: string | undefined): void {
  if (text === undefined) return;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new TracingError(`${name}: expected a URL with http or https, such as http://collector.monitoring:4318`);
  if (url.username !== '' || url.password !== '')
    throw new TracingError(
      `${name}: expected a URL without credentials; put them into OTEL_EXPORTER_OTLP_HEADERS, from a Secret`,
    );
}

function expected(name: string, what: string, found: string): TracingError {
  return new TracingError(`${name}: expected ${what}; found ${JSON.stringify(found.slice(0, 100))}`);
}
