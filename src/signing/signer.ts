import type { Descriptor, Envelope, EnvelopeMediaType } from '../notary/index.ts';

export interface SigningInput {
  readonly subject: Descriptor;
  readonly userMetadata?: Readonly<Record<string, string>>;
  /** How long the signature is to hold, milliseconds; only of key signers. */
  readonly expiryMs?: number;
  readonly now: Date;
}

/** An envelope, made and checked, not yet in a registry. */
export interface SignedEnvelope {
  readonly bytes: Uint8Array;
  readonly mediaType: EnvelopeMediaType;
  /** Annotations of the signature manifest (notary.md A3). */
  readonly annotations: Readonly<Record<string, string>>;
  readonly envelope: Envelope;
  readonly jobArn?: string;
  readonly profileVersionArn?: string;
}

/** Somebody who can sign: AWS Signer with a profile, or a private key. */
export interface Signer {
  /** What a person calls it: the profile's ARN, or the subject of the leaf. */
  readonly name: string;
  /** Whether an envelope claims this signer. */
  readonly claims: (envelope: Envelope) => boolean;
  /** Whether integrity alone proves the claim (a key), or authenticity is needed too (an ARN that anyone can write). */
  readonly claimProvenBy: 'integrity' | 'authenticity';
  /** Rejects with AwsError or NotaryError. */
  readonly sign: (input: SigningInput, signal: AbortSignal) => Promise<SignedEnvelope>;
}
