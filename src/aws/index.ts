export {
  isRoleArn,
  parseSigningJobArn,
  parseSigningProfileArn,
  type SigningJobArn,
  type SigningProfileArn,
} from './arn.ts';
export { AwsError, type AwsErrorCode } from './aws-error.ts';
export type { AwsEndpoint, AwsOptions, AwsRequestEvent, AwsService } from './aws-options.ts';
export { certificateHashes } from './certificate-hashes.ts';
export {
  type EcrAuthorization,
  type EcrCredentialProvider,
  type EcrCredentials,
  type EcrIdentity,
  type EcrOptions,
  ecrCredentials,
} from './ecr.ts';
export { type EcrHost, parseEcrHost } from './ecr-host.ts';
export { type ListedProfile, type RevokeProfileRequest, SignerAdmin, type ValidityPeriod } from './signer-admin.ts';
export { SIGNER_PLUGIN_NAME, type SignerAttributes, signerAttributes } from './signer-attributes.ts';
export { createSignerPlugin } from './signer-plugin.ts';
export {
  type RevocationStatus,
  type RevocationStatusRequest,
  type RevokeSignatureRequest,
  type SignedPayload,
  SignerService,
  type SignPayloadRequest,
} from './signer-service.ts';
export type { SigningProfile, SigningProfileRequest, SigningProfileStatus } from './signing-profile.ts';
