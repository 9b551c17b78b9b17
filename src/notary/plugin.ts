import type { Envelope } from './envelope/envelope.ts';
import type { RevocationChecker } from './revocation/revocation.ts';

/**
 * The native equivalent of a verification plugin (plugin-extensibility; notary.md B4): an implementation of the
 * checks that an envelope's `io.cncf.notary.verificationPlugin` asks for. AWS Signer's is in src/aws.
 */
export interface VerificationPlugin {
  /** The value of io.cncf.notary.verificationPlugin that asks for this one. */
  readonly name: string;
  /**
   * The release of the plugin whose behaviour this one has (`1.0.298`): an envelope that asks for a later one by
   * io.cncf.notary.verificationPluginMinVersion is refused. Absent: every envelope that asks for a version is.
   */
  readonly version?: string;
  /** Extended critical attributes that this plugin processes. Any other fails integrity. */
  readonly attributes: ReadonlySet<string>;
  /**
   * Whether the envelope is what this plugin accepts at all (scheme, format, attributes present and well formed).
   * Returns a sentence when not.
   */
  readonly refuse: (envelope: Envelope) => string | undefined;
  /** Replaces the trusted-identity check of F6. */
  readonly matchesIdentity: (
    envelope: Envelope,
    trustedIdentities: readonly string[],
  ) => { readonly trusted: true } | { readonly trusted: false; readonly reason: string };
  /** Replaces the revocation check of H. */
  readonly checkRevocation: RevocationChecker;
}
