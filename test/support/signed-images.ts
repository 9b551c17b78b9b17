import { type Descriptor, parseTrustStore, signEnvelope } from '../../src/notary/index.ts';
import {
  anonymous,
  parseReference,
  pushSignature,
  RegistryClient,
  type RegistrySessionOptions,
} from '../../src/oci/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';
import { createPolicySet, type ImageEvaluation, ImageVerifier } from '../../src/verification/index.ts';
import type { PushedImage } from './images.ts';
import { checkRevocationOffline, verifyTimestampOffline } from './no-network.ts';
import type { Chain } from './pki.ts';

/** A client of registries on this machine, which speak plain HTTP unless it is told otherwise. */
export function localClient(options: Partial<RegistrySessionOptions> = {}): RegistryClient {
  return new RegistryClient({
    dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
    credentials: anonymous,
    plainHTTPHosts: (host) => host.startsWith('127.0.0.1:'),
    userAgent: 'sealwatch-test',
    maxAttempts: 2,
    timeoutMs: 10_000,
    ...options,
  });
}

/** Signs an image with the leaf of a chain, and pushes the signature. @returns the digest of the signature manifest */
export async function signImage(
  client: RegistryClient,
  image: PushedImage,
  { certificates, key }: Pick<Chain, 'certificates' | 'key'>,
): Promise<string> {
  const { bytes, mediaType } = await signEnvelope({
    subject: subjectOf(image),
    key,
    certificates,
    format: 'JWS',
    signingTime: new Date(),
    signingAgent: 'test/1',
  });
  return attach(client, image, bytes, mediaType);
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

export interface Trust {
  /** PEM of the roots in the store. */
  readonly roots: string;
  /** Default ca. */
  readonly type?: 'ca' | 'signingAuthority';
  readonly identities?: readonly string[];
  readonly now?: Date;
  readonly maxSignatures?: number;
  /** How long a kept list stands in for a registry that throttles, milliseconds; default not at all. */
  readonly keptListMaxAgeMs?: number;
  /** For one verification, milliseconds. */
  readonly timeoutMs?: number;
}

/** A verifier as the operator has one, under one strict statement for some repositories (`host/path`). */
export function localVerifier(repositories: readonly string[], trust: Trust): ImageVerifier {
  const { roots, type = 'ca', identities = ['*'], now, maxSignatures = 100 } = trust;
  const store = parseTrustStore(type, 'acme', roots);
  const policies = createPolicySet([
    {
      metadata: { name: 'policy', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        version: '1.0',
        trustPolicies: [
          {
            name: 'statement',
            registryScopes: [...repositories],
            signatureVerification: { level: 'strict' },
            trustStores: [`${type}:acme`],
            trustedIdentities: [...identities],
          },
        ],
      },
    },
  ]);
  return new ImageVerifier({
    policies: () => policies,
    findTrustStore: (kind, name) => (kind === type && name === 'acme' ? store : undefined),
    plugins: [],
    checkRevocation: checkRevocationOffline(),
    verifyTimestamp: verifyTimestampOffline(),
    clock: () => now ?? new Date(),
    maxSignatures,
    keptListMaxAgeMs: trust.keptListMaxAgeMs ?? 0,
    signatureCacheBytes: 1024 * 1024,
    ...(trust.timeoutMs === undefined ? {} : { timeoutMs: trust.timeoutMs }),
  });
}

/** Judges an image as the operator does at first sight, under one strict statement for its repository. */
export function evaluate(
  client: RegistryClient,
  image: Pick<PushedImage, 'repository' | 'digest'>,
  trust: Trust,
): Promise<ImageEvaluation> {
  const { registry, repository } = parseReference(`${image.repository}@${image.digest}`);
  const verifier = localVerifier([`${registry}/${repository}`], trust);
  const reference = { registry, repository, digest: image.digest };
  return verifier.verify({ reference, client, list: 'registry' }, deadline());
}

/** Long enough for any one operation of a test. */
export function deadline(): AbortSignal {
  return AbortSignal.timeout(60_000);
}
