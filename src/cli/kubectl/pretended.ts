import type { X509Certificate } from 'node:crypto';
import { parseSigningJobArn, parseSigningProfileArn, signerAttributes } from '../../aws/index.ts';
import { distinguishedNameOf, namesRevocationSource, type RevocationResult, thumbprints } from '../../notary/index.ts';
import { UsageError } from '../failure.ts';
import type { AroundRevocation } from '../services.ts';
import { isHit, type Revocation } from '../signer-preview.ts';
import { quote } from '../words.ts';

/** What may be revoked: what AWS Signer knows, or a certificate. */
export type Target = Revocation | { readonly kind: 'certificate' /** Lower case. */; readonly sha256: string };

type Revoked = Extract<RevocationResult, { readonly status: 'revoked' }>;

/**
 * Reads what a person names: the ARN of a signing job, of a profile or of its version, or the SHA-256 fingerprint of a
 * certificate, as `sealwatch inspect` and openssl print it.
 * @param from signatures of a profile made then or later are revoked
 * @throws UsageError; AwsError InvalidArn
 */
export function parseTarget(text: string, from: Date | undefined): Target {
  const hex = text.replace(/^sha-?256[:=]/i, '').replaceAll(':', '');
  const isCertificate = /^[0-9a-f]{64}$/i.test(hex);
  const isJob = text.includes(':/signing-jobs/');
  if (from !== undefined && (isCertificate || isJob))
    throw new UsageError('--effective-time: goes with a signing profile only: leave it out');
  if (isCertificate) return { kind: 'certificate', sha256: hex.toLowerCase() };
  if (!text.startsWith('arn:'))
    throw new UsageError(
      `TARGET: expected the ARN of a signing job, a signing profile or its version, or the SHA-256 fingerprint of a certificate; found ${quote(text)}`,
    );
  if (isJob) return { kind: 'job', jobArn: parseSigningJobArn(text).arn };
  const { arn, versionArn } = parseSigningProfileArn(text);
  const version = versionArn === undefined ? {} : { versionArn };
  return { kind: 'profile', profileArn: arn, ...version, from: from ?? new Date(0) };
}

/** What was seen of a target. */
export interface Seen {
  /** Signatures that its revocation would make fail where the policy enforces it. */
  hits: number;
  /** Certificates that are the root of a chain: a root is not revoked (notary.md H1). */
  roots: number;
  /** Certificates that name neither OCSP nor CRL: nobody would learn of it. */
  unrevocable: number;
}

/** Answers that a target is revoked, once it is told to; whatever else is asked is passed on. */
export class PretendedRevocation {
  readonly seen: Seen = { hits: 0, roots: 0, unrevocable: 0 };
  readonly around: AroundRevocation;
  #isRevoked = false;

  constructor(target: Target) {
    this.around = {
      chain: (check) => async (subject, context) => {
        const found = this.#isRevoked ? this.#inChain(target, subject.certificates, namesRevocationSource) : undefined;
        return found ?? check(subject, context);
      },
      plugin: (plugin) => ({
        ...plugin,
        checkRevocation: async (envelope, context) => {
          const attributes = signerAttributes(envelope);
          if (this.#isRevoked && target.kind === 'certificate') {
            // AWS Signer tells of the chain's certificates itself, whatever they name.
            const found = this.#inChain(target, envelope.certificates, () => true);
            if (found !== undefined) return found;
          }
          const signedAt = envelope.authenticSigningTime?.toISOString();
          if (this.#isRevoked && target.kind !== 'certificate' && isHit(target, { ...attributes, signedAt })) {
            this.seen.hits += 1;
            return revokedArn(target);
          }
          return plugin.checkRevocation(envelope, context);
        },
      }),
    };
  }

  /** From now on the target is revoked. */
  revoke(): void {
    this.#isRevoked = true;
  }

  #inChain(
    target: Target,
    certificates: readonly X509Certificate[],
    isRevocable: (certificate: X509Certificate) => boolean,
  ): Revoked | undefined {
    if (target.kind !== 'certificate') return undefined;
    const at = thumbprints(certificates).indexOf(target.sha256);
    const certificate = certificates[at];
    if (certificate === undefined) return undefined;
    if (at === certificates.length - 1) {
      this.seen.roots += 1;
      return undefined;
    }
    if (!isRevocable(certificate)) {
      this.seen.unrevocable += 1;
      return undefined;
    }
    this.seen.hits += 1;
    const name = `${distinguishedNameOf(certificate)} (sha256:${target.sha256})`;
    return { status: 'revoked', kind: 'certificate', revoked: [name], reason: `${name} would be revoked` };
  }
}

function revokedArn(target: Revocation): Revoked {
  const arn = target.kind === 'job' ? target.jobArn : (target.versionArn ?? target.profileArn);
  const kind = target.kind === 'job' ? 'signingJob' : 'signingProfile';
  return { status: 'revoked', kind, revoked: [arn], reason: `${arn} would be revoked` };
}
