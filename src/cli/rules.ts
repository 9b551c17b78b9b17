import type { Cause, CauseReason } from '../api/verdict.ts';

/** A rule of docs/notary.md, and what it asks for in words. */
export interface Rule {
  /** As notary.md numbers it, such as `E6`. */
  readonly id: string;
  readonly words: string;
}

/** The rule behind each reason, where the cause's own message names none. */
const RULES: Readonly<Record<CauseReason, Rule>> = {
  SignatureExpired: { id: 'D', words: 'a signature holds until its expiry' },
  CertificateExpired: {
    id: 'D',
    words: 'every certificate of the chain is valid now, or was when a trusted timestamp was made',
  },
  SigningJobRevoked: { id: 'H8', words: 'what a revoked signing job of AWS Signer signed is not trusted' },
  SigningProfileRevoked: { id: 'H8', words: 'what a revoked signing profile of AWS Signer signed is not trusted' },
  CertificateRevoked: { id: 'H1', words: 'no certificate of the chain but the root may be revoked' },
  IntegrityFailed: { id: 'G', words: 'the signature must verify over exactly what was signed, by a well formed chain' },
  NotFromTrustStore: {
    id: 'E6',
    words: "a certificate of the signature's chain must be in a trust store that the statement names",
  },
  NotATrustedIdentity: { id: 'F5', words: 'the signer must be one of the trusted identities of the statement' },
  OtherSubject: { id: 'A9', words: 'the signature must be over exactly this image: media type, digest and size' },
  UserMetadataMismatch: { id: 'G', words: 'the metadata that you require must be signed, with the same values' },
  TimestampFailed: { id: 'I', words: 'the time of signing must be shown by a clock or a timestamp that is trusted' },
  PluginUnsupported: { id: 'B4', words: 'what a signature marks as critical must be understood' },
  SignatureMalformed: { id: 'A8', words: 'a signature that is not well formed is one failed attempt' },
  TooManySignatures: { id: 'A7', words: 'only so many signatures of an image are tried' },
  NoSignature: { id: 'G', words: 'an image without a signature is Unsigned, and not trusted' },
  RegistryUnreachable: { id: 'A4', words: 'what the registry does not say is unknown, never "unsigned"' },
  RegistryDenied: { id: 'A4', words: 'what the registry does not say is unknown, never "unsigned"' },
  RegistryRateLimited: { id: 'A4', words: 'what the registry does not say is unknown, never "unsigned"' },
  RegistryAnswerInvalid: { id: 'A6', words: 'what is stored must be what its digest, size and type say' },
  ImageNotFound: { id: 'G', words: 'a reference that names no image is Unknown' },
  RevocationUndetermined: { id: 'H1', words: 'whether a certificate is revoked must be known: unknown is no pass' },
  TrustStoreUnavailable: { id: 'F9', words: 'the trust stores that the statement names must be there' },
  ImageIDUnverifiable: { id: 'A10', words: 'only a manifest can be verified' },
  AddressRefused: { id: 'H7', words: 'only addresses and plain HTTP that you allow are used' },
  NoStatementApplies: { id: 'F2', words: 'a statement must name the repository, or *' },
  PolicyInvalid: { id: 'F', words: 'a policy must be valid to say whom to trust' },
};

const NAMED = /\(notary\.md ([A-I]\d{0,2})\)/;
/** How the answers of AWS Signer begin, where it was asked instead of OCSP and CRL. */
const BY_AWS_SIGNER = /\(revocation\): (?:AWS Signer reports as revoked: |GetRevocationStatus\b)/;

/** The rule that decided: the one that the message cites, with the words of its reason. */
export function ruleOf({ reason, message }: Cause): Rule {
  const { id, words } = RULES[reason];
  const cited = NAMED.exec(message)?.[1];
  return { id: cited ?? (BY_AWS_SIGNER.test(message) ? 'H8' : id), words };
}
