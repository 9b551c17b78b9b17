import { beforeAll, describe, expect, it } from 'vitest';
import { NotaryError } from '../../../src/notary/index.ts';
import { createKeySigner } from '../../../src/signing/key-signer.ts';
import { SUBJECT } from '../../support/forge-jws.ts';
import { type Chain, createChain } from '../../support/pki.ts';

const NOW = new Date();
let ours: Chain;
let theirs: Chain;
beforeAll(async () => {
  [ours, theirs] = [await createChain(), await createChain()];
});

function signerOf(chain: Chain, certificatePem = chain.pem, privateKeyPem = chain.keyPem) {
  return createKeySigner({ certificatePem, privateKeyPem, signingAgent: 'test/1' });
}
const sign = (signer: ReturnType<typeof signerOf>, more: object = {}) =>
  signer.sign({ subject: SUBJECT, now: NOW, ...more }, AbortSignal.timeout(5_000));

describe('createKeySigner', () => {
  it('signs what it is given, and knows its own signatures from those of others by the key', async () => {
    const [signer, stranger] = [signerOf(ours), signerOf(theirs)];
    const { envelope } = await sign(signer, { userMetadata: { build: '1' }, expiryMs: 3_600_000 });
    expect(envelope.subject).toEqual({ ...SUBJECT, annotations: { build: '1' } });
    expect(envelope.expiry?.getTime()).toBe(Math.floor(NOW.getTime() / 1_000) * 1_000 + 3_600_000);
    expect(signer.claims(envelope)).toBe(true);
    expect(stranger.claims(envelope)).toBe(false);
    expect(signer.name).toContain('CN=Test Signer');
    expect(signer.claimProvenBy).toBe('integrity');
  });

  it.each<[string, () => Promise<unknown> | unknown]>([
    ['a key of another certificate', () => sign(signerOf(ours, ours.pem, theirs.keyPem))],
    ['a chain in the wrong order', () => sign(signerOf(ours, ours.certificates.toReversed().join('')))],
    ['a chain without its root', () => sign(signerOf(ours, ours.certificates.slice(0, -1).join('')))],
    ['no certificate', () => signerOf(ours, '')],
    ['no key', () => signerOf(ours, ours.pem, '')],
    ['a certificate in place of the key', () => signerOf(ours, ours.pem, ours.pem)],
  ])('refuses %s, and never shows the key', async (_, attempt) => {
    const refusal = await (async () => attempt())().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(NotaryError);
    expect(String(refusal)).not.toContain(ours.keyPem.split('\n')[1]);
  });
});
