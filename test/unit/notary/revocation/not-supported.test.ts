import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { caExtensions, createChain, leafExtensions } from '../../../support/pki.ts';
import { decided, envelopeOf, statementOf, storesOf, VALIDITY, verify } from '../harness.ts';

const ocsp = new x509.AuthorityInfoAccessExtension({ ocsp: 'http://ocsp.example.com' });
const issuers = new x509.AuthorityInfoAccessExtension({ caIssuers: 'http://ca.example.com/ca.crt' });
const crl = new x509.CRLDistributionPointsExtension(['http://crl.example.com/ca.crl']);

describe('revocation while OCSP and CRL are not supported (notary.md H1)', () => {
  it.each<readonly [string, x509.Extension[], x509.Extension[], string]>([
    ['no certificate names a source: not revokable, which passes', [], [], 'Trusted'],
    ['the leaf names an OCSP responder', [ocsp], [], 'revocation unknown NotSupportedYet'],
    ['the leaf names a CRL', [crl], [], 'revocation unknown NotSupportedYet'],
    ['the leaf names where to get its issuer only', [issuers], [], 'Trusted'],
  ])('%s', async (_name, ofLeaf, ofCas, expected) => {
    const made = await createChain({
      ...VALIDITY,
      leafExtensions: [...leafExtensions(), ...ofLeaf],
      caExtensions: (depth) => [...caExtensions(depth), ...ofCas],
    });
    const outcome = await verify(envelopeOf(made), { findTrustStore: storesOf(made) });
    expect(decided(outcome)).toBe(expected);
    if (expected !== 'Trusted') expect(outcome.verdict).toBe('Unknown');
  });

  it('an intermediate counts, the root does not', async () => {
    const withCrlAt = (wanted: number) =>
      createChain({
        ...VALIDITY,
        caExtensions: (depth) => [...caExtensions(depth), ...(depth === wanted ? [crl] : [])],
      });
    const [intermediate, root] = await Promise.all([withCrlAt(0), withCrlAt(1)]);
    expect(decided(await verify(envelopeOf(intermediate), { findTrustStore: storesOf(intermediate) }))).toBe(
      'revocation unknown NotSupportedYet',
    );
    expect(decided(await verify(envelopeOf(root), { findTrustStore: storesOf(root) }))).toBe('Trusted');
  });

  it('is told and goes on where the policy logs it', async () => {
    const made = await createChain({ ...VALIDITY, leafExtensions: [...leafExtensions(), crl] });
    const outcome = await verify(envelopeOf(made), {
      findTrustStore: storesOf(made),
      statement: statementOf({ level: 'permissive' }),
    });
    expect(outcome.verdict).toBe('Trusted');
    expect(outcome.checks.find(({ type }) => type === 'revocation')).toMatchObject({
      action: 'log',
      result: 'unknown',
      code: 'NotSupportedYet',
    });
  });
});
