import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import {
  type ChainRevocationChecker,
  createChainRevocationChecker,
  createTimestampRequester,
} from '../notary/index.ts';
import { createHttpFetch, type HttpFetchOptions, openDiskCache } from '../pki/index.ts';
import { createDispatcher } from '../transport/index.ts';
import { USER_AGENT } from '../version.ts';
import type { RequestSignerOptions } from './request-signer.ts';

/** What is asked over HTTP about certificates, and of whom. */
export interface CertificateServices extends Pick<RequestSignerOptions, 'timestampRequester'> {
  readonly checkChainRevocation: ChainRevocationChecker;
}

/**
 * OCSP, CRLs and time stamping authorities, with the address rule of all outbound requests (notary.md H7).
 * A tenant names the authority, with any path, and plain HTTP is usual there: so for those private addresses are refused
 * as well, where the services of the cluster and the company are (design.md, "Outbound").
 */
export function createCertificateServices(
  config: Config,
  logger: Logger,
  told: {
    readonly onRequest?: NonNullable<HttpFetchOptions['onRequest']>;
    readonly onLookup?: (isHit: boolean) => void;
  } = {},
): CertificateServices {
  const { allowAddresses, revocationCacheDir: folder } = config;
  const { onRequest, onLookup } = told;
  const fetchOf = (refusePrivate: boolean) =>
    createHttpFetch({
      dispatcher: createDispatcher({ allowAddresses, refusePrivate }),
      userAgent: USER_AGENT,
      ...(onRequest === undefined ? {} : { onRequest }),
    });
  const onFault = (err: unknown): void =>
    logger.warn({ err, folder }, 'the revocation cache on disk cannot be used; going on without what it cannot keep');
  const checkChainRevocation = createChainRevocationChecker({
    fetch: fetchOf(false),
    refreshMs: config.revocationRefreshMs,
    ...(onLookup === undefined ? {} : { onLookup }),
    ...(folder === undefined ? {} : { cache: openDiskCache({ folder, onFault }) }),
  });
  const fetch = fetchOf(true);
  return {
    checkChainRevocation,
    timestampRequester: (url, tsaRoots) =>
      createTimestampRequester({ fetch, url, tsaRoots, randomBytes, checkChainRevocation }),
  };
}
