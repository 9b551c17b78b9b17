import { signatureAlgorithmOf, verifyWithAlgorithm } from './algorithm.ts';
import { checkChain } from './certificates/chain.ts';
import type { IsSignedBy } from './certificates/issuance.ts';
import type { Envelope } from './envelope/envelope.ts';
import { NotaryError } from './error.ts';
import type { CheckCode } from './outcome.ts';
import type { VerificationPlugin } from './plugin.ts';
import { quote } from './quote.ts';
import { NO_CACHE } from './verification-cache.ts';
import type { VerifySignatureInput } from './verify.ts';

/** Why an envelope's integrity does not hold. */
export interface IntegrityFailure {
  readonly code: Extract<CheckCode, 'IntegrityFailed' | 'PluginUnsupported'>;
  readonly reason: string;
}

/**
 * Checks that an envelope is what its signer made: a well-formed chain (E), the one algorithm of the leaf (B5), a
 * signature that verifies over the received bytes, and no critical attribute that nobody processes (B4).
 */
export function checkIntegrity(
  envelope: Envelope,
  plugins: readonly VerificationPlugin[] = [],
): IntegrityFailure | undefined {
  return checkPlugin(envelope, plugins) ?? checkSignature(envelope);
}

/** The same of an envelope whose bytes a cache may know: whether the plugins process it is asked each time. */
export function checkIntegrityOf(
  envelope: Envelope,
  {
    envelopeBytes,
    mediaType,
    plugins,
    cache = NO_CACHE,
  }: Pick<VerifySignatureInput, 'envelopeBytes' | 'mediaType' | 'plugins' | 'cache'>,
): IntegrityFailure | undefined {
  const checkBytes = (): IntegrityFailure | undefined => checkSignature(envelope, cache.isSignedBy);
  return checkPlugin(envelope, plugins) ?? cache.integrityOf(envelopeBytes, mediaType, checkBytes);
}

/** The native equivalent of the plugin that an envelope names. */
export function pluginOf(envelope: Envelope, plugins: readonly VerificationPlugin[]): VerificationPlugin | undefined {
  return plugins.find((plugin) => plugin.name === envelope.verificationPlugin);
}

/** The signature and its chain alone, without the question of who processes critical attributes. */
export function checkSignature(envelope: Envelope, signedBy?: IsSignedBy): IntegrityFailure | undefined {
  const leaf = envelope.certificates[0];
  if (leaf === undefined) return failed('the envelope has no certificate');
  try {
    checkChain(envelope.certificates, 'codeSigning', signedBy);
    const algorithm = signatureAlgorithmOf(leaf);
    if (envelope.algorithm !== algorithm) {
      const found = quote(envelope.algorithm);
      return failed(`the header says algorithm ${found}, but the leaf's key gives ${algorithm} (notary.md B5)`);
    }
    if (!verifyWithAlgorithm(algorithm, leaf.publicKey, envelope.signedBytes, envelope.signature)) {
      return failed('the signature does not verify with the key of the leaf certificate');
    }
    return undefined;
  } catch (error) {
    if (error instanceof NotaryError) return failed(error.message);
    throw error;
  }
}

function checkPlugin(envelope: Envelope, plugins: readonly VerificationPlugin[]): IntegrityFailure | undefined {
  const plugin = pluginOf(envelope, plugins);
  if (envelope.verificationPlugin !== undefined && plugin === undefined) {
    return {
      code: 'PluginUnsupported',
      reason: `the signature asks for the verification plugin ${quote(envelope.verificationPlugin)}, which is not supported`,
    };
  }
  const minVersion = envelope.verificationPluginMinVersion;
  if (plugin !== undefined && minVersion !== undefined && !satisfies(plugin.version, minVersion)) {
    const own = plugin.version === undefined ? 'its version is not known here' : `${plugin.version} is supported`;
    return {
      code: 'PluginUnsupported',
      reason: `the signature asks for ${plugin.name} ${quote(minVersion)} or later; ${own}`,
    };
  }
  for (const name of envelope.extendedCriticalAttributes.keys()) {
    if (plugin?.attributes.has(name) !== true) {
      return failed(`the critical attribute ${quote(name)} is not understood (notary.md B4)`);
    }
  }
  const refused = plugin?.refuse(envelope);
  return refused === undefined ? undefined : failed(refused);
}

/** Whether a release is at least the version asked for (semver.org §11); a release is later than its pre-releases. */
function satisfies(release: string | undefined, minVersion: string): boolean {
  if (release === undefined) return false;
  const [own, asked] = [release, minVersion].map(
    (version) => version.split(/[-+]/, 1)[0]?.split('.').map(Number) ?? [],
  );
  for (const i of [0, 1, 2]) {
    const difference = (own?.[i] ?? 0) - (asked?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function failed(reason: string): IntegrityFailure {
  return { code: 'IntegrityFailed', reason };
}
