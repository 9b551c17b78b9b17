import {
  AwsError,
  parseSigningProfileArn,
  type SignerService,
  type SigningProfileArn,
  signerAttributes,
} from '../aws/index.ts';
import {
  checkSignature,
  createPayload,
  type Descriptor,
  type Envelope,
  MEDIA_TYPE_JWS,
  NotaryError,
  parseEnvelope,
  signatureAnnotations,
} from '../notary/index.ts';
import type { Signer } from './signer.ts';

export interface AwsSignerInput {
  readonly profileArn: string;
  readonly assumeRoleArn?: string;
  readonly service: Pick<SignerService, 'signPayload'>;
}

/**
 * A signer that asks AWS Signer's SignPayload (aws.md, "Signing"). What comes back is checked before anyone uses it:
 * its signature verifies, its descriptor is the one that was sent, and it names the profile. Otherwise the image would
 * never count as signed, and be signed again and again.
 * @throws AwsError InvalidArn
 */
export function createAwsSigner(input: AwsSignerInput): Signer {
  const profile = parseSigningProfileArn(input.profileArn);
  return {
    name: profile.versionArn ?? profile.arn,
    claimProvenBy: 'authenticity',
    claims: (envelope) => claimsProfile(envelope, profile),
    sign: async ({ subject, userMetadata }, signal) => {
      const payload = createPayload(subject, userMetadata);
      const answer = await input.service.signPayload(
        { profile, payload, ...(input.assumeRoleArn === undefined ? {} : { assumeRoleArn: input.assumeRoleArn }) },
        signal,
      );
      const envelope = checkAnswer(answer.envelope, { ...subject, annotations: userMetadata ?? {} }, profile);
      const attributes = signerAttributes(envelope);
      return {
        bytes: answer.envelope,
        mediaType: MEDIA_TYPE_JWS,
        envelope,
        annotations: {
          ...answer.metadata,
          ...signatureAnnotations([...envelope.certificates], envelope.authenticSigningTime ?? new Date(0)),
        },
        ...(attributes === undefined
          ? {}
          : { jobArn: attributes.jobArn, profileVersionArn: attributes.profileVersionArn }),
      };
    },
  };
}

/** Any version of the profile; where one is pinned, that one alone. */
function claimsProfile(envelope: Envelope, profile: SigningProfileArn): boolean {
  const attributes = signerAttributes(envelope);
  if (attributes === undefined) return false;
  const version = attributes.profileVersionArn.toLowerCase();
  if (profile.versionArn !== undefined) return version === profile.versionArn.toLowerCase();
  return version.slice(0, version.lastIndexOf('/')) === profile.arn.toLowerCase();
}

function checkAnswer(bytes: Uint8Array, subject: Descriptor, profile: SigningProfileArn): Envelope {
  const refuse = (found: string, cause?: unknown): AwsError =>
    new AwsError(
      'Unavailable',
      `SignPayload with ${profile.arn}: expected a valid JWS envelope over ${subject.digest}; ${found}`,
      {
        cause,
      },
    );
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(bytes, MEDIA_TYPE_JWS);
  } catch (error) {
    if (error instanceof NotaryError) throw refuse(`found ${error.message}`, error);
    throw error;
  }
  const broken = checkSignature(envelope);
  if (broken !== undefined) throw refuse(broken.reason);
  const { digest, mediaType, size } = envelope.subject;
  if (digest !== subject.digest || mediaType !== subject.mediaType || size !== subject.size) {
    throw refuse(`found one over ${mediaType} ${digest} of ${size} bytes`);
  }
  const { annotations = {} } = envelope.subject;
  const lost = Object.entries(subject.annotations ?? {}).find(([key, value]) => annotations[key] !== value);
  if (lost !== undefined) throw refuse(`found one without the user metadata ${lost[0]}`);
  if (!claimsProfile(envelope, profile)) throw refuse('found one that does not name this profile');
  return envelope;
}
