import type { X509Certificate } from 'node:crypto';
import {
  distinguishedNameOf,
  type Envelope,
  type RevocationResult,
  thumbprints,
  type VerificationPlugin,
} from '../notary/index.ts';
import { printable } from '../transport/index.ts';
import { AwsError } from './aws-error.ts';
import { certificateHashes } from './certificate-hashes.ts';
import {
  ATTRIBUTE_PROFILE_ALIAS,
  ATTRIBUTE_PROFILE_VERSION,
  ATTRIBUTE_SIGNING_JOB,
  readSignerAttributes,
  SIGNER_PLUGIN_NAME,
  type SignerAttributes,
} from './signer-attributes.ts';
import type { SignerService } from './signer-service.ts';
import { matchSignerIdentity } from './trusted-identity.ts';

type RevokedKind = Extract<RevocationResult, { readonly status: 'revoked' }>['kind'];
type StatusSource = Pick<SignerService, 'getRevocationStatus'>;

const MAX_REVOKED = 20;

/**
 * What AWS Signer's plugin for Notation does, natively (aws.md, "Verifying a Signer signature"): its critical
 * attributes, profiles as identities, and revocation by GetRevocationStatus.
 */
export function createSignerPlugin(service: StatusSource): VerificationPlugin {
  return {
    name: SIGNER_PLUGIN_NAME,
    // The plugin's first public release: all that it checks is checked here. Signer's envelopes ask for no version so far.
    version: '1.0.298',
    attributes: new Set([ATTRIBUTE_SIGNING_JOB, ATTRIBUTE_PROFILE_VERSION, ATTRIBUTE_PROFILE_ALIAS]),
    refuse: (envelope) => {
      const attributes = readSignature(envelope);
      return typeof attributes === 'string' ? attributes : undefined;
    },
    matchesIdentity: (envelope, trustedIdentities) => {
      const signature = readSignature(envelope);
      if (typeof signature === 'string') return { trusted: false, reason: signature };
      return matchSignerIdentity(signature.attributes, trustedIdentities);
    },
    checkRevocation: (envelope, { signal }) => checkRevocation(service, envelope, signal),
  };
}

interface SignerSignature {
  readonly attributes: SignerAttributes;
  readonly signedAt: Date;
}

/** What the checks need of a signature of AWS Signer, or a sentence that says why it is none. */
function readSignature(envelope: Envelope): SignerSignature | string {
  const { format, scheme, authenticSigningTime } = envelope;
  if (format !== 'JWS') return `AWS Signer signs JWS envelopes only; found ${format}`;
  if (scheme !== 'notary.x509.signingAuthority') {
    return `AWS Signer signs with the scheme notary.x509.signingAuthority; found ${scheme}`;
  }
  if (authenticSigningTime === undefined) return 'the authentic signing time is missing';
  const attributes = readSignerAttributes(envelope);
  return typeof attributes === 'string' ? attributes : { attributes, signedAt: authenticSigningTime };
}

async function checkRevocation(
  service: StatusSource,
  envelope: Envelope,
  signal: AbortSignal,
): Promise<RevocationResult> {
  const signature = readSignature(envelope);
  if (typeof signature === 'string') return { status: 'unknown', reason: signature };
  const { jobArn, profileVersionArn } = signature.attributes;
  const { certificates } = envelope;
  try {
    const { revokedEntities } = await service.getRevocationStatus(
      { jobArn, profileVersionArn, certificates, signatureTimestamp: signature.signedAt },
      signal,
    );
    if (revokedEntities.length > 0) return revoked(revokedEntities, certificates);
    return { status: 'good', reason: 'AWS Signer reports nothing revoked' };
  } catch (error) {
    signal.throwIfAborted();
    // A failed call says nothing about the signature: it is never told as revoked.
    if (error instanceof AwsError) return { status: 'unknown', reason: error.message };
    throw error;
  }
}

function revoked(entities: readonly string[], certificates: readonly X509Certificate[]): RevocationResult {
  const kinds = entities.map(kindOf);
  const kind = (['signingJob', 'signingProfile', 'certificate'] as const).find((one) => kinds.includes(one));
  const names = entities
    .slice(0, MAX_REVOKED)
    .map((entity, i) => (kinds[i] === 'certificate' ? certificateName(entity, certificates) : printable(entity, 300)));
  return {
    status: 'revoked',
    kind: kind ?? 'certificate',
    revoked: names,
    reason: `AWS Signer reports as revoked: ${printable(names.join(', '), 700)}`,
  };
}

function kindOf(entity: string): RevokedKind {
  if (!entity.toLowerCase().startsWith('arn')) return 'certificate';
  return entity.includes('/signing-jobs/') ? 'signingJob' : 'signingProfile';
}

/** AWS names a certificate by its hash; a person knows it by its subject. */
function certificateName(entity: string, certificates: readonly X509Certificate[]): string {
  const hash = entity.toLowerCase();
  const i = certificateHashes(certificates).findIndex((pair) => pair === hash || pair.slice(0, 96) === hash);
  const certificate = certificates[i];
  if (certificate === undefined) return printable(entity, 200);
  return `${distinguishedNameOf(certificate)} (sha256:${thumbprints([certificate])[0]})`;
}
