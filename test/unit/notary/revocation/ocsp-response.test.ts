import { describe, expect, it } from 'vitest';
import { encodeOcspStatus } from '../../../support/revocation-data.ts';
import { contentOf, memberAt, signed, tagged } from '../../../support/revocation-parser-inputs.ts';
import { authority, check, createRevocableChain, OCSP_URL, ocspAnswer, REVOKED_AT, told } from './world.ts';

const chain = await createRevocableChain({ ocsp: [OCSP_URL] });
const { certificate, key } = authority(chain, 1);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const NULL = hex('05 00');
const sequence = (...members: Buffer[]): Buffer => tagged(0x30, Buffer.concat(members));

const revoked = ocspAnswer(chain, { status: { at: REVOKED_AT, reason: 1 } });
const good = ocspAnswer(chain);
/** responderID, producedAt, responses of an answer; and certID, status, thisUpdate, nextUpdate of its single one. */
const dataOf = (answer: Buffer): Buffer => memberAt(contentOf(memberAt(answer, [1, 0, 1])), [0]);
const fieldsOf = (answer: Buffer): Buffer[] => [0, 1, 2].map((index) => memberAt(dataOf(answer), [index]));
const singleOf = (answer: Buffer): Buffer[] => [0, 1, 2, 3].map((index) => memberAt(dataOf(answer), [2, 0, index]));

/** An answer with other fields, signed anew. */
function withFields(change: (fields: Buffer[]) => Buffer[], answer = good): Buffer {
  return encodeOcspStatus(0, signed(sequence(...change(fieldsOf(answer))), key));
}

/** An answer whose single one has other fields, signed anew. */
function withSingle(change: (fields: Buffer[]) => Buffer[], answer = good): Buffer {
  return withFields(([id, at]) => [id ?? NULL, at ?? NULL, sequence(sequence(...change(singleOf(answer))))], answer);
}

/** The basic answer with something in place of, or behind, its members. */
function withBasic(change: (members: Buffer[]) => Buffer[]): Buffer {
  const basic = contentOf(memberAt(good, [1, 0, 1]));
  return encodeOcspStatus(0, sequence(...change([0, 1, 2].map((index) => memberAt(basic, [index])))));
}

const explicit = (number: number, ...members: Buffer[]): Buffer => tagged(0xa0 + number, Buffer.concat(members));
const statusOf = (status: Buffer): Buffer => withSingle(([id, , ...times]) => [id ?? NULL, status, ...times]);
const time = (text: string): Buffer => tagged(0x18, Buffer.from(text));
const WHEN = time('20260610080000Z');

describe('an OCSP answer that is signed and still has no one reading is unknown (notary.md H3)', () => {
  it('its controls, signed anew, are used (H3)', async () => {
    expect(told(await check(chain, { [OCSP_URL]: withFields((fields) => fields) }))).toBe('good');
    expect(told(await check(chain, { [OCSP_URL]: withSingle((fields) => fields) }))).toBe('good');
    expect(told(await check(chain, { [OCSP_URL]: withSingle((fields) => fields, revoked) }))).toBe('revoked');
    expect(told(await check(chain, { [OCSP_URL]: withBasic((members) => members) }))).toBe('good');
    expect(told(await check(chain, { [OCSP_URL]: statusOf(explicit(1, WHEN)) }))).toBe('revoked');
  });

  it.each<readonly [string, () => Buffer, string]>([
    ['a field behind the answer (H3)', () => sequence(contentOf(good), NULL), 'extra fields'],
    ['a status of two octets (H2)', () => sequence(hex('0a 02 00 00'), memberAt(good, [1])), 'a bad status'],
    ['a status that is no ENUMERATED (H2)', () => sequence(hex('02 01 00'), memberAt(good, [1])), 'expected tag 0xa'],
    [
      'another type of answer (H3)',
      () => sequence(hex('0a 01 00'), explicit(0, sequence(hex('06 03 2a 03 04'), memberAt(good, [1, 0, 1])))),
      'no basic answer',
    ],
    [
      'a field behind the basic answer (H3)',
      () => sequence(hex('0a 01 00'), explicit(0, sequence(contentOf(memberAt(good, [1, 0])), NULL))),
      'no basic answer',
    ],
    [
      'two values where one is expected (H3)',
      () => sequence(hex('0a 01 00'), explicit(0, memberAt(good, [1, 0]), NULL)),
      'expected one value',
    ],
    [
      'a field behind the certificates (H3)',
      () => withBasic((members) => [...members, explicit(0, sequence()), NULL]),
      'extra fields',
    ],
    [
      'certificates under another tag (H3)',
      () => withBasic((members) => [...members, explicit(1, sequence())]),
      'expected tag 0xa0',
    ],
    [
      'a certificate that is none (H3)',
      () => withBasic((members) => [...members, explicit(0, sequence(sequence()))]),
      'cannot be decoded',
    ],
    [
      'more than eight certificates (H3)',
      () =>
        withBasic((members) => [
          ...members,
          explicit(0, sequence(...Array.from({ length: 9 }, () => certificate.raw))),
        ]),
      'more than 8 certificates',
    ],
    [
      'a signature of no whole number of octets (H3)',
      () =>
        withBasic(([data, algorithm, bits]) => [
          data ?? NULL,
          algorithm ?? NULL,
          tagged(0x03, Buffer.concat([hex('01'), contentOf(bits ?? NULL).subarray(1)])),
        ]),
      'whole number of octets',
    ],
    [
      'an algorithm with extra fields (H3)',
      () =>
        withBasic(([data, , bits]) => [
          data ?? NULL,
          sequence(hex('06 08 2a 86 48 ce 3d 04 03 02'), NULL, NULL),
          bits ?? NULL,
        ]),
      'extra fields',
    ],
    ['a version (H3)', () => withFields((fields) => [explicit(0, hex('02 01 01')), ...fields]), 'version is not 1'],
    [
      'a responder of a third kind (H3)',
      () => withFields(([, ...rest]) => [explicit(3, sequence()), ...rest]),
      'names no responder',
    ],
    ['no responder (H3)', () => withFields(([, ...rest]) => rest), 'names no responder'],
    [
      'a producedAt that does not exist (H3)',
      () => withFields(([id, , responses]) => [id ?? NULL, time('20260631080000Z'), responses ?? NULL]),
      'does not exist',
    ],
    [
      'a producedAt by UTCTime (H3)',
      () =>
        withFields(([id, , responses]) => [id ?? NULL, tagged(0x17, Buffer.from('260610080000Z')), responses ?? NULL]),
      'expected tag 0x18',
    ],
    ['a field behind the extensions (H3)', () => withFields((fields) => [...fields, NULL]), 'extra fields'],
    [
      'more than 64 answers (H3)',
      () =>
        withFields(([id, at]) => [
          id ?? NULL,
          at ?? NULL,
          sequence(...Array.from({ length: 65 }, () => memberAt(dataOf(good), [2, 0]))),
        ]),
      'more than 64 answers',
    ],
    ['a field behind the single answer (H3)', () => withSingle((fields) => [...fields, NULL]), 'missing or unknown'],
    ['no status (H3)', () => withSingle(([id]) => [id ?? NULL]), 'missing or unknown'],
    ['no thisUpdate (H2)', () => withSingle(([id, status]) => [id ?? NULL, status ?? NULL]), 'it is missing'],
    [
      'a thisUpdate with a fraction (H2)',
      () => withSingle(([id, status, , next]) => [id ?? NULL, status ?? NULL, time('20260615110000.5Z'), next ?? NULL]),
      'a time that is not',
    ],
    [
      'a nextUpdate of two values (H2)',
      () => withSingle(([id, status, at]) => [id ?? NULL, status ?? NULL, at ?? NULL, explicit(0, WHEN, WHEN)]),
      'expected one value',
    ],
    ['good with content (H3)', () => statusOf(hex('80 01 00')), 'a status with content'],
    ['unknown with content (H3)', () => statusOf(hex('82 01 00')), 'a status with content'],
    ['a status that is none (H3)', () => statusOf(hex('83 00')), 'none of good, revoked and unknown'],
    ['revoked without a time (H3)', () => statusOf(hex('a1 00')), 'it is missing'],
    [
      'revoked with extra fields (H3)',
      () => statusOf(explicit(1, WHEN, explicit(0, hex('0a 01 01')), NULL)),
      'extra fields',
    ],
    [
      'revoked with a reason under another tag (H3)',
      () => statusOf(explicit(1, WHEN, explicit(1, hex('0a 01 01')))),
      'expected tag 0xa0',
    ],
    [
      'revoked for a reason that is no number (H3)',
      () => statusOf(explicit(1, WHEN, explicit(0, hex('0a 02 00 01')))),
      'bad ENUMERATED',
    ],
    [
      'an invalidityDate that does not exist (H5)',
      () =>
        withSingle(
          (fields) => [
            ...fields,
            explicit(1, sequence(sequence(hex('06 03 55 1d 18'), tagged(0x04, time('20260631000000Z'))))),
          ],
          revoked,
        ),
      'does not exist',
    ],
  ])('%s', async (_name, answer, cause) => {
    const result = await check(chain, { [OCSP_URL]: answer() });
    expect(result.status).toBe('unknown');
    expect(result.reason).toContain(cause);
  });
});
