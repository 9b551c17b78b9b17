import { type Descriptor, parseTrustStore } from '../../src/notary/index.ts';
import {
  anonymous,
  type CredentialProvider,
  parseReference,
  pushSignature,
  RegistryClient,
} from '../../src/oci/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';
import { createPolicySet, type ImageEvaluation, ImageVerifier } from '../../src/verification/index.ts';
import type { PushedImage } from './images.ts';
import { checkRevocationOffline, verifyTimestampOffline } from './no-network.ts';

/** A client of registries on this machine, which speak plain HTTP. */
export function localClient(
  options: {
    readonly credentials?: CredentialProvider;
    readonly onRequest?: (request: { readonly operation: string }) => void;
  } = {},
): RegistryClient {
  const { credentials = anonymous, onRequest } = options;
  return new RegistryClient({
    dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
    credentials,
    plainHTTPHosts: (host) => host.startsWith('127.0.0.1:'),
    userAgent: 'sealwatch-test',
    maxAttempts: 2,
    timeoutMs: 10_000,
    ...(onRequest === undefined ? {} : { onRequest }),
  });
}

/** Pushes an envelope beside an image, whatever it holds. @returns the digest of the signature manifest */
export async function attach(
  client: RegistryClient,
  image: PushedImage,
  envelope: Uint8Array,
  mediaType: string,
): Promise<string> {
  const artifact = { envelope, mediaType, annotations: {} };
  const pushed = await pushSignature(client, parseReference(image.reference), subjectOf(image), artifact, deadline());
  return pushed.digest;
}

/** The descriptor of a pushed image. */
export function subjectOf({ mediaType, digest, size }: PushedImage): Descriptor {
  return { mediaType, digest, size };
}

/** Judges an image as the operator does, under one strict statement for its repository. */
export function evaluate(
  client: RegistryClient,
  image: Pick<PushedImage, 'repository' | 'digest'>,
  trust: {
    /** PEM of the roots in the store. */
    readonly roots: string;
    /** Default ca. */
    readonly type?: 'ca' | 'signingAuthority';
    readonly identities?: readonly string[];
    readonly now?: Date;
    readonly maxSignatures?: number;
  },
): Promise<ImageEvaluation> {
  const { roots, type = 'ca', identities = ['*'], now, maxSignatures = 100 } = trust;
  const { registry, repository } = parseReference(`${image.repository}@${image.digest}`);
  const store = parseTrustStore(type, 'acme', roots);
  const policies = createPolicySet([
    {
      metadata: { name: 'policy', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        version: '1.0',
        trustPolicies: [
          {
            name: 'statement',
            registryScopes: [`${registry}/${repository}`],
            signatureVerification: { level: 'strict' },
            trustStores: [`${type}:acme`],
            trustedIdentities: [...identities],
          },
        ],
      },
    },
  ]);
  const verifier = new ImageVerifier({
    policies: () => policies,
    findTrustStore: (kind, name) => (kind === type && name === 'acme' ? store : undefined),
    plugins: [],
    checkRevocation: checkRevocationOffline(),
    verifyTimestamp: verifyTimestampOffline(),
    clock: () => now ?? new Date(),
    maxSignatures,
    keptListMaxAgeMs: 0,
    signatureCacheBytes: 1024 * 1024,
  });
  const reference = { registry, repository, digest: image.digest };
  return verifier.verify({ reference, client, list: 'registry' }, deadline());
}

/** Long enough for any one operation of a test. */
export function deadline(): AbortSignal {
  return AbortSignal.timeout(20_000);
}
