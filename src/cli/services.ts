import { createSignerPlugin, SignerService } from '../aws/index.ts';
import {
  type ChainRevocationChecker,
  createChainRevocationChecker,
  createRevocationChecker,
  type RequestTimestamp,
  type RevocationChecker,
  type TimestampVerifier,
  type VerificationPlugin,
  verifyTimestampNotSupported,
} from '../notary/index.ts';
import { createHttpFetch } from '../pki/index.ts';
import { createDispatcher } from '../transport/index.ts';
import { USER_AGENT } from '../version.ts';

export interface ServiceOptions {
  /** Addresses that hosts named in certificates may have although they are loopback, link-local or metadata (H7). */
  readonly allowAddresses?: readonly string[];
  readonly awsEndpoint?: string;
}

/** What a command asks beside the registry: revocation services, time stamping authorities, AWS Signer. */
export interface Services {
  readonly signer: SignerService;
  readonly plugins: readonly VerificationPlugin[];
  readonly checkRevocation: RevocationChecker;
  readonly verifyTimestamp: TimestampVerifier;
  readonly checkChainRevocation: ChainRevocationChecker;
  readonly close: () => Promise<void>;
}

/** Answers serve for one run only. */
const REFRESH_MS = 60 * 60_000;

/** Puts the services together. Connections are made when they are needed. */
export function createServices(options: ServiceOptions): Services {
  const { allowAddresses = [], awsEndpoint } = options;
  const dispatcher = createDispatcher({ allowAddresses });
  const fetch = createHttpFetch({ dispatcher, userAgent: USER_AGENT });
  const checkChain = createChainRevocationChecker({ fetch, refreshMs: REFRESH_MS });
  const signer = new SignerService(awsEndpoint === undefined ? {} : { endpoint: awsEndpoint });
  return {
    signer,
    plugins: [createSignerPlugin(signer)],
    checkRevocation: createRevocationChecker(checkChain),
    verifyTimestamp: verifyTimestampNotSupported,
    checkChainRevocation: checkChain,
    close: async () => {
      signer.close();
      await dispatcher.close();
    },
  };
}

export function timestampRequester(_services: Services, _url: string, _rootPem: string): RequestTimestamp {
  throw new Error('pending');
}
