import type { KeyObject } from 'node:crypto';
import { FlattenedSign } from 'jose';
import { formatRfc3339 } from '../encoding.ts';
import { PAYLOAD_TYPE } from './envelope.ts';
import { HEADER_SIGNING_AGENT, HEADER_TIMESTAMP_SIGNATURE } from './headers.ts';
import type { EnvelopeContent, EnvelopeWriter } from './writer.ts';

/** Signs and writes a JWS envelope: flattened JSON (notary.md B1, B2, B6). */
export const writeJws: EnvelopeWriter = async (content, key, timestamp) => {
  const jws = await signFlattened(content, key);
  const token = await timestamp(Buffer.from(jws.signature, 'base64url'));
  const header = {
    x5c: content.certificates.map((certificate) => certificate.raw.toString('base64')),
    [HEADER_SIGNING_AGENT]: content.signingAgent,
    ...(token === undefined ? {} : { [HEADER_TIMESTAMP_SIGNATURE]: Buffer.from(token).toString('base64') }),
  };
  const { payload, protected: protectedHeader, signature } = jws;
  return Buffer.from(JSON.stringify({ payload, protected: protectedHeader, header, signature }), 'utf8');
};

function signFlattened({ algorithm, attributes, critical, payload }: EnvelopeContent, key: KeyObject) {
  const named = [...attributes].map(([name, value]) => [name, value instanceof Date ? formatRfc3339(value) : value]);
  const header = { alg: algorithm, cty: PAYLOAD_TYPE, ...Object.fromEntries(named), crit: [...critical] };
  return new FlattenedSign(payload)
    .setProtectedHeader(header)
    .sign(key, { crit: Object.fromEntries(critical.map((name) => [name, true])) });
}
