export { signatureAlgorithmOf, thumbprints, verifyWithAlgorithm } from './algorithm.ts';
export { checkChain } from './certificates/chain.ts';
export { distinguishedNameOf } from './certificates/distinguished-name.ts';
export { type ParsedCertificate, parseCertificate } from './certificates/parsed-certificate.ts';
export { parseCertificatesPem, parsePrivateKeyPem } from './certificates/pem.ts';
export type { Descriptor } from './descriptor.ts';
export { formatRfc3339, parseRfc3339 } from './encoding.ts';
export {
  type Envelope,
  type EnvelopeMediaType,
  MEDIA_TYPE_COSE,
  MEDIA_TYPE_JWS,
  PAYLOAD_TYPE,
  type SignatureAlgorithm,
  type SignatureFormat,
  type SigningScheme,
} from './envelope/envelope.ts';
export { parseEnvelope } from './envelope/parse.ts';
export { NotaryError, type NotaryErrorCode } from './error.ts';
export { type Fetch, type FetchAnswer, FetchError, type FetchRequest } from './fetch.ts';
export { checkIntegrity, checkSignature, type IntegrityFailure } from './integrity.ts';
export type {
  CheckAction,
  CheckCode,
  CheckResult,
  CheckResultKind,
  CheckType,
  SignatureOutcome,
  SignatureVerdict,
} from './outcome.ts';
export { CHECK_TYPES } from './outcome.ts';
export { parseTrustStore } from './parse-trust-store.ts';
export { createPayload } from './payload.ts';
export type { VerificationPlugin } from './plugin.ts';
export type { RevocationCache } from './revocation/answer-store.ts';
export {
  type ChainRevocationOptions,
  createChainRevocationChecker,
  createRevocationChecker,
} from './revocation/check-chain.ts';
export type {
  ChainRevocationChecker,
  RevocationChecker,
  RevocationContext,
  RevocationResult,
  RevocationSubject,
} from './revocation/revocation.ts';
export { namesRevocationSource } from './revocation/sources.ts';
export {
  ANNOTATION_CREATED,
  ANNOTATION_THUMBPRINT,
  ARTIFACT_TYPE_NOTATION,
  type SignEnvelopeInput,
  signatureAnnotations,
  signEnvelope,
} from './sign.ts';
export { createTimestampRequester, type TimestampRequesterOptions } from './timestamp/request.ts';
export type {
  RequestTimestamp,
  TimestampHash,
  TimestampRange,
  TimestampResult,
  TimestampVerifier,
} from './timestamp/timestamp.ts';
export { parseTimestampToken, type TimestampToken } from './timestamp/token.ts';
export { createTimestampVerifier } from './timestamp/verify-token.ts';
export { type DistinguishedName, parseDistinguishedName } from './trust-policy/distinguished-name.ts';
export { matchesTrustedIdentity } from './trust-policy/identity.ts';
export { LEVELS } from './trust-policy/levels.ts';
export { isRepositoryScope, parseTrustPolicyDocument, selectStatement } from './trust-policy/parse.ts';
export { canonicalScope } from './trust-policy/scope.ts';
export type {
  Statement,
  TrustPolicyDocument,
  TrustPolicyStatementDocument,
  TrustStoreKind,
  TrustStoreReference,
} from './trust-policy/statement.ts';
export type { FindTrustStore, TrustStoreCertificates } from './trust-store.ts';
export {
  createVerificationCache,
  type VerificationCache,
  type VerificationCacheLimits,
} from './verification-cache.ts';
export { type VerifySignatureInput, verifySignature } from './verify.ts';
