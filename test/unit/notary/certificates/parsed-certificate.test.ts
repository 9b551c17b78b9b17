import 'reflect-metadata';
import { createHash, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { readExtensions } from '../../../../src/notary/certificates/parsed-certificate.ts';
import { checkChain, distinguishedNameOf, NotaryError, parseCertificate } from '../../../../src/notary/index.ts';
import { NULL, octets, oid, sequence } from '../../../support/der.ts';
import { createChain, leafExtensions } from '../../../support/pki.ts';
import { decided, envelopeOf, VALIDITY, verify } from '../harness.ts';

const { certificates, key } = await createChain({ ...VALIDITY, length: 1 });
const good = certificates[0]?.raw ?? Buffer.alloc(0);

/** The certificate with bytes replaced by as many others: OpenSSL still reads it. */
function patched(from: Buffer, to: Buffer): X509Certificate {
  expect(to).toHaveLength(from.length);
  const raw = Buffer.from(good);
  const at = raw.indexOf(from);
  expect(at).toBeGreaterThan(0);
  to.copy(raw, at);
  return new X509Certificate(raw);
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const notAfter = text('260715120000Z');
const keyUsage = Buffer.from('0603551d0f0101ff040403020780', 'hex');

describe('a certificate that OpenSSL reads and DER does not allow is refused', () => {
  it.each<readonly [string, () => X509Certificate]>([
    ['a time of letters, which never expires', () => patched(notAfter, text('xxxxxxxxxxxxZ'))],
    ['a day that does not exist', () => patched(notAfter, text('260231120000Z'))],
    ['an hour that does not exist', () => patched(notAfter, text('260715250000Z'))],
    ['a time with another zone', () => patched(notAfter, text('2607151200+01'))],
    [
      'a BOOLEAN that is neither 00 nor ff',
      () => patched(keyUsage, Buffer.from('0603551d0f010101040403020780', 'hex')),
    ],
  ])('%s', async (_name, make) => {
    const certificate = make();
    expect(() => checkChain([certificate], 'codeSigning')).toThrow(NotaryError);
    expect(() => checkChain([certificate], 'codeSigning')).toThrow(/cannot be read/);
    // And no verification of an envelope throws because of it.
    const outcome = await verify(envelopeOf({ key, certificates: [certificate] }));
    expect(decided(outcome)).toBe('integrity failed IntegrityFailed');
  });

  it('the control: as it was made it is accepted, but for trust', async () => {
    expect(() => checkChain([new X509Certificate(good)], 'codeSigning')).not.toThrow();
  });
});

describe('a well-signed certificate is refused for an extension that is not DER', () => {
  it.each([
    ['a bit string with bits beyond its end', '030207ff'],
    ['a bit string with eight unused bits', '03020880'],
    ['a length that is not minimal', '0381020780'],
    ['an indefinite length', '0380078000'],
    ['a byte after it', '0302078000'],
    ['another type', '04020780'],
    ['nothing', ''],
  ])('%s', async (_name, hex) => {
    const extension = new x509.Extension('2.5.29.15', true, Buffer.from(hex, 'hex'));
    const made = await createChain({ leafExtensions: [extension] });
    expect(() => checkChain(made.certificates, 'codeSigning')).toThrow(/keyUsage cannot be read/);
  });

  it('the control: the same keyUsage as DER', async () => {
    const made = await createChain({
      leafExtensions: [new x509.Extension('2.5.29.15', true, Buffer.from('03020780', 'hex'))],
    });
    expect(() => checkChain(made.certificates, 'codeSigning')).not.toThrow();
  });

  it.each(['30080101ff020100020100', '30070101ff0101ff00', '3003020100ff'])('basicConstraints of %s', async (hex) => {
    const extension = new x509.Extension('2.5.29.19', true, Buffer.from(hex, 'hex'));
    const made = await createChain({ leafExtensions: [...leafExtensions(), extension] });
    expect(() => checkChain(made.certificates, 'codeSigning')).toThrow(NotaryError);
  });

  it('the same extension twice', async () => {
    const usage = new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true);
    const made = await createChain({ leafExtensions: [usage, usage] });
    expect(() => checkChain(made.certificates, 'codeSigning')).toThrow(/2\.5\.29\.15 stands twice/);
  });
});

it('values behind the list of extensions are refused: another reader may take them for more (E2, H3, H4)', () => {
  const list = sequence(sequence(oid('1.2.3.4'), octets(NULL)));
  const read = (...parts: readonly Buffer[]) =>
    readExtensions({ tag: 0xa0, bytes: Buffer.alloc(0), content: Buffer.concat(parts) });
  expect(read(list).size).toBe(1);
  expect(() => read(list, list)).toThrow(/values follow them/);
});

it('a certificate that names two different signature algorithms is refused (E2)', () => {
  const sha256 = Buffer.from('06082a8648ce3d040302', 'hex');
  const raw = Buffer.from(good);
  const outer = raw.lastIndexOf(sha256);
  expect(outer).toBeGreaterThan(raw.indexOf(sha256));
  raw.writeUInt8(3, outer + sha256.length - 1);
  expect(() => checkChain([new X509Certificate(raw)], 'codeSigning')).toThrow(/two different signature algorithms/);
});

it('the fields are the bytes as received', () => {
  const [certificate] = certificates;
  if (certificate === undefined) throw new Error('no certificate');
  const parsed = parseCertificate(certificate);
  expect(good.indexOf(Buffer.from(parsed.tbsDer))).toBe(4);
  expect(good.includes(Buffer.from(parsed.publicKeyInfo))).toBe(true);
  expect(createHash('sha256').update(parsed.issuerDer).digest('hex')).toBe(
    createHash('sha256').update(parsed.subjectDer).digest('hex'),
  );
  expect(parsed.signatureAlgorithm.oid).toBe('1.2.840.10045.4.3.2');
  expect([...parsed.extensions.keys()]).toEqual(['2.5.29.15', '2.5.29.37']);
  expect(parseCertificate(certificate)).toBe(parsed);
});

it('a certificate that cannot be read still has a name for people', () => {
  const certificate = patched(notAfter, text('xxxxxxxxxxxxZ'));
  expect(distinguishedNameOf(certificate)).toBe('(unreadable name)');
});
