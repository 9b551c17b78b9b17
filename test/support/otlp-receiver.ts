import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

/** A span as a collector gets it. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: the root of its trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
}

/** An OTLP/HTTP receiver, as a collector has one: takes POST /v1/traces as protobuf. */
export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** Attributes of the processes that sent them. */
  readonly resources: readonly Readonly<Record<string, string | number>>[];
  /** Everything that came, as it came: no secret may be in it. */
  readonly bytes: readonly Buffer[];
  /** Requests begun. */
  readonly requests: number;
  stop(): Promise<void>;
}

/** @param isBlocked takes connections and answers nothing */
export async function startOtlpReceiver({ isBlocked = false } = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const resources: Readonly<Record<string, string | number>>[] = [];
  const bytes: Buffer[] = [];
  let requests = 0;
  const server = createServer(async (request, response) => {
    requests += 1;
    if (isBlocked) return;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const message = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/x-protobuf') {
      response.writeHead(404).end();
      return;
    }
    bytes.push(message);
    for (const resourceSpans of messages(message, 1)) {
      for (const resource of messages(resourceSpans, 1)) resources.push(attributesOf(resource, 1));
      for (const scope of messages(resourceSpans, 2)) spans.push(...messages(scope, 2).map(spanOf));
    }
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    resources,
    bytes,
    get requests() {
      return requests;
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** opentelemetry/proto/trace/v1/trace.proto: trace_id 1, span_id 2, parent_span_id 4, name 5, attributes 9. */
function spanOf(span: Buffer): ReceivedSpan {
  const bytesOf = (field: number): Buffer => messages(span, field)[0] ?? Buffer.alloc(0);
  return {
    traceId: bytesOf(1).toString('hex'),
    spanId: bytesOf(2).toString('hex'),
    parentSpanId: bytesOf(4).toString('hex'),
    name: bytesOf(5).toString('utf8'),
    attributes: attributesOf(span, 9),
  };
}

/** KeyValue: key 1, value 2; AnyValue: string 1, int 3, double 4. */
function attributesOf(message: Buffer, field: number): Record<string, string | number> {
  const attributes: Record<string, string | number> = {};
  for (const pair of messages(message, field)) {
    const key = messages(pair, 1)[0]?.toString('utf8') ?? '';
    for (const [tag, value] of fieldsOf(messages(pair, 2)[0] ?? Buffer.alloc(0))) {
      if (tag === 1 && Buffer.isBuffer(value)) attributes[key] = value.toString('utf8');
      else if (tag === 3 && typeof value === 'bigint') attributes[key] = Number(value);
      else if (tag === 4 && Buffer.isBuffer(value)) attributes[key] = value.readDoubleLE();
    }
  }
  return attributes;
}

function messages(message: Buffer, field: number): Buffer[] {
  return fieldsOf(message).flatMap(([tag, value]) => (tag === field && Buffer.isBuffer(value) ? [value] : []));
}

/** The fields of a protobuf message (protobuf.dev/programming-guides/encoding): varints, and bytes of the rest. */
function fieldsOf(message: Buffer): (readonly [field: number, value: bigint | Buffer])[] {
  const fields: (readonly [number, bigint | Buffer])[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    at += length;
    if (at > message.length) throw new Error('a field ends behind its message');
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    if (wireType === 0) fields.push([tag >> 3, varint()]);
    else if (wireType === 1) fields.push([tag >> 3, take(8)]);
    else if (wireType === 2) fields.push([tag >> 3, take(Number(varint()))]);
    else if (wireType === 5) fields.push([tag >> 3, take(4)]);
    else throw new Error(`no such wire type: ${wireType}`);
  }
  return fields;
}
