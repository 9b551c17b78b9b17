import {
  createChainRevocationChecker,
  createRevocationChecker,
  createTimestampVerifier,
  type Descriptor,
  parseTrustPolicyDocument,
  type SignatureOutcome,
  selectStatement,
  type TrustPolicyDocument,
  verifySignature,
} from '../../../src/notary/index.ts';
import { createHttpFetch } from '../../../src/pki/index.ts';
import { createDispatcher } from '../../../src/transport/index.ts';
import { readStores, type StoreFiles } from './trust.ts';

export interface OursInput {
  readonly envelope: Uint8Array;
  readonly mediaType: string;
  readonly subject: Descriptor;
  /** `registry/repository`. */
  readonly scope: string;
  readonly policy: TrustPolicyDocument;
  readonly stores: StoreFiles;
  readonly requiredMetadata?: Readonly<Record<string, string>>;
}

const HOUR_MS = 60 * 60_000;
/** HTTP to this machine: CRLs, OCSP and timestamps of the suite. */
export const fetch = createHttpFetch({
  dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
  userAgent: 'sealwatch-conformance',
});

/** No statement of the policy names the repository: the image is not covered. */
export class NoStatementError extends Error {}

/**
 * Verifies as the operator does, by the clock: notation-go has no other.
 * @throws NotaryError when policy or stores are refused; NoStatementError
 */
export async function verifyOurs(input: OursInput): Promise<SignatureOutcome> {
  const { envelope, mediaType, subject, scope, policy, stores, requiredMetadata = {} } = input;
  // Of its own: nothing that was kept of one question answers another.
  const checkChainRevocation = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
  const statement = selectStatement(parseTrustPolicyDocument(policy), scope);
  if (statement === undefined) throw new NoStatementError(`no statement applies to ${scope}`);
  return verifySignature({
    envelopeBytes: envelope,
    mediaType,
    subject,
    statement,
    findTrustStore: readStores(stores).find,
    requiredMetadata,
    now: new Date(),
    plugins: [],
    checkRevocation: createRevocationChecker(checkChainRevocation),
    verifyTimestamp: createTimestampVerifier({ checkChainRevocation }),
    signal: AbortSignal.timeout(20_000),
  });
}
