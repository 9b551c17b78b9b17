import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { NotaryError, parseCertificatesPem, parsePrivateKeyPem } from '../../../../src/notary/index.ts';
import { createChain } from '../../../support/pki.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pemOf = (type: 'pkcs8' | 'sec1' | 'pkcs1', more = {}): string => {
  const key = type === 'pkcs1' ? rsa.privateKey : ec.privateKey;
  return key.export({ type, format: 'pem', ...more } as { type: 'pkcs8'; format: 'pem' }).toString();
};
const certificatePem = (await createChain({ length: 1 })).pem;
const encryption = { cipher: 'aes-256-cbc', passphrase: 'secret' };

describe('a private key in PEM (notary.md B5)', () => {
  it.each([
    ['PKCS#8', pemOf('pkcs8'), 'ec'],
    ['SEC1', pemOf('sec1'), 'ec'],
    ['PKCS#1', pemOf('pkcs1'), 'rsa'],
    [
      'SEC1 after its parameters, as openssl ecparam writes it',
      `-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n${pemOf('sec1')}`,
      'ec',
    ],
    ['a key after its certificates', `${certificatePem}${pemOf('pkcs8')}`, 'ec'],
    ['with Windows line ends', pemOf('pkcs8').replaceAll('\n', '\r\n'), 'ec'],
  ])('is read as %s', (_name, pem, type) => {
    expect(parsePrivateKeyPem(pem)).toMatchObject({ type: 'private', asymmetricKeyType: type });
  });

  it.each([
    ['encrypted PKCS#8', pemOf('pkcs8', encryption), /is encrypted; store it decrypted/],
    ['encrypted SEC1', pemOf('sec1', encryption), /is encrypted; store it decrypted/],
    ['encrypted PKCS#1', pemOf('pkcs1', encryption), /is encrypted; store it decrypted/],
    ['a public key', ec.publicKey.export({ type: 'spki', format: 'pem' }).toString(), /found PUBLIC KEY/],
    ['a certificate', certificatePem, /found CERTIFICATE/],
    [
      'an OpenSSH key',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
      /OPENSSH PRIVATE KEY: convert it/,
    ],
    ['nothing', '', /found no PEM block/],
    ['a key that is cut off', pemOf('pkcs8').slice(0, 100), /has no END line/],
    [
      'a key with a byte too few',
      '-----BEGIN PRIVATE KEY-----\nMIG2AgEA\n-----END PRIVATE KEY-----\n',
      /cannot be read: is it complete/,
    ],
    [
      'an Ed25519 key',
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      /found a key of the type 1\.3\.101\.112/,
    ],
    [
      'a short RSA key',
      generateKeyPairSync('rsa', { modulusLength: 1024 })
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
      /found RSA of 1024 bits/,
    ],
  ])('is refused: %s', (_name, pem, message) => {
    expect(() => parsePrivateKeyPem(pem)).toThrow(NotaryError);
    expect(() => parsePrivateKeyPem(pem)).toThrow(message);
  });

  it('never appears in a message', () => {
    const pem = pemOf('pkcs8').replace('MIG', 'MII');
    const secret = pem.split('\n')[1] ?? '';
    expect(secret).toHaveLength(64);
    let thrown: unknown;
    try {
      parsePrivateKeyPem(pem);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(NotaryError);
    expect(inspect(thrown, { depth: 10 })).not.toContain(secret.slice(0, 20));
    expect((thrown as NotaryError).cause).toBeUndefined();
  });
});

it('certificates are read in the order of the text', async () => {
  const { certificates, pem } = await createChain({ length: 4 });
  expect(parseCertificatesPem(pem).map((c) => c.raw)).toEqual(certificates.map((c) => c.raw));
});

it.each([
  ['in one line', certificatePem],
  ['after a comment', `# root\n${certificatePem}`],
])('certificates that are base64 once too often say so: %s', (_name, pem) => {
  const base64 = Buffer.from(pem).toString('base64');
  expect(() => parseCertificatesPem(base64)).toThrow(/found none, but base64 of such blocks: decode it once$/);
  expect(() => parseCertificatesPem(base64.replace(/.{64}/g, '$&\n'))).toThrow(/decode it once$/);
  expect(() => parseCertificatesPem('aGVsbG8=')).toThrow(/found none$/);
});
