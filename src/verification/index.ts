export { type Clock, systemClock } from './clock.ts';
export { affectedByPolicies, affectedByStores, type IsAffected } from './dependents.ts';
export {
  causeOf,
  type EvaluatedSignature,
  type ImageEvaluation,
  isRegistryCause,
  registryCause,
  shortDigest,
} from './evaluation.ts';
export { type ImageKey, imageKey, referenceOf } from './image.ts';
export { ImageVerifier, type ImageVerifierOptions, type VerifyRequest } from './image-verifier.ts';
export {
  createPolicySet,
  type InvalidClaim,
  type PolicySet,
  type PolicyState,
  type PolicyStatement,
  type ScopeConflict,
} from './policy-set.ts';
export { RevocationSweep, type RevocationSweepOptions } from './revocation-sweep.ts';
export { passes } from './signature-judge.ts';
export { type CheckSummary, type SignatureSummary, summarizeSignature } from './signature-summary.ts';
export { TrustStoreSet } from './trust-store-set.ts';
export { type CacheRead, openVerdictCache, type VerdictCache, type VerdictCacheOptions } from './verdict-cache.ts';
export { imageVerdict, type VerdictListener, VerdictStore } from './verdict-store.ts';
