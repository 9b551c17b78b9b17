import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it came. */
export interface ReceivedAlert {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Whether the signature is that of the receiver's key over id, time and body; it is no copy of ours. */
  readonly isSigned: boolean;
}

/** What a receiver does with a request: a status, another answer, or nothing at all. */
export type ReceiverAnswer =
  | number
  | 'hang'
  /** Headers of success, and then a body without an end. */
  | 'endless'
  | { readonly status: number; readonly headers: Readonly<Record<string, string>> };

export interface WebhookReceiver {
  readonly url: string;
  readonly host: string;
  /** Those answered with success. */
  readonly taken: readonly ReceivedAlert[];
  /** All of them. */
  readonly requests: readonly ReceivedAlert[];
  answer(answer: ReceiverAnswer): void;
  stop(): Promise<void>;
}

/** @param key with which signatures are checked */
export async function startWebhookReceiver(key: Buffer): Promise<WebhookReceiver> {
  const [taken, requests]: [ReceivedAlert[], ReceivedAlert[]] = [[], []];
  let answer: ReceiverAnswer = 200;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // The operator ended in the middle of it.
      return;
    }
    const body = Buffer.concat(chunks).toString('utf8');
    const received = {
      path: request.url ?? '',
      headers: request.headers,
      body,
      isSigned: isSigned(key, request.headers, body),
    };
    requests.push(received);
    if (answer === 'hang') return;
    const { status, headers } =
      typeof answer === 'object' ? answer : { status: answer === 'endless' ? 200 : answer, headers: {} };
    if (status >= 200 && status < 300) taken.push(received);
    response.writeHead(status, headers);
    if (answer === 'endless') response.write('x'.repeat(100_000));
    else response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}/hook/secret-path`,
    host,
    taken,
    requests,
    answer: (next) => {
      answer = next;
      // What hangs would hang for ever.
      server.closeAllConnections();
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** As a receiver checks it (Standard Webhooks 1.0): the time within 5 minutes, one of the signatures of version 1. */
function isSigned(key: Buffer, headers: IncomingHttpHeaders, body: string): boolean {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(
    (name) => headers[name],
  );
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return false;
  if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > 300) return false;
  const mac = createHmac('sha256', key);
  for (const part of [id, '.', timestamp, '.', body]) mac.update(part);
  return signatures.split(' ').includes(`v1,${mac.digest('base64')}`);
}
