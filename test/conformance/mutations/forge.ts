import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  createVerificationCache,
  MEDIA_TYPE_COSE,
  MEDIA_TYPE_JWS,
  type SignatureOutcome,
  type VerifySignatureInput,
} from '../../../src/notary/index.ts';
import { type CborItem, encodeCbor } from '../../support/cbor.ts';
import { COSE_ALGORITHMS, type CoseHeader, epoch, forgeCose } from '../../support/forge-cose.ts';
import { forgeJws, rfc3339 } from '../../support/forge-jws.ts';
import { type Chain, type ChainOptions, createChain } from '../../support/pki.ts';
import { NOW, verify } from '../../unit/notary/harness.ts';
import { type Format, type Header, KINDS, type KindName, payloadOf } from './kinds.ts';

/** How the signature is made. */
export interface Signing {
  readonly key: KeyObject;
  readonly saltLength?: number;
  readonly dsaEncoding?: 'der' | 'ieee-p1363';
  readonly hash?: string;
}

/** The options of a chain, and a key to sign with whose public half stands in the leaf in place of its own. */
export interface ChainChange extends ChainOptions {
  readonly leafKey?: KeyObject;
}

/**
 * Where a mutation may reach in: each hook gets what the good envelope has and gives what is to stand there. All that
 * is signed is signed after the change, with the good key, unless the hook says "after signing".
 */
export interface Hooks {
  /** The chain is issued anew. */
  readonly chain?: (options: ChainChange) => ChainChange;
  /** The certificates in the envelope. */
  readonly certificates?: (certificates: readonly X509Certificate[]) => readonly X509Certificate[];
  readonly header?: (header: Header) => Header;
  readonly payload?: (json: string) => string;
  /** After signing, and not signed. */
  readonly unprotected?: (header: Header) => Header;
  readonly signing?: (signing: Signing) => Signing;
  /** After signing. */
  readonly signature?: (signature: Buffer) => Buffer;
  /** JWS: the protected header's JSON. */
  readonly protectedText?: (json: string) => string;
  /** JWS: the unprotected header's JSON, after signing. */
  readonly unprotectedText?: (json: string) => string;
  /** JWS: the envelope, after signing. */
  readonly text?: (json: string) => string;
  /** COSE: the protected header by its labels. */
  readonly labels?: (header: CoseHeader) => CoseHeader;
  /** COSE: the protected header's bytes. */
  readonly protectedBytes?: (bytes: Buffer) => Buffer;
  /** COSE: the unprotected header by its labels, after signing. */
  readonly unprotectedLabels?: (header: CoseHeader) => CoseHeader;
  /** COSE: what the signature is made over. */
  readonly toBeSigned?: (bytes: Buffer) => Buffer;
  /** COSE: the four encoded members, after signing. */
  readonly members?: (members: readonly Buffer[]) => readonly Buffer[];
  /** COSE: the envelope, after signing. */
  readonly bytes?: (bytes: Buffer) => Buffer;
}

export interface Forged {
  readonly outcome: SignatureOutcome;
  /** What a verifier makes of it that has seen it before, and every envelope that was forged before it. */
  readonly seen: SignatureOutcome;
  /** Whether each hook gave something else than it got. */
  readonly changed: boolean;
}

const cache = createVerificationCache();
const goodChains = new Map<KindName, Promise<Chain>>();

function goodChain(kind: KindName): Promise<Chain> {
  const chain = goodChains.get(kind) ?? createChain(KINDS[kind].chain);
  goodChains.set(kind, chain);
  return chain;
}

/** Forges an envelope of a kind with the hooks applied, and has it verified as that kind is. */
export async function forgeAndVerify(format: Format, kindName: KindName, hooks: Hooks): Promise<Forged> {
  const kind = KINDS[kindName];
  const changes: boolean[] = [];
  const apply = <T>(hook: ((value: T) => T) | undefined, value: T): T => {
    if (hook === undefined) return value;
    const result = hook(value);
    changes.push(!isDeepStrictEqual(comparable(result), comparable(value)));
    return result;
  };
  const chain = hooks.chain === undefined ? await goodChain(kindName) : await issue(apply(hooks.chain, kind.chain));
  const { key, ...signing } = apply<Signing>(hooks.signing, { key: chain.key });
  const certificates = apply(hooks.certificates, chain.certificates);
  const header = apply(hooks.header, kind.header);
  const unprotected = apply(
    hooks.unprotected,
    new Map([['x5c', certificates.map(({ raw }) => raw)], ...kind.unprotected]),
  );
  const common = {
    key,
    certificates,
    alg: kind.alg,
    now: NOW,
    payload: apply(hooks.payload, payloadOf(kind)),
    signature: (signature: Buffer) => apply(hooks.signature, signature),
    ...signing,
  };
  const envelopeBytes =
    format === 'JWS'
      ? forgeJws({
          ...common,
          protected: () => apply(hooks.protectedText, JSON.stringify(jwsHeader(header))),
          header: () => apply(hooks.unprotectedText, JSON.stringify(jwsHeader(unprotected))),
          text: (text) => apply(hooks.text, text),
        })
      : forgeCose({
          ...common,
          protected: () => apply(hooks.protectedBytes, encodeCbor(apply(hooks.labels, coseHeader(header)))),
          unprotected: () => apply(hooks.unprotectedLabels, coseHeader(unprotected)),
          toBeSigned: (bytes) => apply(hooks.toBeSigned, bytes),
          members: (members) => apply(hooks.members, members),
          bytes: (bytes) => apply(hooks.bytes, bytes),
        });
  const root = chain.certificates.slice(-1);
  const question: Partial<VerifySignatureInput> = {
    mediaType: format === 'JWS' ? MEDIA_TYPE_JWS : MEDIA_TYPE_COSE,
    statement: kind.statement,
    findTrustStore: (type, name) =>
      name === 'acme' && (type === kind.storeType || type === 'tsa') ? { type, name, certificates: root } : undefined,
    ...kind.verification,
  };
  const outcome = await verify(envelopeBytes, question);
  await verify(envelopeBytes, { ...question, cache });
  const seen = await verify(envelopeBytes, { ...question, cache });
  return { outcome, seen, changed: changes.length === Object.keys(hooks).length && changes.every(Boolean) };
}

async function issue({ leafKey, ...options }: ChainChange): Promise<Chain> {
  if (leafKey === undefined) return createChain(options);
  const chain = await createChain({ ...options, leafPublicKey: createPublicKey(leafKey) });
  return { ...chain, key: leafKey };
}

/** Certificates and keys have no properties to compare. */
function comparable(value: unknown): unknown {
  return Array.isArray(value) ? value.map((item) => (item instanceof X509Certificate ? item.raw : item)) : value;
}

function jwsHeader(header: Header): Record<string, unknown> {
  return Object.fromEntries([...header].map(([name, value]) => [name, jwsValue(value)]));
}

function jwsValue(value: unknown): unknown {
  if (value instanceof Date) return rfc3339(value);
  if (value instanceof Buffer) return value.toString('base64');
  return Array.isArray(value) ? value.map(jwsValue) : value;
}

const LABELS: ReadonlyMap<unknown, number> = new Map([
  ['alg', 1],
  ['crit', 2],
  ['cty', 3],
  ['x5c', 33],
]);

function coseHeader(header: Header): CoseHeader {
  return new Map(
    [...header].map(([name, value]): [CborItem, CborItem] => {
      const label = LABELS.get(name) ?? name;
      if (label === 1 && typeof value === 'string') return [label, COSE_ALGORITHMS[value] ?? value];
      if (label === 2 && Array.isArray(value)) return [label, value.map((item) => LABELS.get(item) ?? coseValue(item))];
      return [label, coseValue(value)];
    }),
  );
}

function coseValue(value: unknown): CborItem {
  if (value instanceof Date) return epoch(value);
  if (Array.isArray(value)) return value.map(coseValue);
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    return new Map(Object.entries(value).map(([name, item]): [CborItem, CborItem] => [name, coseValue(item)]));
  }
  return value as CborItem;
}
