import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AsnConvert } from '@peculiar/asn1-schema';
import { TimeStampReq } from '@peculiar/asn1-tsp';
import { der, integer, octets, sequence } from './der.ts';
import {
  type Attribute,
  forgeTimestamp,
  HASH_OIDS,
  type Hash,
  OIDS,
  type TimestampOptions,
} from './forge-timestamp.ts';
import type { Chain } from './pki.ts';
import { startSocketSet } from './socket-set.ts';

/** What an authority may do wrong. Wrong chains are not among them: give the server another one. */
interface Fault {
  readonly token?: (options: TimestampOptions) => Partial<TimestampOptions>;
  /** Changes the TimeStampResp. */
  readonly response?: (response: Buffer, token: Buffer) => Buffer;
  /** Answers by itself. */
  readonly http?: (response: ServerResponse, body: Buffer) => void;
}

const REPLY = 'application/timestamp-reply';
/** Leaves one attribute out. */
export const without =
  (type: string) =>
  (attributes: Attribute[]): Attribute[] =>
    attributes.filter(([one]) => one !== type);

/** PKIStatusInfo with a text and a failure bit. */
export function statusInfo(status: number, text?: string, failInfo?: Buffer): Buffer {
  return sequence(
    integer(status),
    ...(text === undefined ? [] : [sequence(der(0x0c, Buffer.from(text)))]),
    ...(failInfo === undefined ? [] : [der(0x03, failInfo)]),
  );
}

/** Bit 14, timeNotAvailable. */
const TIME_NOT_AVAILABLE = Buffer.from([1, 0, 2]);

export const TSA_FAULTS = {
  wrongNonce: { token: () => ({ nonce: Buffer.from([1, 2, 3]) }) },
  // The nonce is the last field.
  noNonce: { token: () => ({ info: (fields) => fields.slice(0, -1) }) },
  wrongImprint: {
    token: ({ imprint: { hash } }) => ({ imprint: { hash, digest: createHash(hash).update('another').digest() } }),
  },
  otherImprintHash: {
    token: () => ({ imprint: { hash: 'sha512', digest: createHash('sha512').update('x').digest() } }),
  },
  rejected: { response: () => sequence(statusInfo(2, 'no time\u0007 today', TIME_NOT_AVAILABLE)) },
  rejectedWithToken: { response: (_, token) => sequence(statusInfo(2), token) },
  waiting: { response: () => sequence(statusInfo(3)) },
  grantedWithMods: { response: (_, token) => sequence(statusInfo(1), token) },
  noToken: { response: () => sequence(statusInfo(0)) },
  extraField: { response: (_, token) => sequence(statusInfo(0), token, octets(Buffer.alloc(1))) },
  truncated: { response: (response) => response.subarray(0, response.length - 10) },
  trailingBytes: { response: (response) => Buffer.concat([response, Buffer.alloc(1)]) },
  garbage: { response: () => Buffer.from('<html>no timestamp</html>') },
  noCertificates: { token: () => ({ certificates: [] }) },
  extraSignedAttribute: {
    token: () => ({ attributes: (all) => [...all, ['1.3.6.1.4.1.99999.2', octets(Buffer.from('more'))]] }),
  },
  noSigningCertificate: { token: () => ({ attributes: without(OIDS.signingCertificateV2) }) },
  wrongSigningCertificate: {
    token: () => ({
      attributes: (all) => [
        ...without(OIDS.signingCertificateV2)(all),
        [OIDS.signingCertificateV2, sequence(sequence(sequence(octets(Buffer.alloc(32)))))],
      ],
    }),
  },
  twoSigners: { token: () => ({ signers: (signer) => [signer, signer] }) },
  sha1: { token: () => ({ digest: 'sha1' }) },
  signedDataVersion1: { token: () => ({ signedData: ([, ...rest]) => [integer(1), ...rest] }) },
  tstInfoVersion2: { token: () => ({ info: ([, ...rest]) => [integer(2), ...rest] }) },
  badSignature: { token: () => ({ signature: (signature) => Buffer.alloc(signature.length, 1) }) },
  http500: { http: (response) => response.writeHead(500, { 'content-type': 'text/plain' }).end('out of time') },
  oversize: { http: (response) => response.writeHead(200, { 'content-type': REPLY }).end(Buffer.alloc(2_000_000)) },
  // The head and one byte, then nothing more.
  slow: { http: (response, body) => response.writeHead(200, { 'content-type': REPLY }).write(body.subarray(0, 1)) },
} as const satisfies Record<string, Fault>;

export type TsaFaultName = keyof typeof TSA_FAULTS;

export interface TsaServer {
  readonly url: string;
  /** Every request so far, as read by the library. */
  readonly requests: readonly TimeStampReq[];
  /** What goes wrong from now on. */
  fault: TsaFaultName | undefined;
  /** May be replaced. */
  tsa: Chain;
  /** The authority's clock, and what its tokens say beside. */
  change: Partial<TimestampOptions>;
  readonly close: () => Promise<void>;
}

/**
 * A time stamping authority over HTTP (RFC 3161 §3.4), on a free port of 127.0.0.1: it signs what it is asked to, at
 * the time of its clock, with an accuracy of one second, unless told to do it wrong.
 */
export async function startTsaServer(
  options: { readonly tsa: Chain; readonly now?: () => Date } & { readonly change?: Partial<TimestampOptions> },
): Promise<TsaServer> {
  const { now = () => new Date() } = options;
  const requests: TimeStampReq[] = [];
  let serialNumber = 1000;
  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method !== 'POST' || request.headers['content-type'] !== 'application/timestamp-query') {
        response.writeHead(400, { 'content-type': 'text/plain' }).end('expected POST of application/timestamp-query');
        return;
      }
      const body = answer(Buffer.concat(chunks));
      const fault: Fault | undefined = server.fault === undefined ? undefined : TSA_FAULTS[server.fault];
      if (fault?.http !== undefined) fault.http(response, body);
      else response.writeHead(200, { 'content-type': REPLY }).end(body);
    });
  });
  const sockets = startSocketSet(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: TsaServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/`,
    requests,
    fault: undefined,
    tsa: options.tsa,
    change: options.change ?? {},
    close: () => sockets.close(),
  };

  function answer(bytes: Buffer): Buffer {
    const request = readRequest(bytes);
    if (request === undefined) return sequence(statusInfo(2, 'cannot read the request', Buffer.from([2, 0x04])));
    requests.push(request);
    const { hashAlgorithm, hashedMessage } = request.messageImprint;
    const hash = (Object.keys(HASH_OIDS) as Hash[]).find((name) => HASH_OIDS[name] === hashAlgorithm.algorithm);
    if (hash === undefined) return sequence(statusInfo(2, 'unknown hash', Buffer.from([7, 0x80])));
    serialNumber += 1;
    const plain: TimestampOptions = {
      tsa: server.tsa,
      imprint: { hash, digest: new Uint8Array(hashedMessage.buffer) },
      genTime: now(),
      accuracy: { seconds: 1 },
      serialNumber,
      ...(request.reqPolicy === undefined ? {} : { policy: request.reqPolicy }),
      ...(request.nonce === undefined ? {} : { nonce: new Uint8Array(request.nonce) }),
      ...(request.certReq ? {} : { certificates: [] }),
      ...server.change,
    };
    const fault: Fault | undefined = server.fault === undefined ? undefined : TSA_FAULTS[server.fault];
    const token = forgeTimestamp({ ...plain, ...fault?.token?.(plain) });
    const granted = sequence(statusInfo(0), token);
    return fault?.response?.(granted, token) ?? granted;
  }
  return server;
}

function readRequest(bytes: Buffer): TimeStampReq | undefined {
  try {
    return AsnConvert.parse(bytes, TimeStampReq);
  } catch {
    return undefined;
  }
}
