import { describe, expect, it } from 'vitest';
import { openTracing, TracingError } from '../../../src/tracing/index.ts';

const open = (env: NodeJS.ProcessEnv) =>
  openTracing(true, { env, onProblem: () => undefined, onSpans: () => undefined });

describe("OpenTelemetry's variables", () => {
  it.each([
    { OTEL_SDK_DISABLED: 'true' },
    { OTEL_SDK_DISABLED: 'TRUE', OTEL_TRACES_EXPORTER: 'zipkin' },
    { OTEL_TRACES_EXPORTER: 'none' },
  ])('%o: no traces', async (env) => {
    expect((await open(env)).isOn).toBe(false);
  });

  it.each([
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER: expected otlp or none; found "zipkin"'],
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf, the only protocol spoken here (port 4318 of a collector); found "grpc"',
    ],
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
      'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: expected http/protobuf, the only protocol spoken here (port 4318 of a collector); found "http/json"',
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
      'OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL with http or https, such as http://collector.monitoring:4318',
    ],
    [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://user:pass-word@collector' },
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: expected a URL without credentials; put them into OTEL_EXPORTER_OTLP_HEADERS, from a Secret',
    ],
    [
      { OTEL_TRACES_SAMPLER: 'some' },
      'OTEL_TRACES_SAMPLER: expected always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio; found "some"',
    ],
    [
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '10%' },
      'OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, such as 0.1; found "10%"',
    ],
    [
      { OTEL_BSP_MAX_QUEUE_SIZE: '1000000' },
      'OTEL_BSP_MAX_QUEUE_SIZE: expected a whole number from 1 to 65536; found "1000000"',
    ],
    [
      { OTEL_EXPORTER_OTLP_TIMEOUT: '3s' },
      'OTEL_EXPORTER_OTLP_TIMEOUT: expected a whole number from 1 to 3600000; found "3s"',
    ],
  ])('%o is refused', async (env, message) => {
    await expect(open(env)).rejects.toThrow(new TracingError(message));
  });
});
