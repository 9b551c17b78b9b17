import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MEDIA_TYPE_JWS,
  NotaryError,
  parseCertificatesPem,
  parseDistinguishedName,
  parseEnvelope,
  parsePrivateKeyPem,
  parseTrustPolicyDocument,
} from '../../../../src/notary/index.ts';
import { chain, envelopeOf, verify } from '../harness.ts';

const GOOD = envelopeOf();
const PEM = chain.pem;
const KEY = chain.keyPem;

/** One of what parsers trip over, put in place of some bytes. */
const edit = fc.record({
  at: fc.nat(),
  length: fc.nat({ max: 40 }),
  to: fc.oneof(
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom('', '"', '{', '}', '[', ']', ',', '\\', '\\u0000', '=', '\n', 'null', '""', '[]', '{}', '-----')
      .map((text) => Buffer.from(text)),
  ),
});

function applied(base: Buffer, edits: readonly { at: number; length: number; to: Buffer }[]): Buffer {
  return edits.reduce((bytes, { at, length, to }) => {
    const start = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, start), to, bytes.subarray(start + length)]);
  }, base);
}

const edits = fc.array(edit, { minLength: 1, maxLength: 4 });

function onlyNotaryError(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(NotaryError);
  }
}

describe('parsers throw nothing but NotaryError', () => {
  it('envelopes: any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) =>
        onlyNotaryError(() => parseEnvelope(bytes, MEDIA_TYPE_JWS)),
      ),
      { numRuns: 300 },
    );
  });

  it('certificates and keys: edited PEM', () => {
    fc.assert(
      fc.property(edits, (changes) => {
        onlyNotaryError(() => parseCertificatesPem(applied(Buffer.from(PEM), changes).toString('latin1')));
        onlyNotaryError(() => parsePrivateKeyPem(applied(Buffer.from(KEY), changes).toString('latin1')));
      }),
      { numRuns: 300 },
    );
  });

  it('distinguished names: any text of their alphabet', () => {
    const part = fc.constantFrom(
      'C=US',
      ',',
      'ST=WA',
      'O=A',
      '+',
      '=',
      '\\',
      '\\2',
      '\\20',
      '#',
      '"',
      ' ',
      'é',
      '\u{1f9ad}',
      '2.5.4.3',
      'S',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) =>
        onlyNotaryError(() => parseDistinguishedName(parts.join(''))),
      ),
      { numRuns: 1000 },
    );
  });

  it('trust policies: any JSON in any place', () => {
    const any = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('*', 'strict', 'ca:a', 'a.io/b', {}, []));
    const statement = fc.record(
      {
        name: any,
        registryScopes: any,
        signatureVerification: fc.oneof(any, fc.record({ level: any, override: any, verifyTimestamp: any })),
        trustStores: fc.oneof(any, fc.array(any)),
        trustedIdentities: fc.oneof(any, fc.array(any)),
      },
      { requiredKeys: [] },
    );
    const document = fc.record({
      version: fc.constant('1.0'),
      trustPolicies: fc.oneof(any, fc.array(fc.oneof(any, statement), { maxLength: 3 })),
    });
    fc.assert(
      fc.property(fc.oneof(any, document), (value) => onlyNotaryError(() => parseTrustPolicyDocument(value as never))),
      { numRuns: 1000 },
    );
  });
});

describe('an edited envelope', () => {
  it('is never trusted, unless what it says is what was signed; and never throws (A8)', async () => {
    const original = parseEnvelope(GOOD, MEDIA_TYPE_JWS);
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const bytes = applied(GOOD, changes);
        const outcome = await verify(bytes);
        if (outcome.verdict !== 'Trusted') return;
        // White space and unknown unprotected headers may change; nothing else.
        expect(outcome.envelope?.signedBytes).toEqual(original.signedBytes);
        expect(outcome.envelope?.subject).toEqual(original.subject);
        expect(outcome.envelope?.signature).toEqual(original.signature);
        expect(outcome.envelope?.certificates.map((c) => c.raw)).toEqual(original.certificates.map((c) => c.raw));
      }),
      { numRuns: 500 },
    );
  });

  it('with one bit turned anywhere in signed bytes or signature is never trusted', async () => {
    const { payload, protected: header, signature, ...rest } = JSON.parse(GOOD.toString()) as Record<string, string>;
    const members = { payload, protected: header, signature };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<keyof typeof members>('payload', 'protected', 'signature'),
        fc.nat(),
        fc.nat({ max: 7 }),
        async (member, at, bit) => {
          const bytes = Buffer.from(members[member] ?? '', 'base64url');
          const index = at % bytes.length;
          bytes.writeUInt8(bytes.readUInt8(index) ^ (1 << bit), index);
          const changed = { ...members, ...rest, [member]: bytes.toString('base64url') };
          expect((await verify(Buffer.from(JSON.stringify(changed)))).verdict).toBe('Untrusted');
        },
      ),
      { numRuns: 300 },
    );
  });
});

it('a hostile envelope of many megabytes is refused in linear time', () => {
  const many = 4 * 1024 * 1024;
  for (const text of [
    '['.repeat(many),
    `{"a":"${'\\"'.repeat(many / 2)}`,
    '"'.repeat(many),
    `{${'"a":1,'.repeat(many / 6)}`,
    `{"payload":"${'A'.repeat(many)}="}`,
  ]) {
    const begin = performance.now();
    expect(() => parseEnvelope(Buffer.from(text), MEDIA_TYPE_JWS)).toThrow(NotaryError);
    expect(performance.now() - begin).toBeLessThan(5000);
  }
});
