import { randomBytes } from 'node:crypto';
import {
  createChainRevocationChecker,
  createTimestampRequester,
  type SignatureFormat,
  type SignEnvelopeInput,
  signatureAnnotations,
  signEnvelope,
} from '../../../src/notary/index.ts';
import type { Judge } from '../../support/judge.ts';
import type { Chain, KeyType } from '../../support/pki.ts';
import type { ChainLength } from './chains.ts';
import { fetch, verifyOurs } from './ours.ts';
import type { Place, PlacedImage } from './places.ts';
import type { StoreFiles } from './trust.ts';

/** What is asked of a signature beside its key and format. */
export interface Variant {
  readonly name: string;
  readonly length: ChainLength;
  readonly expirySeconds?: number;
  readonly userMetadata?: Readonly<Record<string, string>>;
  /** Time-stamped when signed, and the policy asks for it. */
  readonly timestamp?: true;
}

export const VARIANTS: readonly Variant[] = [
  { name: 'plain', length: 3 },
  { name: 'expiry', length: 3, expirySeconds: 3600 },
  { name: 'metadata', length: 3, userMetadata: { 'build.id': '4711', 'with space': 'ünïcode "quoted" <&>' } },
  { name: 'timestamp', length: 3, timestamp: true },
  { name: 'chain of 1', length: 1 },
  { name: 'chain of 2', length: 2 },
  { name: 'chain of 3', length: 3 },
  { name: 'chain of 4', length: 4 },
];

export const FORMATS: readonly SignatureFormat[] = ['JWS', 'COSE'];

/** What a cell of the matrix works with. */
export interface CellInput {
  readonly judge: Judge;
  readonly place: Place;
  readonly keyType: KeyType;
  readonly format: SignatureFormat;
  readonly variant: Variant;
  readonly chain: Chain;
  /** Address of the time stamping authority, and its root. */
  readonly timestampUrl: string;
  readonly timestampRoot: Chain['certificates'][number];
  /** The folder of the trust stores, for notation-go, and the same stores for Sealwatch. */
  readonly storesFolder: string;
  readonly stores: StoreFiles;
}

/** The store that holds the root of a chain, and nothing else. */
export function storeName(keyType: KeyType, length: ChainLength): string {
  return `ca:${keyType}-${length}`;
}

/** The store that holds the root of the time stamping authority. */
export const TSA_STORE = 'tsa:interop';

function policyOf({ keyType, variant }: CellInput, { scope }: PlacedImage) {
  return {
    version: '1.0',
    trustPolicies: [
      {
        name: 'interop',
        registryScopes: [scope],
        signatureVerification: { level: 'strict' },
        trustStores: [storeName(keyType, variant.length), ...(variant.timestamp === true ? [TSA_STORE] : [])],
        trustedIdentities: [`x509.subject: C=US, ST=WA, O=Acme, CN=Signer ${keyType}`],
      },
    ],
  };
}

/** notation-go signs, Sealwatch verifies. @returns what went wrong, or undefined */
export async function theySignWeVerify(input: CellInput): Promise<string | undefined> {
  const { judge, place, format, variant, chain } = input;
  const image = await place.createImage();
  const { expirySeconds, userMetadata } = variant;
  const signed = await judge.ask({
    operation: 'sign',
    ...image.target,
    format: format === 'JWS' ? 'jws' : 'cose',
    key: chain.keyPem,
    chain: chain.pem,
    ...(expirySeconds === undefined ? {} : { expirySeconds }),
    ...(userMetadata === undefined ? {} : { userMetadata }),
    ...(variant.timestamp === undefined
      ? {}
      : { timestampUrl: input.timestampUrl, timestampRoots: input.timestampRoot.toString() }),
  });
  if (!signed.ok) return `notation-go cannot sign: ${signed.error}`;
  const [found, ...others] = await image.list();
  if (found === undefined || others.length > 0) return `expected one signature, found ${others.length + 1}`;
  const { verdict, decisive, envelope } = await verifyOurs({
    ...found,
    subject: image.subject,
    scope: image.scope,
    policy: policyOf(input, image),
    stores: input.stores,
    ...(userMetadata === undefined ? {} : { requiredMetadata: userMetadata }),
  });
  if (verdict !== 'Trusted') return `${verdict}: ${decisive?.reason}`;
  if (envelope?.format !== format) return `expected ${format}, found ${envelope?.format}`;
  if (envelope.certificates.length !== variant.length) return `${envelope.certificates.length} certificates`;
  if ((envelope.timestampToken !== undefined) !== (variant.timestamp === true)) return 'is the timestamp there?';
  const life = (envelope.expiry?.getTime() ?? 0) - (envelope.signingTime?.getTime() ?? 0);
  if (expirySeconds !== undefined && life !== expirySeconds * 1000) return `expires ${life} ms after signing`;
  if (expirySeconds === undefined && envelope.expiry !== undefined) return 'has an expiry that nobody asked for';
  return undefined;
}

function timestampOf(
  { timestampUrl, timestampRoot }: CellInput,
  now: Date,
): NonNullable<SignEnvelopeInput['timestamp']> {
  const request = createTimestampRequester({
    fetch,
    url: timestampUrl,
    tsaRoots: [timestampRoot],
    randomBytes,
    checkChainRevocation: createChainRevocationChecker({ fetch, refreshMs: 60_000 }),
  });
  return { request, now, signal: AbortSignal.timeout(20_000) };
}

/** Sealwatch signs, notation-go verifies. @returns what went wrong, or undefined */
export async function weSignTheyVerify(input: CellInput): Promise<string | undefined> {
  const { judge, place, format, variant, chain } = input;
  const image = await place.createImage();
  const signingTime = new Date();
  const { expirySeconds, userMetadata } = variant;
  const { bytes, mediaType } = await signEnvelope({
    subject: image.subject,
    key: chain.key,
    certificates: chain.certificates,
    format,
    signingTime,
    signingAgent: 'sealwatch/conformance',
    ...(expirySeconds === undefined ? {} : { expiry: new Date(signingTime.getTime() + expirySeconds * 1000) }),
    ...(userMetadata === undefined ? {} : { userMetadata }),
    ...(variant.timestamp === undefined ? {} : { timestamp: timestampOf(input, signingTime) }),
  });
  await image.push({
    envelope: bytes,
    mediaType,
    annotations: signatureAnnotations(chain.certificates, signingTime),
  });
  const answer = await judge.ask({
    operation: 'verify',
    ...image.target,
    policy: policyOf(input, image),
    stores: input.storesFolder,
    ...(userMetadata === undefined ? {} : { requiredMetadata: userMetadata }),
  });
  if (!answer.ok) return `notation-go refuses: ${answer.error}`;
  if (answer.digest !== image.subject.digest) return `notation-go verified ${answer.digest}`;
  const logged = answer.results?.find(({ error }) => error !== undefined);
  return logged === undefined ? undefined : `notation-go says of ${logged.type}: ${logged.error}`;
}
