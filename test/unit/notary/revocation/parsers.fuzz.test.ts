import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotaryError, parseCertificate } from '../../../../src/notary/index.ts';
import { readOcspAnswer } from '../../../../src/notary/revocation/check-ocsp.ts';
import { readCrl } from '../../../../src/notary/revocation/crl.ts';
import { createRevocationParsers, oneBit } from '../../../support/revocation-parser-inputs.ts';
import { NOW } from '../harness.ts';
import { authority, createRevocableChain, crl, entry, ocspAnswer, REVOKED_AT } from './world.ts';

const parsers = await createRevocationParsers();

describe('what the fuzzed inputs are made from is accepted, so that they get far (notary.md H3, H4)', () => {
  it.each(parsers)('$name (H3, H4)', ({ parse, good }) => {
    expect(() => parse(good)).not.toThrow();
  });
});

describe('a bit turned on the way never changes what is said (notary.md H3, H4)', async () => {
  const chain = await createRevocableChain({});
  const { certificate } = authority(chain, 0);
  const issuer = authority(chain, 1).certificate;
  const said = (read: () => string): string => {
    try {
      return read();
    } catch (error) {
      if (error instanceof NotaryError) return 'unusable';
      throw error;
    }
  };
  const byOcsp = (bytes: Uint8Array) => said(() => readOcspAnswer(bytes, certificate, issuer, NOW).status.status);
  const byCrl = (bytes: Uint8Array) =>
    said(() => {
      const found = readCrl(bytes, parseCertificate(issuer)).entriesOf(parseCertificate(certificate).serialNumber);
      return found.length > 0 ? 'revoked' : 'good';
    });

  it.each<readonly [string, Buffer, (bytes: Uint8Array) => string, string]>([
    ['OCSP: good (H3)', ocspAnswer(chain), byOcsp, 'good'],
    ['OCSP: revoked (H3)', ocspAnswer(chain, { status: { at: REVOKED_AT } }), byOcsp, 'revoked'],
    ['OCSP: unknown (H3)', ocspAnswer(chain, { status: 'unknown' }), byOcsp, 'unknown'],
    ['CRL: not listed (H4)', crl(chain), byCrl, 'good'],
    ['CRL: listed (H4)', crl(chain, { entries: [entry(chain)] }), byCrl, 'revoked'],
  ])('%s', (_name, good, say, expected) => {
    expect(say(good)).toBe(expected);
    fc.assert(
      fc.property(oneBit(good), (bytes) => {
        expect(['unusable', expected]).toContain(say(bytes));
      }),
      { numRuns: 500 },
    );
  });
});
