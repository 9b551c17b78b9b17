import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { WireError } from './wire-error.ts';

export type ServiceName = 'signer' | 'ecr' | 'ecr-public' | 'sts';

/** Writes an answer in the protocol of its service: REST-JSON, JSON 1.1, or Query. */
export function writeAnswer(response: ServerResponse, service: ServiceName, answer: unknown): void {
  const body = service === 'sts' ? String(answer) : answer === undefined ? '' : JSON.stringify(answer);
  write(response, 200, contentType(service), body, {});
}

/** Writes an error in the protocol of its service. */
export function writeError(response: ServerResponse, service: ServiceName, error: WireError): void {
  const { status, code, message } = error;
  if (service === 'sts') {
    const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`;
    write(response, status, contentType(service), body, {});
    return;
  }
  if (service === 'ecr' || service === 'ecr-public') {
    write(response, status, contentType(service), JSON.stringify({ __type: code, message }), {});
    return;
  }
  write(response, status, contentType(service), JSON.stringify({ message }), { 'x-amzn-errortype': code });
}

function contentType(service: ServiceName): string {
  const json = 'application/x-amz-json-1.1';
  return { signer: 'application/json', ecr: json, 'ecr-public': json, sts: 'text/xml' }[service];
}

function write(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': randomUUID(),
    ...headers,
  });
  response.end(body);
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`);
}
