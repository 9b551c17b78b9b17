import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { NotaryError, parseTrustStore } from '../../../src/notary/index.ts';
import { createChain } from '../../support/pki.ts';

const made = await createChain({ length: 3 });
const [leaf = '', intermediate = '', root = ''] = made.certificates.map((certificate) => certificate.toString());
const selfSigned = (await createChain({ length: 1 })).pem;
const twinOfRoot = (await createChain({ length: 2 })).certificates[1]?.toString() ?? '';

describe('a trust store (notary.md F9)', () => {
  it.each<readonly [string, 'ca' | 'signingAuthority' | 'tsa', string, number]>([
    ['a root', 'ca', root, 1],
    ['an intermediate CA', 'ca', intermediate, 1],
    ['a self-signed leaf', 'ca', selfSigned, 1],
    ['a root for signing authorities', 'signingAuthority', root, 1],
    ['a root for timestamps', 'tsa', root, 1],
    ['several, with text between', 'ca', `subject=x\n${root}\nnext:\r\n${twinOfRoot}\n`, 2],
  ])('takes %s', (_name, type, pem, count) => {
    const store = parseTrustStore(type, 'acme', pem);
    expect(store).toMatchObject({ type, name: 'acme' });
    expect(store.certificates).toHaveLength(count);
  });

  it.each<readonly [string, 'ca' | 'tsa', string, RegExp]>([
    ['nothing', 'ca', '', /at least one block/],
    ['text', 'ca', 'hello', /at least one block/],
    [
      'a leaf that is not self-signed',
      'ca',
      leaf,
      /certificate 1, CN=Test Signer.*: expected a CA certificate, or a self-signed one/,
    ],
    ['a leaf beside a root', 'ca', `${root}${leaf}`, /certificate 2, CN=Test Signer/],
    ['an intermediate for timestamps', 'tsa', intermediate, /expected a self-signed root/],
    ['a private key', 'ca', `${root}${made.keyPem}`, /expected CERTIFICATE blocks only; found PRIVATE KEY/],
    ['a block that is cut off', 'ca', root.slice(0, -30), /block 1 has no END line/],
    ['a block that another one interrupts', 'ca', `${root.slice(0, 100)}\n${root}`, /block 1 has no END line/],
    ['a block that is cut off after a good one', 'ca', `${root}${twinOfRoot.slice(0, 200)}`, /block 2 has no END line/],
    [
      'base64 of something else',
      'ca',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
      /block 1 of 1 is not a DER certificate/,
    ],
    [
      'text that is no base64',
      'ca',
      '-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----',
      /block 1 of 1 is not valid base64/,
    ],
    ['too much', 'ca', 'x'.repeat(1024 * 1024 + 1), /at most 1048576/],
  ])('refuses %s', (_name, type, pem, message) => {
    const act = () => parseTrustStore(type, 'acme', pem);
    expect(act).toThrow(NotaryError);
    expect(act).toThrow(message);
    expect(act).toThrow(new RegExp(`^trust store ${type}:acme: `));
  });

  it('refuses a root whose self-signature is not its own', async () => {
    const notAuthority = await createChain({
      length: 1,
      leafExtensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true)],
    });
    const raw = Buffer.from(notAuthority.certificates[0]?.raw ?? []);
    expect(parseTrustStore('tsa', 'a', notAuthority.pem).certificates).toHaveLength(1);
    raw.writeUInt8(raw.readUInt8(raw.length - 1) ^ 1, raw.length - 1);
    const pem = `-----BEGIN CERTIFICATE-----\n${raw.toString('base64')}\n-----END CERTIFICATE-----\n`;
    expect(() => parseTrustStore('tsa', 'a', pem)).toThrow(/expected a self-signed root/);
    expect(() => parseTrustStore('ca', 'a', pem)).toThrow(/expected a CA certificate, or a self-signed one/);
  });
});
