import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotaryError } from '../../../src/notary/index.ts';
import { type JsonValue, parseStrictJson } from '../../../src/notary/strict-json.ts';

const parse = (text: string): JsonValue => parseStrictJson(Buffer.from(text), 'the text');

/** As JSON.parse would give it. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

describe('strict JSON (notary.md B1)', () => {
  it.each([
    '{"a":1,"b":[true,false,null,"x\\u00e9\\n\\/"],"c":{"a":{}}}',
    ' [ ] ',
    '"\\ud83e\\uddad"',
    '-12.5',
    '0.10',
    '{"__proto__":{"x":1},"constructor":2}',
  ])('reads %s', (text) => {
    expect(plain(parse(text))).toEqual(JSON.parse(text));
  });

  it.each([
    ['a key twice', '{"a":1,"a":1}', /"a" twice/],
    ['a key twice, once escaped', '{"a":1,"\\u0061":1}', /"a" twice/],
    ['a key twice deep down', '[[{"x":{"a":1,"b":2,"a":3}}]]', /"a" twice/],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}', /twice/],
    ['a lone surrogate', '"\\ud800"', /lone surrogate/],
    ['a trailing comma', '[1,]', /expected a value/],
    ['a key without quotes', '{a:1}', /expected a key/],
    ['single quotes', "{'a':1}", /expected a key/],
    ['a comment', '{/**/}', /expected a key/],
    ['a control character', '"a\nb"', /control character/],
    ['a string without end', '"abc', /does not end/],
    ['a string that ends in a backslash', '"abc\\', /does not end/],
    ['an unknown escape', '"\\x41"', /unknown escape/],
    ['a leading zero', '01', /after its end/],
    ['a number with plus', '+1', /expected a value/],
    ['an integer with fraction', '1.0', /writes a number/],
    ['an integer with exponent', '1e3', /writes a number/],
    ['minus zero', '-0', /writes a number/],
    ['an integer beyond doubles', '9007199254740993', /writes a number/],
    ['infinity', '1e999', /writes a number/],
    ['NaN', 'NaN', /expected a value/],
    ['two values', '{}{}', /after its end/],
    ['nothing', '', /expected a value/],
    ['a byte order mark', '\ufeff{}', /expected a value/],
    ['a non-breaking space', '\u00a0{}', /expected a value/],
    ['33 levels', '['.repeat(34) + ']'.repeat(34), /nested deeper than 32/],
  ])('refuses %s', (_name, text, message) => {
    expect(() => parse(text)).toThrow(NotaryError);
    expect(() => parse(text)).toThrow(message);
  });

  it('reads whatever JSON.stringify writes, as JSON.parse does, or says why not', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        try {
          expect(plain(parse(text))).toEqual(JSON.parse(text));
        } catch (error) {
          // Numbers in exponent form and lone surrogates are JSON that has two readings.
          expect(error).toBeInstanceOf(NotaryError);
          expect(text).toMatch(/e[+-]?\d|\\ud[89a-f]|-0|\d{16}/i);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('throws nothing but NotaryError, and accepts nothing that JSON.parse refuses', () => {
    const tokens = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'a',
      '"a"',
      '1',
      '-',
      '.',
      'e',
      'true',
      'null',
      ' ',
      '\\u00',
      '\u0000',
    );
    fc.assert(
      fc.property(
        fc.array(tokens, { maxLength: 30 }).map((parts) => parts.join('')),
        (text) => {
          let value: JsonValue;
          try {
            value = parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(NotaryError);
            return;
          }
          expect(plain(value)).toEqual(JSON.parse(text));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
