import type * as x509 from '@peculiar/x509';
import {
  type ChainRevocationOptions,
  createChainRevocationChecker,
  type Fetch,
  FetchError,
  type FetchRequest,
  type RevocationResult,
} from '../../../../src/notary/index.ts';
import {
  type Authority,
  type Chain,
  type ChainOptions,
  caExtensions,
  createChain,
  leafExtensions,
  type RevocationAddresses,
  revocationExtensions,
} from '../../../support/pki.ts';
import {
  type CrlOptions,
  encodeCrl,
  encodeOcspAnswer,
  type OcspAnswerOptions,
} from '../../../support/revocation-data.ts';
import { DAY_MS, NOW, VALIDITY } from '../harness.ts';

export const HOUR_MS = 60 * 60_000;
export const OCSP_URL = 'http://ocsp.example.com';
export const CRL_URL = 'http://crl.example.com/ca.crl';
export const DELTA_URL = 'http://crl.example.com/delta.crl';

/** What an address answers: bytes, a fault, or what a function gives. */
export type WireAnswer = Uint8Array | FetchError | ((request: FetchRequest) => Uint8Array | Promise<Uint8Array>);

/** A network in memory: answers by the beginning of an address; where none is named, nobody answers. */
export function network(answers: Readonly<Record<string, WireAnswer>>): { fetch: Fetch; asked: FetchRequest[] } {
  const asked: FetchRequest[] = [];
  const fetch: Fetch = async (request, signal) => {
    asked.push(request);
    signal.throwIfAborted();
    const found = Object.entries(answers).find(([address]) => request.url.startsWith(address));
    const answer = found?.[1] ?? new FetchError('Unreachable', `${new URL(request.url).host}: nobody answers`);
    if (answer instanceof FetchError) throw answer;
    return { body: typeof answer === 'function' ? await answer(request) : answer };
  };
  return { fetch, asked };
}

/** A chain of leaf and root; the leaf names the addresses. */
export function createRevocableChain(
  addresses: RevocationAddresses,
  options: ChainOptions & { readonly more?: readonly x509.Extension[] } = {},
): Promise<Chain> {
  return createChain({
    length: 2,
    ...VALIDITY,
    leafExtensions: [...leafExtensions(), ...revocationExtensions(addresses), ...(options.more ?? [])],
    ...options,
  });
}

/** A chain of three, in which each certificate but the root names addresses. */
export function createChainOfThree(leaf: RevocationAddresses, intermediate: RevocationAddresses): Promise<Chain> {
  return createChain({
    ...VALIDITY,
    leafExtensions: [...leafExtensions(), ...revocationExtensions(leaf)],
    caExtensions: (depth) => [...caExtensions(depth), ...(depth === 0 ? revocationExtensions(intermediate) : [])],
  });
}

/** A certificate of a chain, by its place. */
export function authority(chain: Chain, index: number): Authority {
  const [certificate, key] = [chain.certificates[index], chain.keys[index]];
  if (certificate === undefined || key === undefined) throw new Error(`the chain has no certificate ${index}`);
  return { certificate, key };
}

export const CURRENT = {
  thisUpdate: new Date(NOW.getTime() - HOUR_MS),
  nextUpdate: new Date(NOW.getTime() + 7 * DAY_MS),
};

/** An OCSP answer about the certificate at `index`, by its issuer, current. */
export function ocspAnswer(chain: Chain, changes: Partial<OcspAnswerOptions> = {}, index = 0): Buffer {
  return encodeOcspAnswer({
    certificate: authority(chain, index).certificate,
    issuer: authority(chain, index + 1),
    status: 'good',
    ...CURRENT,
    ...changes,
  });
}

/** A CRL of the issuer of the certificate at `index`, current. */
export function crl(chain: Chain, changes: Partial<CrlOptions> = {}, index = 0): Buffer {
  return encodeCrl({ issuer: authority(chain, index + 1), ...CURRENT, number: 10, ...changes });
}

/** An entry for the leaf. */
export function entry(
  chain: Chain,
  facts: { readonly reason?: number; readonly invalidityDate?: Date; readonly at?: Date } = {},
): NonNullable<CrlOptions['entries']>[number] {
  return { certificate: authority(chain, 0).certificate, at: REVOKED_AT, ...facts };
}

export const REVOKED_AT = new Date('2026-06-10T08:00:00Z');

export interface CheckOptions extends Partial<ChainRevocationOptions> {
  readonly authenticSigningTime?: Date;
  readonly now?: Date;
}

/** Checks a chain on a network, once. */
export function check(
  chain: Chain,
  answers: Readonly<Record<string, WireAnswer>>,
  { authenticSigningTime, now = NOW, ...options }: CheckOptions = {},
): Promise<RevocationResult> {
  const checker = createChainRevocationChecker({ fetch: network(answers).fetch, refreshMs: HOUR_MS, ...options });
  return checker(
    { certificates: chain.certificates, ...(authenticSigningTime === undefined ? {} : { authenticSigningTime }) },
    { now, signal: AbortSignal.timeout(10_000) },
  );
}

/** `revoked`, `good`, or `unknown: its sentence`. */
export function told(result: RevocationResult): string {
  return result.status === 'unknown' ? `unknown: ${result.reason}` : result.status;
}
