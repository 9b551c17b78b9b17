export type { ArtifactStore, Manifest, Referrer } from './artifact-store.ts';
export {
  anonymous,
  type Candidate,
  type CredentialProvider,
  type Credentials,
  candidatesOf,
  chainCredentials,
} from './credentials.ts';
export { checkContent, digestOf } from './digest.ts';
export { type DockerConfigForm, dockerConfigCredentials, loginCredentials } from './docker-config.ts';
export { isContentFault, isGone, OciError, type OciErrorCode } from './error.ts';
export {
  entryFor,
  type IndexEntry,
  isPlatformManifest,
  type PlatformManifest,
  platformManifests,
} from './image-index.ts';
export { parseDescriptor } from './index-entries.ts';
export { type ContentCache, withContent } from './kept-content.ts';
export { OciLayout } from './layout.ts';
export { type Mirror, Mirrors, NO_MIRRORS } from './mirrors.ts';
export { formatReference, isDigest, parseReference, type Reference, repositoryName } from './reference.ts';
export { listReferrers } from './referrers.ts';
export { RegistryClient } from './registry-client.ts';
export { hostAlias, MAX_KEY_LENGTH, parseKey } from './registry-key.ts';
export { RegistryMemory } from './registry-memory.ts';
export type { RegistrySessionOptions } from './registry-session.ts';
export {
  deleteSignature,
  fetchSignature,
  listSignatures,
  pushSignature,
  relistSignature,
  type SignatureArtifact,
  type SignatureList,
} from './signatures.ts';
