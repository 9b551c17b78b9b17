import { NotaryError } from '../error.ts';
import { quote } from '../quote.ts';
import { PAYLOAD_TYPE, type SigningScheme } from './envelope.ts';

/** Names that begin so belong to the specification. */
export const RESERVED_PREFIX = 'io.cncf.notary';
export const HEADER_SIGNING_SCHEME = 'io.cncf.notary.signingScheme';
export const HEADER_SIGNING_TIME = 'io.cncf.notary.signingTime';
export const HEADER_AUTHENTIC_SIGNING_TIME = 'io.cncf.notary.authenticSigningTime';
export const HEADER_EXPIRY = 'io.cncf.notary.expiry';
export const HEADER_VERIFICATION_PLUGIN = 'io.cncf.notary.verificationPlugin';
export const HEADER_VERIFICATION_PLUGIN_MIN_VERSION = 'io.cncf.notary.verificationPluginMinVersion';
export const HEADER_TIMESTAMP_SIGNATURE = 'io.cncf.notary.timestampSignature';
export const HEADER_SIGNING_AGENT = 'io.cncf.notary.signingAgent';

const SEMVER = /^(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){2}(?:-[0-9A-Za-z.-]{1,100})?(?:\+[0-9A-Za-z.-]{1,100})?$/;
/** The signed attributes that the specification defines, of both formats. */
export const SIGNED_HEADERS: ReadonlySet<string> = new Set([
  HEADER_SIGNING_SCHEME,
  HEADER_SIGNING_TIME,
  HEADER_AUTHENTIC_SIGNING_TIME,
  HEADER_EXPIRY,
  HEADER_VERIFICATION_PLUGIN,
  HEADER_VERIFICATION_PLUGIN_MIN_VERSION,
]);

/** The signed attributes as a format found them: names to values, times already parsed, its own headers taken out. */
export interface SignedAttributes {
  readonly contentType: unknown;
  readonly critical: readonly unknown[];
  readonly attributes: ReadonlyMap<string, unknown>;
  /** Names that a format forbids in crit: its own alg, cty and crit. */
  readonly neverCritical: ReadonlySet<unknown>;
  /** How the format writes times, for messages: "an RFC 3339 time". */
  readonly timeForm: string;
}

/** What the headers say, checked. */
export interface CheckedHeaders {
  readonly scheme: SigningScheme;
  readonly signingTime?: Date;
  readonly authenticSigningTime?: Date;
  readonly expiry?: Date;
  readonly verificationPlugin?: string;
  readonly verificationPluginMinVersion?: string;
  readonly extendedCriticalAttributes: ReadonlyMap<string, unknown>;
  readonly extendedNonCriticalAttributes: ReadonlyMap<string, unknown>;
}

/** Checks the signed attributes of either format (notary.md B2, B3, C2, C4). @throws NotaryError MalformedEnvelope */
export function checkHeaders(signed: SignedAttributes): CheckedHeaders {
  const { attributes } = signed;
  if (signed.contentType !== PAYLOAD_TYPE) throw malformed('B2', `content type: expected ${PAYLOAD_TYPE}`);
  const critical = checkCritical(signed);
  const isCritical = (name: string): boolean => critical.has(name);

  const scheme = attributes.get(HEADER_SIGNING_SCHEME);
  if (scheme !== 'notary.x509' && scheme !== 'notary.x509.signingAuthority') {
    throw malformed('B2', `${HEADER_SIGNING_SCHEME}: expected notary.x509 or notary.x509.signingAuthority`);
  }
  if (!isCritical(HEADER_SIGNING_SCHEME)) throw malformed('B3', `crit must list ${HEADER_SIGNING_SCHEME}`);
  const ownTime = scheme === 'notary.x509' ? HEADER_SIGNING_TIME : HEADER_AUTHENTIC_SIGNING_TIME;
  const otherTime = scheme === 'notary.x509' ? HEADER_AUTHENTIC_SIGNING_TIME : HEADER_SIGNING_TIME;
  if (attributes.has(otherTime)) throw malformed('B3', `${otherTime} does not belong to the scheme ${scheme}`);
  const time = timeOf(signed, ownTime);
  if (time === undefined) throw malformed('B2', `${ownTime} is missing`);
  if (scheme === 'notary.x509.signingAuthority' && !isCritical(HEADER_AUTHENTIC_SIGNING_TIME)) {
    throw malformed('B3', `crit must list ${HEADER_AUTHENTIC_SIGNING_TIME}`);
  }
  if (isCritical(HEADER_SIGNING_TIME)) throw malformed('B3', `crit must not list ${HEADER_SIGNING_TIME}`);

  const expiry = timeOf(signed, HEADER_EXPIRY);
  if (expiry !== undefined && !isCritical(HEADER_EXPIRY)) throw malformed('B3', `crit must list ${HEADER_EXPIRY}`);
  if (expiry !== undefined && expiry <= time)
    throw malformed('B2', `${HEADER_EXPIRY}: expected a time after ${ownTime}`);

  const plugin = textOf(attributes, HEADER_VERIFICATION_PLUGIN);
  const minVersion = textOf(attributes, HEADER_VERIFICATION_PLUGIN_MIN_VERSION);
  for (const name of [HEADER_VERIFICATION_PLUGIN, HEADER_VERIFICATION_PLUGIN_MIN_VERSION]) {
    // Signed attributes that the verifier must process are critical (signature-specification, "Signed Attributes").
    if (attributes.has(name) && !isCritical(name)) throw malformed('B3', `crit must list ${name}`);
  }
  if (minVersion !== undefined && !SEMVER.test(minVersion)) {
    throw malformed('B2', `${HEADER_VERIFICATION_PLUGIN_MIN_VERSION}: expected a semantic version`);
  }
  if (minVersion !== undefined && plugin === undefined) {
    throw malformed('B2', `${HEADER_VERIFICATION_PLUGIN_MIN_VERSION} stands without ${HEADER_VERIFICATION_PLUGIN}`);
  }
  return {
    scheme,
    ...(scheme === 'notary.x509' ? { signingTime: time } : { authenticSigningTime: time }),
    ...(expiry === undefined ? {} : { expiry }),
    ...(plugin === undefined ? {} : { verificationPlugin: plugin }),
    ...(minVersion === undefined ? {} : { verificationPluginMinVersion: minVersion }),
    extendedCriticalAttributes: extended(attributes, isCritical),
    extendedNonCriticalAttributes: extended(attributes, (name) => !isCritical(name)),
  };
}

/** The names that crit lists. */
function checkCritical({ critical, attributes, neverCritical }: SignedAttributes): ReadonlySet<string> {
  const names = new Set<string>();
  for (const name of critical) {
    if (neverCritical.has(name)) throw malformed('B3', `crit must not list ${quote(String(name))}`);
    if (typeof name !== 'string' || name === '') throw malformed('B3', 'crit: expected names only');
    const label = quote(name);
    if (!attributes.has(name)) throw malformed('B3', `crit lists ${label}, which is not in the protected header`);
    if (names.has(name)) throw malformed('B3', `crit lists ${label} twice`);
    names.add(name);
  }
  return names;
}

/** The attributes that the specification does not define, of those chosen. */
function extended(
  attributes: ReadonlyMap<string, unknown>,
  isChosen: (name: string) => boolean,
): ReadonlyMap<string, unknown> {
  return new Map([...attributes].filter(([name]) => !SIGNED_HEADERS.has(name) && isChosen(name)));
}

function timeOf({ attributes, timeForm }: SignedAttributes, name: string): Date | undefined {
  if (!attributes.has(name)) return undefined;
  const value = attributes.get(name);
  if (!(value instanceof Date)) throw malformed('B2', `${name}: expected ${timeForm}`);
  return value;
}

function textOf(attributes: ReadonlyMap<string, unknown>, name: string): string | undefined {
  if (!attributes.has(name)) return undefined;
  const value = attributes.get(name);
  if (typeof value !== 'string' || value.trim() === '') throw malformed('B2', `${name}: expected a non-empty string`);
  return value;
}

function malformed(rule: string, message: string): NotaryError {
  return new NotaryError('MalformedEnvelope', `protected header: ${message} (notary.md ${rule})`, { rule });
}
