import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotaryError } from '../../../src/notary/index.ts';
import { createParsers } from '../../support/parser-inputs.ts';

const RULES: Readonly<Record<string, string>> = {
  JWS: 'B1',
  COSE: 'C1',
  'strict JSON': 'B1',
  'strict CBOR': 'C1',
  DER: 'E2',
  certificate: 'E2',
  PEM: 'E2',
  DN: 'F6',
  'trust policy': 'F1',
  CRL: 'H4',
  'CRL entries': 'H4',
  'OCSP answer': 'H3',
  'CRL distribution points': 'H4',
  'revocation sources': 'H1',
};
const parsers = (await createParsers()).map((parser) => ({ ...parser, rule: RULES[parser.name] ?? '' }));

/** 100,000 inputs for each: npm run bench -- --only parsers. */
describe('a parser of foreign bytes returns or throws NotaryError, and nothing else', () => {
  it.each(parsers)('$name ($rule)', ({ parse, inputs }) => {
    let [accepted, refused] = [0, 0];
    fc.assert(
      fc.property(inputs, (input) => {
        try {
          parse(input);
          accepted += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(NotaryError);
          refused += 1;
        }
      }),
      { numRuns: 1000 },
    );
    // Inputs that are all refused, or none, would show nothing.
    expect(accepted).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });
});
