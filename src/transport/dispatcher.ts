import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { checkLiteralHost, createAddressGuard, guardedLookup } from './address-guard.ts';

export interface DispatcherOptions {
  /** CIDRs that may be connected to although they are loopback, link-local or of a metadata service. */
  readonly allowAddresses: readonly string[];
  /** PEM, trusted beside the system's roots. */
  readonly ca?: string;
  /** Connections to one host at once. */
  readonly connectionsPerHost?: number;
}

/**
 * What all requests to foreign hosts go through: the address rule at every connection, TLS 1.2 or newer, and the
 * proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. A proxy resolves names itself: there the address rule is its own.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const guard = createAddressGuard(options.allowAddresses);
  const tls = {
    minVersion: 'TLSv1.2' as const,
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  };
  const shared = {
    connect: { ...tls, lookup: guardedLookup(guard), timeout: 10_000 },
    connections: options.connectionsPerHost ?? 8,
    maxHeaderSize: 32 * 1024,
  };
  const direct = new Agent(shared).compose((dispatch) => (opts, handler) => {
    checkLiteralHost(guard, new URL(String(opts.origin)).hostname);
    return dispatch(opts, handler);
  });
  const proxied = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].some(
    (name) => (process.env[name] ?? '') !== '',
  );
  return proxied ? new EnvHttpProxyAgent({ ...shared, requestTls: tls }) : direct;
}
