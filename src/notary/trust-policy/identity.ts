import type { X509Certificate } from 'node:crypto';
import { quote } from '../quote.ts';
import { isSubset, parseDistinguishedName, subjectOf } from './distinguished-name.ts';

const SUBJECT_PREFIX = 'x509.subject:';
/** Partition, region and account, then a signing profile (or one of its versions) or an alias (aws.md). */
const SIGNER_ARN =
  /^arn:[a-z-]+:signer:[a-z0-9-]+:\d{12}:\/(?:(?:aliased-)?signing-profiles\/[\w.-]+(?:\/[\w.-]+)?|aliases\/[\w.-]+)$/i;
const MAX_ARN_LENGTH = 512;

/**
 * Checks the trusted identities of a statement (notary.md F5, F6).
 * @returns a sentence that says what is wrong, or undefined
 * @throws NotaryError InvalidTrustPolicy for a DN that cannot be read
 */
export function refuseIdentities(identities: readonly string[]): string | undefined {
  if (identities.length === 0) return 'trustedIdentities: expected at least one, or "*"; found none';
  if (identities.includes('*')) {
    return identities.length === 1 ? undefined : 'trustedIdentities: "*" must stand alone; remove it or the others';
  }
  for (const identity of identities) {
    if (!identity.startsWith(SUBJECT_PREFIX) && !isSignerArn(identity)) {
      return `trustedIdentities: expected "*", x509.subject:<DN> or an AWS Signer ARN (arn:aws:signer:<region>:<account>:/signing-profiles/<name>); found ${quote(identity)}`;
    }
  }
  const names = identities.filter((identity) => identity.startsWith(SUBJECT_PREFIX));
  const parsed = names.map((identity) => parseDistinguishedName(identity.slice(SUBJECT_PREFIX.length)));
  for (const [i, a] of parsed.entries()) {
    for (const [j, b] of parsed.entries()) {
      if (i !== j && isSubset(a, b)) {
        return `trustedIdentities: ${quote(names[i] ?? '')} and ${quote(names[j] ?? '')} overlap, for one is a subset of the other; keep one`;
      }
    }
  }
  return undefined;
}

function isSignerArn(identity: string): boolean {
  return identity.length <= MAX_ARN_LENGTH && SIGNER_ARN.test(identity);
}

/** Whether the leaf is one of the identities: the policy's RDNs are a subset of its subject, values exact (F6). */
export function matchesTrustedIdentity(leaf: X509Certificate, identities: readonly string[]): boolean {
  if (identities.includes('*')) return true;
  const subject = subjectOf(leaf);
  if (subject === undefined) return false;
  return identities.some(
    (identity) =>
      identity.startsWith(SUBJECT_PREFIX) &&
      isSubset(parseDistinguishedName(identity.slice(SUBJECT_PREFIX.length)), subject),
  );
}
