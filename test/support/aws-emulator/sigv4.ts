import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Identities, Principal } from './identities.ts';
import { WireError } from './wire-error.ts';

export interface HttpRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Caller {
  readonly principal: Principal;
  readonly accessKeyId: string;
  readonly region: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
const MAX_SKEW_MS = 5 * 60_000;

/** The error codes, which differ between the JSON and the Query protocols. */
const CODES = {
  json: {
    missing: 'MissingAuthenticationTokenException',
    incomplete: 'IncompleteSignatureException',
    unknown: 'UnrecognizedClientException',
    expired: 'ExpiredTokenException',
    wrong: 'InvalidSignatureException',
  },
  query: {
    missing: 'MissingAuthenticationToken',
    incomplete: 'IncompleteSignature',
    unknown: 'InvalidClientTokenId',
    expired: 'ExpiredToken',
    wrong: 'SignatureDoesNotMatch',
  },
} as const;

/** Checks Signature Version 4 as AWS does: its form, scope, clock, token, and the signature itself, recomputed. */
export function authenticate(
  request: HttpRequest,
  service: string,
  identities: Identities,
  now: Date,
  protocol: keyof typeof CODES,
): Caller {
  const codes = CODES[protocol];
  const refuse = (kind: keyof typeof codes, message: string): WireError => new WireError(403, codes[kind], message);
  const authorization = header(request, 'authorization');
  if (authorization === undefined) throw refuse('missing', 'Missing Authentication Token');
  const match = AUTHORIZATION.exec(authorization);
  const time = header(request, 'x-amz-date') ?? '';
  const [accessKeyId = '', date = '', region = '', scopeService = '', signedHeaders = '', signature = ''] =
    match?.slice(1) ?? [];
  if (match === null || !/^\d{8}T\d{6}Z$/.test(time)) {
    throw refuse('incomplete', 'Authorization header requires Credential, SignedHeaders, Signature and X-Amz-Date.');
  }
  const key = identities.find(accessKeyId);
  if (key === undefined || header(request, 'x-amz-security-token') !== key.sessionToken) {
    throw refuse('unknown', 'The security token included in the request is invalid.');
  }
  if (key.expiresAt !== undefined && key.expiresAt <= now) {
    throw refuse('expired', 'The security token included in the request is expired');
  }
  if (scopeService !== service) {
    throw refuse('wrong', `Credential should be scoped to correct service: '${service}'.`);
  }
  if (!time.startsWith(date) || Math.abs(parseTime(time) - now.getTime()) > MAX_SKEW_MS) {
    throw refuse('wrong', `Signature expired: ${time} is not within 5 minutes of the server's clock`);
  }
  const names = signedHeaders.split(';');
  const mustSign = ['host', 'x-amz-date', ...(key.sessionToken === undefined ? [] : ['x-amz-security-token'])];
  const unsigned = mustSign.find((name) => !names.includes(name));
  if (unsigned !== undefined) throw refuse('wrong', `'${unsigned}' must be a signed header`);
  const stringToSign = [
    'AWS4-HMAC-SHA256',
    time,
    `${date}/${region}/${service}/aws4_request`,
    sha256(canonicalRequest(request, names)),
  ].join('\n');
  const signingKey = [date, region, service, 'aws4_request'].reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    Buffer.from(`AWS4${key.secretAccessKey}`),
  );
  if (!timingSafeEqual(hmac(signingKey, stringToSign), Buffer.from(signature, 'hex'))) {
    throw refuse(
      'wrong',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    );
  }
  return { principal: key.principal, accessKeyId, region };
}

function canonicalRequest(request: HttpRequest, signedHeaders: readonly string[]): string {
  const [path = '/', query = ''] = request.url.split('?', 2);
  const parameters = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      return [escapeUri(decodeURIComponent(name)), escapeUri(decodeURIComponent(value))] as const;
    })
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y));
  return [
    request.method,
    // Every service but S3 encodes the encoded path once more.
    path.split('/').map(escapeUri).join('/'),
    parameters.map((pair) => pair.join('=')).join('&'),
    ...signedHeaders.map((name) => `${name}:${(header(request, name) ?? '').trim().replace(/\s+/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n');
}

function header(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function parseTime(time: string): number {
  const iso = time.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z');
  return Date.parse(iso);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
