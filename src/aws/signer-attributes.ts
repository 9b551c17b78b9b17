import type { Envelope } from '../notary/index.ts';
import { printable } from '../transport/index.ts';
import { parseSigningJobArn, splitSignerArn } from './arn.ts';
import { AwsError } from './aws-error.ts';

/** The value of io.cncf.notary.verificationPlugin in a signature of AWS Signer. */
export const SIGNER_PLUGIN_NAME = 'com.amazonaws.signer.notation.plugin';
export const ATTRIBUTE_SIGNING_JOB = 'com.amazonaws.signer.signingJob';
export const ATTRIBUTE_PROFILE_VERSION = 'com.amazonaws.signer.signingProfileVersion';
export const ATTRIBUTE_PROFILE_ALIAS = 'com.amazonaws.signer.signingProfileAlias';

/** What AWS Signer says about a signature in its critical attributes. */
export interface SignerAttributes {
  readonly jobArn: string;
  readonly profileVersionArn: string;
  /** ARN of the alias through which the profile was used. */
  readonly alias?: string;
}

/** A profile's version (ten characters), or an aliased profile, which may stand without one. */
const PROFILE_VERSION_RESOURCE =
  /^\/(?:signing-profiles\/[A-Za-z0-9_]{2,64}\/[A-Za-z0-9]{10}|aliased-signing-profiles\/[A-Za-z0-9_.-]{2,64}(?:\/[A-Za-z0-9_.-]{1,64})?)$/;
const ALIAS_RESOURCE = /^\/aliases\/[A-Za-z0-9_.-]{1,128}$/;

/**
 * The critical attributes of AWS Signer, checked; undefined for an envelope that does not ask for its plugin or whose
 * attributes are not well formed (verification says why: see `readSignerAttributes`).
 */
export function signerAttributes(envelope: Envelope): SignerAttributes | undefined {
  if (envelope.verificationPlugin !== SIGNER_PLUGIN_NAME) return undefined;
  const attributes = readSignerAttributes(envelope);
  return typeof attributes === 'string' ? undefined : attributes;
}

/** The attributes, or a sentence that says which one is wrong. */
export function readSignerAttributes(envelope: Envelope): SignerAttributes | string {
  const attributes = envelope.extendedCriticalAttributes;
  const jobArn = attributes.get(ATTRIBUTE_SIGNING_JOB);
  const profileVersionArn = attributes.get(ATTRIBUTE_PROFILE_VERSION);
  const alias = attributes.get(ATTRIBUTE_PROFILE_ALIAS);
  if (typeof jobArn !== 'string' || !isJobArn(jobArn)) return wrong(ATTRIBUTE_SIGNING_JOB, 'a signing job', jobArn);
  if (typeof profileVersionArn !== 'string' || !hasResource(profileVersionArn, PROFILE_VERSION_RESOURCE)) {
    return wrong(ATTRIBUTE_PROFILE_VERSION, 'a signing profile version', profileVersionArn);
  }
  if (!attributes.has(ATTRIBUTE_PROFILE_ALIAS)) return { jobArn, profileVersionArn };
  if (typeof alias !== 'string' || !hasResource(alias, ALIAS_RESOURCE)) {
    return wrong(ATTRIBUTE_PROFILE_ALIAS, 'an alias', alias);
  }
  return { jobArn, profileVersionArn, alias };
}

function isJobArn(text: string): boolean {
  try {
    parseSigningJobArn(text);
    return true;
  } catch (error) {
    if (error instanceof AwsError) return false;
    throw error;
  }
}

function hasResource(text: string, resource: RegExp): boolean {
  return resource.test(splitSignerArn(text)?.resource ?? '');
}

function wrong(attribute: string, expected: string, found: unknown): string {
  // Anybody may push this text: nothing is verified yet.
  const value = found === undefined ? 'none' : printable(JSON.stringify(found) ?? 'none');
  return `the critical attribute ${attribute}: expected the ARN of ${expected}; found ${value}`;
}
