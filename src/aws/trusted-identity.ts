import type { VerificationPlugin } from '../notary/index.ts';
import { printable } from '../transport/index.ts';
import type { SignerAttributes } from './signer-attributes.ts';

type IdentityMatch = ReturnType<VerificationPlugin['matchesIdentity']>;

/**
 * Whether AWS Signer's signature comes from one of the trusted identities (aws.md, "Verifying a Signer signature").
 * A profile ARN matches any version of that profile; a version ARN, an aliased profile and an alias match exactly;
 * all without regard to case. The wildcard is refused: everybody's profiles end in the same root.
 */
export function matchSignerIdentity(attributes: SignerAttributes, trustedIdentities: readonly string[]): IdentityMatch {
  if (trustedIdentities.includes('*')) {
    return {
      trusted: false,
      reason: 'the trusted identity "*" would trust every AWS account: name the ARNs of signing profiles instead',
    };
  }
  if (trustedIdentities.some((identity) => matchesIdentity(attributes, identity))) return { trusted: true };
  const arns = trustedIdentities.filter((identity) => splitIdentity(identity) !== undefined);
  const expected = arns.length === 0 ? 'none, for no trusted identity is an ARN of AWS Signer' : arns.join(', ');
  return {
    trusted: false,
    reason: `signed with ${attributes.profileVersionArn}; the trusted signing profiles are ${printable(expected, 500)}`,
  };
}

function matchesIdentity({ profileVersionArn, alias }: SignerAttributes, identity: string): boolean {
  const segments = splitIdentity(identity);
  if (segments === undefined) return false;
  const [kind, , version] = segments;
  switch (kind) {
    case 'aliases':
      return alias !== undefined && equalsIgnoringCase(alias, identity);
    case 'aliased-signing-profiles':
      return equalsIgnoringCase(profileVersionArn, identity);
    case 'signing-profiles':
      return equalsIgnoringCase(
        version === undefined ? withoutLastSegment(profileVersionArn) : profileVersionArn,
        identity,
      );
    default:
      return false;
  }
}

/** The segments of the resource of an ARN of service signer: kind, name, perhaps a version; undefined for all else. */
function splitIdentity(identity: string): readonly string[] | undefined {
  const [prefix, , service, , , resource, ...rest] = identity.toLowerCase().split(':');
  if (prefix !== 'arn' || service !== 'signer' || resource === undefined || rest.length > 0) return undefined;
  const [empty, ...segments] = resource.split('/');
  if (empty !== '' || segments.length < 2 || segments.length > 3 || segments.includes('')) return undefined;
  return segments;
}

function withoutLastSegment(arn: string): string {
  return arn.slice(0, arn.lastIndexOf('/'));
}

/** The attributes are ASCII, so that no letter of another alphabet folds to one of theirs from the signature's side. */
function equalsIgnoringCase(signed: string, identity: string): boolean {
  return signed.toLowerCase() === identity.toLowerCase();
}
