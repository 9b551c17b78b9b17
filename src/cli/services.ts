import { randomBytes } from 'node:crypto';
import { createSignerPlugin, SignerService } from '../aws/index.ts';
import {
  type ChainRevocationChecker,
  createChainRevocationChecker,
  createRevocationChecker,
  createTimestampRequester,
  createTimestampVerifier,
  parseTrustStore,
  type RequestTimestamp,
  type RevocationChecker,
  type TimestampVerifier,
  type VerificationPlugin,
} from '../notary/index.ts';
import { createHttpFetch } from '../pki/index.ts';
import { createDispatcher } from '../transport/index.ts';
import { USER_AGENT } from '../version.ts';
import { dispatcherToNamedHosts } from './dispatcher.ts';

export interface ServiceOptions {
  /** Addresses that hosts named in certificates may have although they are loopback, link-local or metadata (H7). */
  readonly allowAddresses?: readonly string[];
  readonly awsEndpoint?: string;
  /** Stands between a verification and what is asked about revocation; default nothing. */
  readonly around?: AroundRevocation;
}

/** Answers a question about revocation itself, or passes it on. */
export interface AroundRevocation {
  readonly chain: (check: ChainRevocationChecker) => ChainRevocationChecker;
  readonly plugin: (plugin: VerificationPlugin) => VerificationPlugin;
}

/** What a command asks beside the registry: revocation services, time stamping authorities, AWS Signer. */
export interface Services {
  readonly signer: SignerService;
  readonly plugins: readonly VerificationPlugin[];
  readonly checkRevocation: RevocationChecker;
  readonly verifyTimestamp: TimestampVerifier;
  /** @throws NotaryError when the roots or the address cannot do */
  readonly timestampRequester: (url: string, rootsPem: string) => RequestTimestamp;
  readonly close: () => Promise<void>;
}

/** Answers serve for one run only. */
const REFRESH_MS = 60 * 60_000;

/** Puts the services together. Connections are made when they are needed. */
export function createServices(
  { allowAddresses = [], awsEndpoint, around }: ServiceOptions,
  env: NodeJS.ProcessEnv,
): Services {
  const named = dispatcherToNamedHosts(env, allowAddresses);
  const guarded = createDispatcher({ allowAddresses });
  const askServices = createChainRevocationChecker({
    fetch: createHttpFetch({ dispatcher: guarded, userAgent: USER_AGENT }),
    refreshMs: REFRESH_MS,
  });
  const checkChainRevocation = around?.chain(askServices) ?? askServices;
  const signer = new SignerService(awsEndpoint === undefined ? {} : { endpoint: awsEndpoint });
  const plugin = createSignerPlugin(signer);
  return {
    signer,
    plugins: [around?.plugin(plugin) ?? plugin],
    checkRevocation: createRevocationChecker(checkChainRevocation),
    verifyTimestamp: createTimestampVerifier({ checkChainRevocation }),
    timestampRequester: (url, rootsPem) =>
      createTimestampRequester({
        fetch: createHttpFetch({ dispatcher: named, userAgent: USER_AGENT }),
        url,
        tsaRoots: parseTrustStore('tsa', 'given by --timestamp-root', rootsPem).certificates,
        randomBytes,
        checkChainRevocation,
      }),
    close: async () => {
      signer.close();
      await Promise.all([named.close(), guarded.close()]);
    },
  };
}
