import { encode, rfc8949EncodeOptions, Tagged } from 'cborg';
import { signWithAlgorithm } from '../algorithm.ts';
import { toBeSigned } from './cose.ts';
import { COSE_ALGORITHM, COSE_LABEL } from './cose-labels.ts';
import { PAYLOAD_TYPE } from './envelope.ts';
import { HEADER_SIGNING_AGENT, HEADER_TIMESTAMP_SIGNATURE } from './headers.ts';
import type { EnvelopeContent, EnvelopeWriter } from './writer.ts';

const TAG_EPOCH_TIME = 1;
const TAG_SIGN1 = 18;

/** Signs and writes a COSE envelope: COSE_Sign1, tagged, in core deterministic encoding (notary.md C1, C2, C3, C5). */
export const writeCose: EnvelopeWriter = async (content, key, timestamp) => {
  const { algorithm, certificates, payload, signingAgent } = content;
  const protectedBytes = deterministic(protectedHeader(content));
  const signature = signWithAlgorithm(algorithm, key, toBeSigned(protectedBytes, payload));
  const token = await timestamp(signature);
  const unprotected = new Map<number | string, unknown>([
    [COSE_LABEL.x5chain, certificates.map((certificate) => certificate.raw)],
    [HEADER_SIGNING_AGENT, signingAgent],
  ]);
  if (token !== undefined) unprotected.set(HEADER_TIMESTAMP_SIGNATURE, token);
  return deterministic(new Tagged(TAG_SIGN1, [protectedBytes, unprotected, payload, signature]));
};

function protectedHeader({ algorithm, attributes, critical }: EnvelopeContent): ReadonlyMap<number | string, unknown> {
  const header = new Map<number | string, unknown>([
    [COSE_LABEL.alg, COSE_ALGORITHM[algorithm]],
    [COSE_LABEL.crit, critical],
    [COSE_LABEL.contentType, PAYLOAD_TYPE],
  ]);
  for (const [name, value] of attributes) {
    header.set(name, value instanceof Date ? new Tagged(TAG_EPOCH_TIME, value.getTime() / 1000) : value);
  }
  return header;
}

/** RFC 8949 §4.2.1: shortest forms, definite lengths, labels in the order of their encoding. */
function deterministic(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}
