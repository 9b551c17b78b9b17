import { describe, expect, it } from 'vitest';
import type { Cause } from '../../../src/api/verdict.ts';
import { ruleOf } from '../../../src/cli/rules.ts';

describe('ruleOf', () => {
  const SIGNATURE = 'signature sha256:0123456789ab (revocation): ';
  it.each<[string, Cause, string]>([
    ["AWS Signer's word on a job", { reason: 'SigningJobRevoked', message: 'revoked' }, 'H8'],
    ["AWS Signer's word on a profile", { reason: 'SigningProfileRevoked', message: 'revoked' }, 'H8'],
    [
      "AWS Signer's word on a certificate",
      { reason: 'CertificateRevoked', message: `${SIGNATURE}AWS Signer reports as revoked: CN=x` },
      'H8',
    ],
    [
      'a fault of AWS Signer',
      { reason: 'RevocationUndetermined', message: `${SIGNATURE}GetRevocationStatus with arn:aws:signer: throttled` },
      'H8',
    ],
    [
      'OCSP on a certificate, whatever its name',
      { reason: 'CertificateRevoked', message: `${SIGNATURE}CN=AWS Signer reports as revoked: is revoked` },
      'H1',
    ],
    ['an image that is not there', { reason: 'ImageNotFound', message: 'no such image' }, 'G'],
    ['what the message cites', { reason: 'IntegrityFailed', message: 'no crit (notary.md B3)' }, 'B3'],
  ])('%s is cited as the rule that says so (H8, G)', (_name, cause, rule) => {
    expect(ruleOf(cause).id).toBe(rule);
  });
});
