import type { SignatureAlgorithm } from './envelope.ts';

/** Header labels of COSE (RFC 9052 §3.1, RFC 9360 §2), as notary.md C2 and C3 use them. */
export const COSE_LABEL = { alg: 1, crit: 2, contentType: 3, x5chain: 33 } as const;

/** Algorithm identifiers of COSE (RFC 9053 §2.1, RFC 8230 §2). */
export const COSE_ALGORITHM: Readonly<Record<SignatureAlgorithm, number>> = {
  ES256: -7,
  ES384: -35,
  ES512: -36,
  PS256: -37,
  PS384: -38,
  PS512: -39,
};

export const JWA_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(COSE_ALGORITHM).map(([name, identifier]) => [identifier, name]),
);
