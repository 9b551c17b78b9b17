import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as x509 from '@peculiar/x509';
import {
  type Authority,
  type Chain,
  type ChainOptions,
  caExtensions,
  createChain,
  leafExtensions,
  revocationExtensions,
} from './pki.ts';
import {
  type CrlOptions,
  encodeCrl,
  encodeOcspAnswer,
  type OcspAnswerOptions,
  type RevocationFacts,
} from './revocation-data.ts';
import { startSocketSet } from './socket-set.ts';

/** What happens on the wire in place of a good exchange. */
export type WireFault =
  /** The connection is closed without an answer. */
  | 'drop'
  /** Nothing is ever answered. */
  | 'hang'
  /** One byte each 50 ms, without end. */
  | 'drip'
  | 'status-500'
  /** To another address of this server, which would answer well. */
  | 'redirect'
  | 'garbage'
  /** Content-Length says more than what comes. */
  | 'truncated'
  /** One byte more than the rules allow. */
  | 'oversize';

/** How one service about one certificate answers. */
export interface ServiceState<Changes> {
  fault?: WireFault;
  /** Milliseconds before the answer. */
  delayMs?: number;
  /** Of the answer that is encoded: another signer, other times, a foreign CertID. */
  changes?: Changes;
}

/** What the authority knows of one certificate of a chain, and how it tells. */
export interface CertificateState {
  revoked?: RevocationFacts;
  ocsp: ServiceState<Partial<OcspAnswerOptions>>;
  crl: ServiceState<Partial<CrlOptions>>;
  delta: ServiceState<Partial<CrlOptions>>;
}

export interface ServedChain extends Chain {
  /** Of each certificate but the root, leaf first; change them as the authority would. */
  readonly states: readonly CertificateState[];
  /** The certificate and key at a place: the issuer of certificate i is at i + 1. */
  readonly authority: (index: number) => Authority;
}

export interface IssueChainOptions extends ChainOptions {
  /** What every certificate but the root names; default OCSP alone. */
  readonly names?: readonly ('ocsp' | 'crl' | 'freshestCrl')[];
  /** More extensions of the leaf. */
  readonly more?: readonly x509.Extension[];
}

export interface SeenPkiRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface PkiServer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly requests: readonly SeenPkiRequest[];
  /**
   * Makes a chain whose certificates name this server, which answers for them from then on: by OCSP at
   * /CHAIN/ocsp/INDEX, CRL at /CHAIN/crl/INDEX, delta CRL at /CHAIN/delta/INDEX.
   */
  readonly issue: (options?: IssueChainOptions) => Promise<ServedChain>;
  readonly close: () => Promise<void>;
}

export interface PkiServerOptions {
  /** Default the system's. Answers are an hour old, and stand for a day. */
  readonly now?: () => Date;
}

const HOUR_MS = 60 * 60_000;
const OVERSIZE = { ocsp: 20 * 1024 + 1, crl: 32 * 1024 * 1024 + 1, delta: 32 * 1024 * 1024 + 1 } as const;
type Service = keyof typeof OVERSIZE;
const REDIRECTED = '?redirected';

/** A certificate authority's OCSP responder and CRL host over real HTTP on loopback, whose faults are played on the wire. */
export async function startPkiServer(options: PkiServerOptions = {}): Promise<PkiServer> {
  const now = options.now ?? (() => new Date());
  const requests: SeenPkiRequest[] = [];
  /** By their number; undefined while one is made. */
  const chains: (ServedChain | undefined)[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('error', () => response.destroy());
    incoming.on('end', () => {
      const address = new URL(incoming.url ?? '/', url);
      const { pathname: path } = address;
      requests.push({ method: incoming.method ?? '', path, headers: incoming.headers, body: Buffer.concat(chunks) });
      answer(address, response);
    });
  });
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const answer = ({ pathname, search }: URL, response: ServerResponse): void => {
    const match = /^\/(\d+)\/(ocsp|crl|delta)\/(\d+)(?:\/|$)/.exec(pathname);
    const chain = chains[Number(match?.[1])];
    const [service, index] = [match?.[2] as Service, Number(match?.[3])];
    const state = chain?.states[index];
    if (chain === undefined || state === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { fault, delayMs = 0 } = state[service];
    // Whole seconds: DER has no others in these times (RFC 5280 §4.1.2.5.2).
    const time = new Date(Math.floor(now().getTime() / 1000) * 1000);
    const good = (): Buffer => encode(chain, index, service, time);
    // Where the redirect leads, the answer is good: who follows it is found out.
    const played = search === REDIRECTED ? undefined : fault;
    const timer = setTimeout(() => play(response, played, good, service, `${url}${pathname}${REDIRECTED}`), delayMs);
    response.on('close', () => clearTimeout(timer));
  };

  return {
    url,
    requests,
    issue: async ({ names = ['ocsp'], more = [], ...chainOptions } = {}) => {
      const place = chains.length;
      const addresses = (index: number) =>
        revocationExtensions({
          ...(names.includes('ocsp') ? { ocsp: [`${url}/${place}/ocsp/${index}`] } : {}),
          ...(names.includes('crl') ? { crl: [`${url}/${place}/crl/${index}`] } : {}),
          ...(names.includes('freshestCrl') ? { freshestCrl: [`${url}/${place}/delta/${index}`] } : {}),
        });
      const length = chainOptions.length ?? 3;
      chains.push(undefined);
      const chain = await createChain({
        leafExtensions: [...leafExtensions(), ...addresses(0), ...more],
        // The root has length - 2 authorities below it, and names nothing.
        caExtensions: (depth) => [...caExtensions(depth), ...(depth < length - 2 ? addresses(depth + 1) : [])],
        ...chainOptions,
      });
      const served = serve(chain);
      chains[place] = served;
      return served;
    },
    close: sockets.close,
  };
}

function serve(chain: Chain): ServedChain {
  return {
    ...chain,
    states: chain.certificates.slice(0, -1).map(() => ({ ocsp: {}, crl: {}, delta: {} })),
    authority: (index) => {
      const [certificate, key] = [chain.certificates[index], chain.keys[index]];
      if (certificate === undefined || key === undefined) throw new RangeError(`the chain has no certificate ${index}`);
      return { certificate, key };
    },
  };
}

function encode(chain: ServedChain, index: number, service: Service, now: Date): Buffer {
  const issuer = chain.authority(index + 1);
  const { certificate } = chain.authority(index);
  const state = chain.states[index];
  const revoked = state?.revoked;
  const times = {
    thisUpdate: new Date(now.getTime() - HOUR_MS),
    nextUpdate: new Date(now.getTime() + 24 * HOUR_MS),
  };
  if (service === 'ocsp') {
    return encodeOcspAnswer({ certificate, issuer, status: revoked ?? 'good', ...times, ...state?.ocsp.changes });
  }
  const entries = revoked === undefined ? [] : [{ certificate, ...revoked }];
  return service === 'crl'
    ? encodeCrl({ issuer, entries, number: 10, ...times, ...state?.crl.changes })
    : encodeCrl({ issuer, number: 11, baseNumber: 10, ...times, ...state?.delta.changes });
}

function play(
  response: ServerResponse,
  fault: WireFault | undefined,
  good: () => Buffer,
  service: Service,
  elsewhere: string,
): void {
  switch (fault) {
    case undefined:
      response.end(good());
      return;
    case 'drop':
      response.destroy();
      return;
    case 'hang':
      return;
    case 'drip': {
      response.write('0');
      const timer = setInterval(() => response.write('0'), 50);
      response.on('close', () => clearInterval(timer));
      return;
    }
    case 'status-500':
      // With a good answer in it, which must not count.
      response.writeHead(500).end(good());
      return;
    case 'redirect':
      response.writeHead(302, { location: elsewhere }).end(good());
      return;
    case 'garbage':
      response.end('<html><body>Welcome to the hotel network</body></html>');
      return;
    case 'truncated': {
      const bytes = good();
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, -8), () => response.destroy());
      return;
    }
    case 'oversize':
      response.end(Buffer.alloc(OVERSIZE[service], 0x30));
      return;
  }
}
