import { createSecureContext, getCACertificates } from 'node:tls';
import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { checkLiteralHost, createAddressGuard, guardedLookup } from './address-guard.ts';

export interface DispatcherOptions {
  /** CIDRs that may be connected to although they are loopback, link-local or of a metadata service. */
  readonly allowAddresses?: readonly string[];
  /** Private addresses are refused as well; default false. */
  readonly refusePrivate?: boolean;
  /** PEM certificates, trusted beside the roots that Node trusts. */
  readonly ca?: string | readonly string[];
  /** Connections to one host at once; default 8. */
  readonly connectionsPerHost?: number;
  /** Instead of HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment; an empty string means none. */
  readonly proxy?: { readonly http: string; readonly https: string; readonly none: string };
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 32 * 1024;

/**
 * What all requests to foreign hosts go through: the address rule at every connection (design.md, "Outbound"), TLS 1.2
 * or newer, and the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. A proxy resolves names itself, so there the rule
 * covers only hosts that are addresses; and the proxy may be anywhere, since the operator's configuration names it.
 * Requests reject with AddressRefusedError when the rule forbids every address of their host.
 * @returns a dispatcher with kept-alive connections; `close()` it when it is not used any more
 * @throws RangeError when an entry of allowAddresses cannot be read
 */
export function createDispatcher(options: DispatcherOptions = {}): Dispatcher {
  const guard = createAddressGuard(options.allowAddresses ?? [], options.refusePrivate);
  const { ca, proxy } = options;
  // Made once: with a hundred roots it takes longer than a handshake.
  const secureContext = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ...(typeof ca === 'string' ? [ca] : ca)] }),
  });
  const tls = { secureContext };
  const agent = new EnvHttpProxyAgent({
    connect: { ...tls, lookup: guardedLookup(guard), timeout: CONNECT_TIMEOUT_MS },
    requestTls: { ...tls, timeout: CONNECT_TIMEOUT_MS },
    connections: options.connectionsPerHost ?? 8,
    maxHeaderSize: MAX_HEADER_BYTES,
    // HTTP/1.1 only: one request a connection, so that a body that drips cannot hold up another.
    allowH2: false,
    ...(proxy === undefined ? {} : { httpProxy: proxy.http, httpsProxy: proxy.https, noProxy: proxy.none }),
  });
  return agent.compose((dispatch) => (request, handler) => {
    checkLiteralHost(guard, new URL(String(request.origin)).hostname);
    return dispatch(request, handler);
  });
}
