import type { X509Certificate } from 'node:crypto';
import { NotaryError } from '../error.ts';
import { quote } from '../quote.ts';
import { type DistinguishedName, isSubset, parseDistinguishedName, subjectOf } from './distinguished-name.ts';

const SUBJECT_PREFIX = 'x509.subject:';
/** Partition, region and account, then a signing profile (or one of its versions) or an alias (aws.md). */
const SIGNER_ARN =
  /^arn:[a-z-]+:signer:[a-z0-9-]+:\d{12}:\/(?:(?:aliased-)?signing-profiles\/[\w.-]+(?:\/[\w.-]+)?|aliases\/[\w.-]+)$/i;
const MAX_ARN_LENGTH = 512;

/**
 * Checks the trusted identities of a statement (notary.md F5, F6).
 * @throws NotaryError InvalidTrustPolicy
 */
export function checkTrustedIdentities(identities: readonly string[]): void {
  if (identities.length === 0) throw invalid('F5', 'expected at least one, or "*"; found none');
  if (identities.includes('*')) {
    if (identities.length === 1) return;
    throw invalid('F5', '"*" must stand alone; remove it or the others');
  }
  for (const identity of identities) {
    if (!identity.startsWith(SUBJECT_PREFIX) && !isSignerArn(identity)) {
      throw invalid(
        'F5',
        `expected "*", x509.subject:<DN> or an AWS Signer ARN (arn:aws:signer:<region>:<account>:/signing-profiles/<name>); found ${quote(identity)}`,
      );
    }
  }
  refuseOverlap(identities.filter((identity) => identity.startsWith(SUBJECT_PREFIX)));
}

/** Whether the leaf is one of the identities: the policy's RDNs are a subset of its subject, values exact (F6). */
export function matchesTrustedIdentity(leaf: X509Certificate, identities: readonly string[]): boolean {
  if (identities.includes('*')) return true;
  const subject = subjectOf(leaf);
  if (subject === undefined) return false;
  return namesOf(identities).some((name) => isSubset(name, subject));
}

const parsedNames = new WeakMap<readonly string[], readonly DistinguishedName[]>();

/** The distinguished names among the identities, read once for each statement. */
function namesOf(identities: readonly string[]): readonly DistinguishedName[] {
  const known = parsedNames.get(identities);
  if (known !== undefined) return known;
  const names = identities.filter((identity) => identity.startsWith(SUBJECT_PREFIX)).map(nameOf);
  parsedNames.set(identities, names);
  return names;
}

function refuseOverlap(identities: readonly string[]): void {
  const names = identities.map((identity) => ({ identity, name: nameOf(identity) }));
  for (const [i, a] of names.entries()) {
    for (const b of names.slice(i + 1)) {
      if (isSubset(a.name, b.name) || isSubset(b.name, a.name)) {
        throw invalid(
          'F6',
          `${quote(a.identity)} and ${quote(b.identity)} overlap, for one is a subset of the other; keep one`,
        );
      }
    }
  }
}

function nameOf(identity: string): DistinguishedName {
  return parseDistinguishedName(identity.slice(SUBJECT_PREFIX.length));
}

function isSignerArn(identity: string): boolean {
  return identity.length <= MAX_ARN_LENGTH && SIGNER_ARN.test(identity);
}

function invalid(rule: string, message: string): NotaryError {
  return new NotaryError('InvalidTrustPolicy', `${message} (notary.md ${rule})`, { rule });
}
