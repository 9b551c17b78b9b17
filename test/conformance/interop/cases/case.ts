import type { CheckType, Descriptor, TrustPolicyDocument } from '../../../../src/notary/index.ts';
import { type ForgeOptions, forgeJws, SUBJECT } from '../../../support/forge-jws.ts';
import { type Chain, type ChainOptions, createChain } from '../../../support/pki.ts';
import type { StoreFiles } from '../trust.ts';

/** Where a verifier decides against: one of the checks, or the policy before any of them. */
export type Decision = CheckType | 'policy';

/** What two verifiers are asked, the same of both. */
export interface Question {
  readonly envelope: Uint8Array;
  readonly mediaType: string;
  readonly subject: Descriptor;
  readonly policy: TrustPolicyDocument;
  readonly stores: StoreFiles;
  readonly requiredMetadata: Readonly<Record<string, string>>;
}

/** An envelope, a policy or a store that is wrong in one way, or odd and right; and what both verifiers make of it. */
export interface Case {
  readonly name: string;
  /** Of docs/notary.md. */
  readonly rule: string;
  readonly ask: Partial<Question> | (() => Promise<Partial<Question>>);
  readonly expected:
    | { readonly kind: 'accepted'; readonly logged?: readonly CheckType[] }
    /** By both, at the same check; `theirs` where notation-go has no such check, or another order. */
    | { readonly kind: 'refused'; readonly at: Decision; readonly theirs?: Decision | 'other'; readonly says?: RegExp }
    /** Accepted by notation-go; refused here, for docs/notary.md says so. */
    | { readonly kind: 'stricter'; readonly at: Decision; readonly why: string; readonly says?: RegExp }
    /** Refused by notation-go although the specification allows it. Never for what may be wrong. */
    | { readonly kind: 'wider'; readonly why: string };
}

export const SCOPE = 'registry.example/acme/app';
export const NOW = new Date(Math.floor(Date.now() / 1000) * 1000);
export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;

/** The chain of most cases: three certificates on P-256, leaf `C=US,ST=WA,L=Seattle,O=Acme,CN=Test Signer`. */
export const CHAIN: Chain = await createChain();
/** A chain of somebody else. */
export const STRANGER: Chain = await createChain({ caName: 'Stranger' });

/** @param says what our reason says, where it does not name the rule */
export const refused = (at: Decision, theirs: Decision | 'other' = at, says?: RegExp): Case['expected'] => ({
  kind: 'refused',
  at,
  theirs,
  ...(says === undefined ? {} : { says }),
});
/** A signature that does not verify with the leaf's key: refused by both. */
export const unverified: Case['expected'] = refused(
  'integrity',
  'integrity',
  /does not verify with the key of the leaf/,
);
export const accepted = (...logged: readonly CheckType[]): Case['expected'] => ({ kind: 'accepted', logged });
export const stricter = (at: Decision, why: string, says?: RegExp): Case['expected'] => ({
  kind: 'stricter',
  at,
  why,
  ...(says === undefined ? {} : { says }),
});
export const wider = (why: string): Case['expected'] => ({ kind: 'wider', why });

/** An envelope by CHAIN, signed a minute ago, forged with the changes given. */
export function forged(options: Partial<ForgeOptions> = {}): Pick<Question, 'envelope'> {
  return {
    envelope: forgeJws({ key: CHAIN.key, certificates: CHAIN.certificates, alg: 'ES256', now: NOW, ...options }),
  };
}

/** An envelope by a chain of its own, whose root is trusted. */
export async function forgedBy(options: ChainOptions, forging: Partial<ForgeOptions> = {}): Promise<Partial<Question>> {
  return askWith(await createChain(options), forging);
}

/** An envelope by this chain, whose root is trusted. */
export function askWith(chain: Chain, forging: Partial<ForgeOptions> = {}): Partial<Question> {
  const { key, certificates, rootPem } = chain;
  return { ...forged({ key, certificates, ...forging }), stores: { 'ca:acme': [rootPem] } };
}

type StatementDocument = TrustPolicyDocument['trustPolicies'][number];

/** A strict policy that trusts CHAIN for any image of any repository, with the changes given. */
export function policyWith(statement: Partial<StatementDocument> = {}): Pick<Question, 'policy'> {
  return {
    policy: {
      version: '1.0',
      trustPolicies: [
        {
          name: 'acme',
          registryScopes: ['*'],
          signatureVerification: { level: 'strict' },
          trustStores: ['ca:acme'],
          trustedIdentities: ['*'],
          ...statement,
        },
      ],
    },
  };
}

/** The whole question of a case. */
export async function questionOf({ ask }: Case): Promise<Question> {
  return {
    mediaType: 'application/jose+json',
    subject: SUBJECT,
    ...policyWith(),
    stores: { 'ca:acme': [CHAIN.rootPem] },
    requiredMetadata: {},
    ...forged(),
    ...(typeof ask === 'function' ? await ask() : ask),
  };
}
