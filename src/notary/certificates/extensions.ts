import {
  type DerValue,
  derError,
  expectTag,
  readBoolean,
  readChildren,
  readDer,
  readNamedBits,
  readOid,
  readSmallInteger,
  TAG,
} from './der.ts';
import type { ParsedCertificate } from './parsed-certificate.ts';

export const EXTENSION_OID = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  issuerAltName: '2.5.29.18',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  policyConstraints: '2.5.29.36',
  extKeyUsage: '2.5.29.37',
  freshestCRL: '2.5.29.46',
  inhibitAnyPolicy: '2.5.29.54',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const;

/** Purposes of extKeyUsage (RFC 5280 §4.2.1.12). */
export const EKU_OID = {
  anyExtendedKeyUsage: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
} as const;

/** Bits of keyUsage (RFC 5280 §4.2.1.3), each at its number. */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

const DIRECTORY_NAME = 0xa4;

export interface BasicConstraints {
  readonly critical: boolean;
  readonly ca: boolean;
  readonly pathLength?: number;
}

/** basicConstraints, or undefined when absent. */
export function basicConstraintsOf({ extensions }: ParsedCertificate): BasicConstraints | undefined {
  const extension = extensions.get(EXTENSION_OID.basicConstraints);
  if (extension === undefined) return undefined;
  const what = 'basicConstraints';
  const fields = [...readChildren(readDer(extension.value, TAG.sequence, what), what)];
  const flag = fields[0]?.tag === TAG.boolean ? fields.shift() : undefined;
  const ca = flag !== undefined && readBoolean(flag, what);
  if (fields.length > 1) throw derError(what, 'it has extra fields');
  const pathLength = fields.length === 0 ? undefined : readSmallInteger(fields[0], what);
  return { critical: extension.critical, ca, ...(pathLength === undefined ? {} : { pathLength }) };
}

/** keyUsage, or undefined when absent. */
export function keyUsageOf({
  extensions,
}: ParsedCertificate): { readonly critical: boolean; readonly usages: ReadonlySet<KeyUsage> } | undefined {
  const extension = extensions.get(EXTENSION_OID.keyUsage);
  if (extension === undefined) return undefined;
  const bits = readNamedBits(readDer(extension.value, TAG.bitString, 'keyUsage'), 'keyUsage');
  const usages = new Set(KEY_USAGES.filter((_, bit) => bits.has(bit)));
  return { critical: extension.critical, usages };
}

/** extKeyUsage as OIDs, or undefined when absent. */
export function extKeyUsageOf({
  extensions,
}: ParsedCertificate): { readonly critical: boolean; readonly purposes: readonly string[] } | undefined {
  const extension = extensions.get(EXTENSION_OID.extKeyUsage);
  if (extension === undefined) return undefined;
  const list = readDer(extension.value, TAG.sequence, 'extKeyUsage');
  const purposes = readChildren(list, 'extKeyUsage').map((purpose) => readOid(purpose, 'extKeyUsage'));
  return { critical: extension.critical, purposes };
}

/** Whether nameConstraints restrict directory names, which nobody here evaluates. */
export function constrainsDirectoryNames({ extensions }: ParsedCertificate): boolean {
  const extension = extensions.get(EXTENSION_OID.nameConstraints);
  if (extension === undefined) return false;
  const what = 'nameConstraints';
  const subtrees = readChildren(readDer(extension.value, TAG.sequence, what), what);
  const baseOf = (subtree: DerValue) => readChildren(expectTag(subtree, TAG.sequence, what), what)[0];
  return subtrees
    .flatMap((list) => readChildren(list, what))
    .some((subtree) => baseOf(subtree)?.tag === DIRECTORY_NAME);
}
