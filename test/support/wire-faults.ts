import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProxiedRequest } from './fault-proxy.ts';

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
}

/** What becomes of an exchange on the wire. */
export type WireFault =
  /** The connection is reset without an answer. */
  | { readonly kind: 'reset' }
  /** Nothing is ever answered. */
  | { readonly kind: 'hang' }
  /** The registry's answer comes later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The registry's answer comes a byte at a time. */
  | { readonly kind: 'drip'; readonly everyMs: number }
  /** Half of the registry's answer, and then the end of the connection. */
  | { readonly kind: 'truncate' }
  /** One byte in the middle of the registry's answer is another. */
  | { readonly kind: 'corrupt' }
  /** The registry's answer goes on and on: `bytes` more of it, without a Content-Length. */
  | { readonly kind: 'oversize'; readonly bytes: number }
  /** The request goes to the same path of another origin. */
  | { readonly kind: 'redirect'; readonly origin: string; readonly status?: number }
  /** An answer of its own; undefined passes the request on. */
  | {
      readonly kind: 'answer';
      readonly answer: (request: ProxiedRequest) => (Partial<WireAnswer> & { status: number }) | undefined;
    }
  /** The registry's answer, changed. */
  | { readonly kind: 'rewrite'; readonly rewrite: (answer: WireAnswer, request: ProxiedRequest) => WireAnswer };

/** An answer of its own, as an error of a registry. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}): WireFault {
  const body = Buffer.from(JSON.stringify({ errors: [{ code: 'INJECTED', message: 'a fault of the test' }] }));
  return {
    kind: 'answer',
    answer: () => ({ status: code, headers: { 'content-type': 'application/json', ...headers }, body }),
  };
}

/**
 * A limit on the rate of requests: what is over it gets 429.
 * @param retryAfter the header's value; absent: no such header
 */
export function throttle(perSecond: number, retryAfter?: () => string): WireFault {
  let tokens = perSecond;
  let at = performance.now();
  return {
    kind: 'answer',
    answer: () => {
      const now = performance.now();
      tokens = Math.min(perSecond, tokens + ((now - at) / 1000) * perSecond);
      at = now;
      if (tokens >= 1) {
        tokens -= 1;
        return undefined;
      }
      const headers = { 'content-type': 'application/json', ...(retryAfter && { 'retry-after': retryAfter() }) };
      const errors = [{ code: 'TOOMANYREQUESTS', message: 'Rate exceeded' }];
      return { status: 429, headers, body: Buffer.from(JSON.stringify({ errors })) };
    },
  };
}

/** The registry's JSON, changed; the Content-Length follows. */
export function rewriteJson(change: (json: Record<string, unknown>, request: ProxiedRequest) => unknown): WireFault {
  return {
    kind: 'rewrite',
    rewrite: (answer, request) => {
      const json = JSON.parse(answer.body.toString('utf8')) as Record<string, unknown>;
      return { ...answer, body: Buffer.from(JSON.stringify(change(json, request))) };
    },
  };
}

/** Sends the registry's answer under a fault. @returns bytes of body that were handed to the connection */
export async function sendUnder(
  fault: WireFault | undefined,
  answer: WireAnswer,
  request: ProxiedRequest,
  response: ServerResponse,
): Promise<number> {
  switch (fault?.kind) {
    case 'delay':
      await delay(fault.ms);
      return sendWhole(answer, response);
    case 'rewrite':
      return sendWhole(fault.rewrite(answer, request), response);
    case 'corrupt': {
      const body = Buffer.from(answer.body);
      const middle = body.byteLength >> 1;
      if (body.byteLength > 0) body.writeUInt8(body.readUInt8(middle) ^ 1, middle);
      return sendWhole({ ...answer, body }, response);
    }
    case 'truncate': {
      response.writeHead(answer.status, headersOf(answer, answer.body.byteLength));
      const half = answer.body.subarray(0, answer.body.byteLength >> 1);
      response.write(half, () => response.destroy());
      return half.byteLength;
    }
    case 'drip':
      return drip(answer, response, fault.everyMs);
    case 'oversize':
      return flood(answer, response, fault.bytes);
    default:
      return sendWhole(answer, response);
  }
}

function sendWhole(answer: WireAnswer, response: ServerResponse): number {
  // To HEAD the length is that of the body which GET would have.
  const length = response.req.method === 'HEAD' ? answer.headers['content-length'] : answer.body.byteLength;
  response.writeHead(answer.status, headersOf(answer, length === undefined ? undefined : Number(length)));
  response.end(answer.body);
  return answer.body.byteLength;
}

async function drip(answer: WireAnswer, response: ServerResponse, everyMs: number): Promise<number> {
  response.writeHead(answer.status, headersOf(answer, answer.body.byteLength));
  for (let sent = 0; sent < answer.body.byteLength; sent += 1) {
    if (response.destroyed) return sent;
    response.write(answer.body.subarray(sent, sent + 1));
    await delay(everyMs);
  }
  response.end();
  return answer.body.byteLength;
}

const FILLER = Buffer.alloc(64 * 1024, ' ');

async function flood(answer: WireAnswer, response: ServerResponse, bytes: number): Promise<number> {
  response.writeHead(answer.status, headersOf(answer, undefined));
  let sent = answer.body.byteLength;
  let isWritable = response.write(answer.body);
  const end = sent + bytes;
  while (sent < end && !response.destroyed) {
    if (!isWritable) await drained(response);
    isWritable = response.write(FILLER);
    sent += FILLER.byteLength;
  }
  response.end();
  return sent;
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function headersOf(answer: WireAnswer, length: number | undefined): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (/^(content-length|transfer-encoding|connection|keep-alive)$/.test(name)) continue;
    headers[name] = typeof value === 'string' ? value : [...value];
  }
  return length === undefined ? headers : { ...headers, 'content-length': String(length) };
}
