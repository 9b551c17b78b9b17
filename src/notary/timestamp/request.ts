import type { X509Certificate } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { MessageImprint, TimeStampReq } from '@peculiar/asn1-tsp';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import { NotaryError } from '../error.ts';
import { type Fetch, FetchError } from '../fetch.ts';
import { quote } from '../quote.ts';
import type { ChainRevocationChecker } from '../revocation/revocation.ts';
import { invalidTimestamp } from './error.ts';
import { digestOf, oidOfHash, sameBytes } from './hash.ts';
import { tokenOfResponse } from './response.ts';
import type { RequestTimestamp } from './timestamp.ts';
import { parseTimestampToken } from './token.ts';
import { verifyTimestampToken } from './verify-token.ts';

/** Of an answer, as in notation: the token and its certificates have about 6 KiB. */
export const MAX_RESPONSE_BYTES = 1024 * 1024;
const TIMEOUT_MS = 15_000;
const NONCE_BYTES = 16;

export interface TimestampRequesterOptions {
  readonly fetch: Fetch;
  /** Of the time stamping authority, http or https. */
  readonly url: string;
  /** Its chain must lead to one of these. */
  readonly tsaRoots: readonly X509Certificate[];
  /** Gives that many unpredictable bytes. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly checkChainRevocation: ChainRevocationChecker;
}

/**
 * Gets timestamps from one authority over HTTP (RFC 3161 §3.4): a request with a random nonce that asks for the
 * certificates, its answer's status, imprint and nonce compared, and the token verified just as it will be later.
 * The requester rejects with NotaryError TimestampFailed, which says why and names the authority's host, or with the
 * reason of the signal.
 * @throws NotaryError InvalidSigningRequest when url or tsaRoots cannot do
 */
export function createTimestampRequester(options: TimestampRequesterOptions): RequestTimestamp {
  const host = hostOf(options.url);
  if (options.tsaRoots.length === 0) {
    const message = 'timestamp: expected at least one root of the time stamping authority, found none (notary.md I)';
    throw new NotaryError('InvalidSigningRequest', message, { rule: 'I' });
  }
  return async (signature, hash, context) => {
    const nonce = nonceFrom(options.randomBytes(NONCE_BYTES));
    const digest = digestOf(hash, signature);
    try {
      const { body } = await options.fetch(
        {
          url: options.url,
          method: 'POST',
          headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
          body: encodeRequest(oidOfHash(hash), digest, nonce),
          maxBytes: MAX_RESPONSE_BYTES,
          timeoutMs: TIMEOUT_MS,
        },
        context.signal,
      );
      const token = tokenOfResponse(body);
      const { imprint, nonce: answered } = parseTimestampToken(token).info;
      if (imprint.hash !== hash || !sameBytes(imprint.digest, digest)) {
        throw invalidTimestamp('the timestamp is of something else than what was sent');
      }
      if (answered === undefined || !sameBytes(answered, nonce)) {
        throw invalidTimestamp('the nonce of the timestamp is not the one that was sent: the answer may be an old one');
      }
      const { tsaRoots, checkChainRevocation } = options;
      const result = await verifyTimestampToken({ token, signature, tsaRoots, checkChainRevocation, ...context });
      if (result.status !== 'valid') throw new NotaryError('InvalidTimestamp', result.reason, { rule: 'I' });
      return token;
    } catch (error) {
      if (!(error instanceof NotaryError || error instanceof FetchError)) throw error;
      throw new NotaryError('TimestampFailed', `no timestamp from ${host}: ${error.message}`, {
        rule: 'I',
        cause: error,
      });
    }
  };
}

function hostOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol) || parsed.username + parsed.password !== '') {
    throw new NotaryError(
      'InvalidSigningRequest',
      `timestamp: expected the http or https URL of a time stamping authority, without credentials, found ${quote(url)} (notary.md I)`,
      { rule: 'I' },
    );
  }
  return parsed.host;
}

/** The octets of a positive INTEGER in its shortest form: authorities send it back in that. */
function nonceFrom(random: Uint8Array): Uint8Array {
  const nonce = Uint8Array.from(random);
  nonce[0] = ((nonce[0] ?? 0) & 0x3f) | 0x40;
  return nonce;
}

function encodeRequest(hashOid: string, digest: Uint8Array, nonce: Uint8Array): Uint8Array {
  const request = new TimeStampReq({
    messageImprint: new MessageImprint({
      hashAlgorithm: new AlgorithmIdentifier({ algorithm: hashOid, parameters: null }),
      hashedMessage: new OctetString(digest),
    }),
    nonce: Uint8Array.from(nonce).buffer,
    certReq: true,
  });
  return new Uint8Array(AsnConvert.serialize(request));
}
