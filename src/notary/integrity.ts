import { signatureAlgorithmOf, verifyWithAlgorithm } from './algorithm.ts';
import { checkChain } from './certificates/chain.ts';
import type { Envelope } from './envelope/envelope.ts';
import { NotaryError } from './error.ts';
import type { CheckCode } from './outcome.ts';
import type { VerificationPlugin } from './plugin.ts';
import { quote } from './quote.ts';

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

/** The native equivalent of the plugin that an envelope names. */
export function pluginOf(envelope: Envelope, plugins: readonly VerificationPlugin[]): VerificationPlugin | undefined {
  return plugins.find((plugin) => plugin.name === envelope.verificationPlugin);
}

/** The signature and its chain alone, without the question of who processes critical attributes. */
export function checkSignature(envelope: Envelope): IntegrityFailure | undefined {
  const leaf = envelope.certificates[0];
  if (leaf === undefined) return failed('the envelope has no certificate');
  try {
    checkChain(envelope.certificates, 'codeSigning');
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
  for (const name of envelope.extendedCriticalAttributes.keys()) {
    if (plugin?.attributes.has(name) !== true) {
      return failed(`the critical attribute ${quote(name)} is not understood (notary.md B4)`);
    }
  }
  const refused = plugin?.refuse(envelope);
  return refused === undefined ? undefined : failed(refused);
}

function failed(reason: string): IntegrityFailure {
  return { code: 'IntegrityFailed', reason };
}
