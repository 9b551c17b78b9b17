import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkChain } from '../../../../src/notary/certificates/chain.ts';
import { parseCertificate } from '../../../../src/notary/certificates/parsed-certificate.ts';
import { parseEnvelope } from '../../../../src/notary/index.ts';
import { readCrl } from '../../../../src/notary/revocation/crl.ts';
import { oid, sequence } from '../../../support/der.ts';
import { forgeJws } from '../../../support/forge-jws.ts';
import { type Chain, createChain, leafExtensions } from '../../../support/pki.ts';

/** A chain that is well formed, but for so many purposes of its leaf. */
function chainWith(purposes: number): Promise<Chain> {
  const list = sequence(...Array.from({ length: purposes }, () => oid('1.3.6.1.5.5.7.3.3')));
  const [keyUsage] = leafExtensions();
  if (keyUsage === undefined) throw new Error('no keyUsage');
  return createChain({ leafExtensions: [keyUsage, new x509.Extension('2.5.29.37', false, list)] });
}

const envelopeOf = ({ key, certificates }: Chain): Buffer =>
  forgeJws({ key, certificates, alg: 'ES256', now: new Date() });

/** A value of DER may be two bytes, and takes hundreds once it is read: whoever pushes chooses how many there are. */
describe('what is read of certificates is bounded (notary.md A6)', () => {
  let [few, many, large]: (Chain | undefined)[] = [];
  beforeAll(async () => {
    [few, many, large] = await Promise.all([chainWith(1_000), chainWith(1_001), chainWith(8_000)]);
  });

  it('a certificate of more than 64 KiB is refused unread, whatever room its envelope has (notary.md A6)', () => {
    if (few === undefined || large === undefined) throw new Error('no chains');
    const [good, bad] = [envelopeOf(few), envelopeOf(large)];
    expect(parseEnvelope(good, 'application/jose+json').certificates).toHaveLength(3);
    expect(() => parseEnvelope(bad, 'application/jose+json')).toThrow(/x5c\[0\] has \d+ bytes: expected at most 65536/);
  });

  it('a value with more than 1,000 values in it is refused while it is read (notary.md A6)', () => {
    expect(() => checkChain(few?.certificates ?? [], 'codeSigning')).not.toThrow();
    expect(() => checkChain(many?.certificates ?? [], 'codeSigning')).toThrow(/extKeyUsage.*more than 1000 values/);
  });

  it('a CRL that is nothing but values is refused while it is read (notary.md H4)', () => {
    const root = few?.certificates.at(-1);
    if (root === undefined) throw new Error('no root');
    const crl = sequence(...Array.from({ length: 1_001 }, () => sequence()));
    expect(() => readCrl(crl, parseCertificate(root))).toThrow(/the CRL.*more than 1000 values/);
  });
});
