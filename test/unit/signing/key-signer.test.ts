import { beforeAll, describe, expect, it } from 'vitest';
import { NotaryError } from '../../../src/notary/index.ts';
import { createKeySigner, type KeySignerInput } from '../../../src/signing/key-signer.ts';
import { SUBJECT } from '../../support/forge-jws.ts';
import { type Chain, createChain } from '../../support/pki.ts';

const NOW = new Date();
let ours: Chain;
let theirs: Chain;
beforeAll(async () => {
  [ours, theirs] = [await createChain(), await createChain()];
});

function signerOf(
  chain: Chain,
  certificatePem = chain.pem,
  privateKeyPem = chain.keyPem,
  more: Partial<KeySignerInput> = {},
) {
  return createKeySigner({ certificatePem, privateKeyPem, format: 'JWS', signingAgent: 'test/1', ...more });
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

  it.each(['JWS', 'COSE'] as const)('signs in the format that is asked for: %s (B, C)', async (format) => {
    const { envelope, mediaType } = await sign(signerOf(ours, ours.pem, ours.keyPem, { format }));
    expect([envelope.format, mediaType]).toEqual([format, `application/${format === 'JWS' ? 'jose+json' : 'cose'}`]);
    expect(signerOf(ours).claims(envelope)).toBe(true);
  });

  it('puts in the timestamp that it got, and signs nothing without the one it was to get (I)', async () => {
    const asked: { readonly signature: Uint8Array; readonly hash: string }[] = [];
    const stamping = signerOf(ours, ours.pem, ours.keyPem, {
      requestTimestamp: async (signature, hash) => {
        asked.push({ signature, hash });
        return Buffer.from('token');
      },
    });
    const { envelope } = await sign(stamping);
    expect(Buffer.from(envelope.timestampToken ?? []).toString()).toBe('token');
    expect(asked).toEqual([{ signature: envelope.signature, hash: 'sha256' }]);
    const failing = signerOf(ours, ours.pem, ours.keyPem, {
      requestTimestamp: () => Promise.reject(new NotaryError('TimestampFailed', 'no timestamp from tsa.example')),
    });
    await expect(sign(failing)).rejects.toThrow('no timestamp from tsa.example');
  });

  it.each(['RSA-2048', 'P-384'] as const)('reads every form of a key of %s', async (key) => {
    const chain = await createChain({ key });
    const form = key === 'P-384' ? 'sec1' : 'pkcs1';
    for (const type of ['pkcs8', form] as const) {
      const pem = chain.key.export({ type, format: 'pem' } as { type: 'pkcs8'; format: 'pem' }).toString();
      expect((await sign(signerOf(chain, chain.pem, pem))).envelope.subject).toEqual(SUBJECT);
    }
  });

  it.each<[string, () => Promise<unknown> | unknown, RegExp]>([
    [
      'a key of another certificate',
      () => sign(signerOf(ours, ours.pem, theirs.keyPem)),
      /key does not belong to the first certificate, .*CN=Test Signer.*: put the leaf first, and its own key beside it/,
    ],
    ['a chain in the wrong order', () => sign(signerOf(ours, ours.certificates.toReversed().join(''))), /leaf|order/],
    [
      'a chain without its root',
      () => sign(signerOf(ours, ours.certificates.slice(0, -1).join(''))),
      /root|self-signed/,
    ],
    ['a chain that has expired', async () => sign(await expiredSigner()), /is valid from .* only: renew it/],
    ['an encrypted key', () => signerOf(ours, ours.pem, encrypted()), /is encrypted; store it decrypted \(openssl/],
    ['no certificate', () => signerOf(ours, ''), /expected at least one block -----BEGIN CERTIFICATE-----/],
    ['no key', () => signerOf(ours, ours.pem, ''), /expected a private key in PEM \(PKCS#8, PKCS#1 or SEC1\)/],
    ['a certificate in place of the key', () => signerOf(ours, ours.pem, ours.pem), /found CERTIFICATE/],
  ])('refuses %s, says what to do, and never shows the key', async (_, attempt, message) => {
    const refusal = await (async () => attempt())().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(NotaryError);
    expect(String(refusal)).toMatch(message);
    expect(String(refusal)).not.toContain(ours.keyPem.split('\n')[1]);
  });

  async function expiredSigner() {
    const [notBefore, notAfter] = [new Date('2025-01-01T00:00:00Z'), new Date('2025-06-01T00:00:00Z')];
    return signerOf(await createChain({ notBefore, notAfter }));
  }
  function encrypted(): string {
    const encryption = { cipher: 'aes-256-cbc', passphrase: 'x' };
    return ours.key.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString();
  }
});
