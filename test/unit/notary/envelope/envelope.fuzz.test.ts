import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MEDIA_TYPE_COSE, MEDIA_TYPE_JWS, NotaryError, parseEnvelope } from '../../../../src/notary/index.ts';
import { encodeCbor, head } from '../../../support/cbor.ts';
import { forgeCose } from '../../../support/forge-cose.ts';
import { createParsers, type ParserUnderTest } from '../../../support/parser-inputs.ts';
import { chain, envelopeOf, NOW, verify } from '../harness.ts';

const JWS = envelopeOf();
const COSE = forgeCose({ key: chain.key, certificates: chain.certificates, alg: 'ES256', now: NOW });

const WORDS = ['', '"', '{', '}', '[', ']', ',', '\\', '\\u0000', '=', '\n', 'null', '""', '[]', '{}', '-----'];

/** Something that parsers trip over, put in place of some bytes. */
const edits = fc.array(
  fc.record({
    at: fc.nat(),
    length: fc.nat({ max: 40 }),
    to: fc.oneof(
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(...WORDS.map((word) => Buffer.from(word))),
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

function applied(base: Buffer, changes: readonly { at: number; length: number; to: Buffer }[]): Buffer {
  return changes.reduce((bytes, { at, length, to }) => {
    const start = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, start), to, bytes.subarray(start + length)]);
  }, base);
}

describe.each([
  ['JWS', JWS, MEDIA_TYPE_JWS],
  ['COSE', COSE, MEDIA_TYPE_COSE],
] as const)('an edited %s envelope', (_format, good, mediaType) => {
  it('is never trusted, unless what it says is what was signed; and never throws (A8, B7, C5)', async () => {
    const original = parseEnvelope(good, mediaType);
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const outcome = await verify(applied(good, changes), { mediaType });
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
});

it('a JWS envelope with one bit turned anywhere in signed bytes or signature is never trusted (B7)', async () => {
  const { payload, protected: header, signature, ...rest } = JSON.parse(JWS.toString()) as Record<string, string>;
  const members = { payload, protected: header, signature };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<keyof typeof members>('payload', 'protected', 'signature'),
      fc.nat(),
      fc.nat({ max: 7 }),
      async (member, at, bit) => {
        const bytes = turned(Buffer.from(members[member] ?? '', 'base64url'), at, bit);
        const changed = { ...members, ...rest, [member]: bytes.toString('base64url') };
        expect((await verify(Buffer.from(JSON.stringify(changed)))).verdict).toBe('Untrusted');
      },
    ),
    { numRuns: 300 },
  );
});

it('a COSE envelope with one bit turned anywhere is never trusted (C1, C5)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat({ max: 7 }), async (at, bit) => {
      // No byte of this envelope is without meaning: there is no unprotected header but the chain.
      const outcome = await verify(turned(COSE, at, bit), { mediaType: MEDIA_TYPE_COSE });
      expect(outcome.verdict).toBe('Untrusted');
    }),
    { numRuns: 500 },
  );
});

describe('what is generated for the parsers of envelopes is never trusted but for what was signed', () => {
  it.each(['JWS', 'COSE'])('%s (B7, C5)', async (name) => {
    const parser: ParserUnderTest | undefined = (await createParsers()).find((candidate) => candidate.name === name);
    if (parser === undefined) throw new Error(`no parser ${name}`);
    const mediaType = name === 'JWS' ? MEDIA_TYPE_JWS : MEDIA_TYPE_COSE;
    await fc.assert(
      // Of another chain than the one that is trusted here: none may pass.
      fc.asyncProperty(parser.inputs, async (bytes) => {
        expect((await verify(bytes, { mediaType })).verdict).toBe('Untrusted');
      }),
      { numRuns: 500 },
    );
  });
});

const MANY = 4 * 1024 * 1024;
const hostileJson = [
  '['.repeat(MANY),
  `{"a":"${'\\"'.repeat(MANY / 2)}`,
  '"'.repeat(MANY),
  `{${'"a":1,'.repeat(MANY / 6)}`,
  `{"payload":"${'A'.repeat(MANY)}="}`,
  `[${'{},'.repeat(MANY / 3)}1]`,
  `[${'"",'.repeat(MANY / 3)}1]`,
].map((text) => Buffer.from(text));
const hostileCbor = [
  Buffer.alloc(MANY, 0x81),
  Buffer.alloc(MANY, 0xa1),
  Buffer.alloc(MANY, 0xc1),
  Buffer.concat([head(4, MANY), Buffer.alloc(MANY)]),
  Buffer.concat([head(5, MANY / 2), Buffer.alloc(MANY, 0x80)]),
  encodeCbor(Buffer.alloc(MANY, 0x81)),
  Buffer.concat([encodeCbor('a'.repeat(MANY)), Buffer.alloc(3)]),
].map((item) => Buffer.concat([Buffer.from('d284', 'hex'), item]));

it('a hostile envelope of many megabytes is refused in linear time (A6, B1, C1)', () => {
  for (const [mediaType, envelopes] of [
    [MEDIA_TYPE_JWS, hostileJson],
    [MEDIA_TYPE_COSE, hostileCbor],
  ] as const) {
    for (const bytes of envelopes) {
      const begin = performance.now();
      expect(() => parseEnvelope(bytes, mediaType)).toThrow(NotaryError);
      expect(performance.now() - begin).toBeLessThan(5000);
    }
  }
});

it('an envelope with crit and attributes by the ten thousand is read in linear time (B3)', () => {
  const names = Array.from({ length: 30_000 }, (_, i) => `a${i}`);
  const bytes = envelopeOf({
    protected: (header) => ({
      ...header,
      ...Object.fromEntries(names.map((name) => [name, 1])),
      crit: [...(header['crit'] as string[]), ...names],
    }),
  });
  const begin = performance.now();
  expect(parseEnvelope(bytes, MEDIA_TYPE_JWS).extendedCriticalAttributes.size).toBe(names.length);
  expect(performance.now() - begin).toBeLessThan(2000);
});

function turned(good: Buffer, at: number, bit: number): Buffer {
  const bytes = Buffer.from(good);
  const index = at % bytes.length;
  bytes.writeUInt8(bytes.readUInt8(index) ^ (1 << bit), index);
  return bytes;
}
