export type { ArtifactStore, Manifest, Referrer } from './artifact-store.ts';
export {
  anonymous,
  type CredentialProvider,
  type Credentials,
  chainCredentials,
  dockerConfigCredentials,
} from './credentials.ts';
export { digestOf } from './digest.ts';
export { isContentFault, isGone, OciError, type OciErrorCode } from './error.ts';
export { entryFor, type IndexEntry, isPlatformManifest } from './image-index.ts';
export { OciLayout } from './layout.ts';
export { type Mirror, Mirrors, NO_MIRRORS } from './mirrors.ts';
export { formatReference, isDigest, parseReference, type Reference, repositoryName } from './reference.ts';
export { listReferrers } from './referrers.ts';
export { RegistryClient } from './registry-client.ts';
export type { RegistrySessionOptions } from './registry-session.ts';
export {
  deleteSignature,
  fetchSignature,
  listSignatures,
  pushSignature,
  type SignatureArtifact,
} from './signatures.ts';
