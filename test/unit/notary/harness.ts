import {
  MEDIA_TYPE_JWS,
  parseTrustPolicyDocument,
  type SignatureOutcome,
  type Statement,
  type TrustStoreCertificates,
  type VerifySignatureInput,
  verifySignature,
} from '../../../src/notary/index.ts';
import { type ForgeOptions, forgeJws, SUBJECT } from '../../support/forge-jws.ts';
import { checkRevocationOffline, verifyTimestampOffline } from '../../support/no-network.ts';
import { type Chain, createChain } from '../../support/pki.ts';

export const NOW = new Date('2026-06-15T12:00:00Z');
export const DAY_MS = 24 * 60 * 60_000;
const YEAR_MS = 365 * DAY_MS;

/** Validity bounds around NOW. */
export const VALIDITY = {
  notBefore: new Date(NOW.getTime() - 30 * DAY_MS),
  notAfter: new Date(NOW.getTime() + 30 * DAY_MS),
  caNotBefore: new Date(NOW.getTime() - 5 * YEAR_MS),
  caNotAfter: new Date(NOW.getTime() + 5 * YEAR_MS),
};

/** The chain of most tests: three certificates on P-256, leaf `C=US,ST=WA,L=Seattle,O=Acme,CN=Test Signer`. */
export const chain: Chain = await createChain(VALIDITY);

interface StatementParts {
  readonly level?: string;
  readonly override?: Record<string, string>;
  readonly verifyTimestamp?: string;
  readonly trustStores?: string[];
  readonly trustedIdentities?: string[];
}

export function statementOf(parts: StatementParts = {}): Statement {
  const [statement] = parseTrustPolicyDocument({
    version: '1.0',
    trustPolicies: [
      {
        name: 'acme',
        registryScopes: ['*'],
        signatureVerification: {
          level: parts.level ?? 'strict',
          override: parts.override,
          verifyTimestamp: parts.verifyTimestamp,
        },
        trustStores: parts.trustStores ?? ['ca:acme'],
        trustedIdentities: parts.trustedIdentities ?? ['*'],
      },
    ],
  });
  if (statement === undefined) throw new Error('no statement');
  return statement;
}

export function storesOf(from: Chain, ...names: string[]): VerifySignatureInput['findTrustStore'] {
  const stores = (names.length === 0 ? ['ca:acme'] : names).map((text): TrustStoreCertificates => {
    const [type, name] = text.split(':') as [TrustStoreCertificates['type'], string];
    return { type, name, certificates: from.certificates.slice(-1) };
  });
  return (type, name) => stores.find((store) => store.type === type && store.name === name);
}

/** An envelope over SUBJECT by `chain`, forged with the changes given. */
export function envelopeOf(options: Partial<ForgeOptions> = {}): Buffer {
  return forgeJws({ key: chain.key, certificates: chain.certificates, alg: 'ES256', now: NOW, ...options });
}

/** Verifies under a strict statement that trusts `chain`, with the changes given. */
export function verify(
  envelopeBytes: Uint8Array,
  changes: Partial<VerifySignatureInput> = {},
): Promise<SignatureOutcome> {
  return verifySignature({
    envelopeBytes,
    mediaType: MEDIA_TYPE_JWS,
    subject: SUBJECT,
    statement: statementOf(),
    findTrustStore: storesOf(chain),
    now: NOW,
    plugins: [],
    checkRevocation: checkRevocationOffline(),
    verifyTimestamp: verifyTimestampOffline(),
    signal: AbortSignal.timeout(10_000),
    ...changes,
  });
}

/** `authenticity failed NotFromTrustStore`: the check that decided, or `Trusted`. */
export function decided({ verdict, decisive }: SignatureOutcome): string {
  return decisive === undefined ? verdict : `${decisive.type} ${decisive.result} ${decisive.code ?? ''}`;
}
