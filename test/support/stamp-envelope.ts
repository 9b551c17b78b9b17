/** Puts a timestamp over its signature into a JWS envelope, which is unprotected and needs no new signature. */
export function stampJws(envelope: Buffer, tokenOver: (signature: Buffer) => Uint8Array): Buffer {
  const jws = JSON.parse(envelope.toString()) as { header: Record<string, unknown>; signature: string };
  const token = tokenOver(Buffer.from(jws.signature, 'base64url'));
  const header = { ...jws.header, 'io.cncf.notary.timestampSignature': Buffer.from(token).toString('base64') };
  return Buffer.from(JSON.stringify({ ...jws, header }));
}
