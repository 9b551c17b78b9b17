import { describe, expect, it } from 'vitest';
import { NotaryError } from '../../../../src/notary/index.ts';
import { findEntries } from '../../../../src/notary/revocation/crl-entries.ts';
import { tagged } from '../../../support/revocation-parser-inputs.ts';

const SERIAL = Buffer.from([0x0a]);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const sequence = (...members: Buffer[]): Buffer => tagged(0x30, Buffer.concat(members));
const serial = (text = '02 01 0a'): Buffer => hex(text);
const DATE = tagged(0x17, Buffer.from('260610080000Z'));
const REASON = sequence(hex('06 03 55 1d 15'), hex('04 03 0a 01 01'));
/** An extension that nobody here knows, of the length wanted. */
const unknown = (length: number, flag = ''): Buffer =>
  sequence(hex('06 03 2a 03 04'), hex(flag), tagged(0x04, Buffer.alloc(length)));

function said(list: Buffer): string {
  try {
    return JSON.stringify(findEntries(list, SERIAL).map(({ reason = null }) => reason));
  } catch (error) {
    if (error instanceof NotaryError) return error.message;
    throw error;
  }
}

describe('the list of revoked certificates (notary.md H4)', () => {
  it.each<readonly [string, Buffer, string]>([
    ['no entries (H4)', Buffer.alloc(0), '[]'],
    ['an entry without extensions (H4)', sequence(serial(), DATE), '[null]'],
    ['an entry with a reason (H4)', sequence(serial(), DATE, sequence(REASON)), '[1]'],
    ['a date by GeneralizedTime (H4)', sequence(serial(), tagged(0x18, Buffer.from('20260610080000Z'))), '[null]'],
    [
      'entries of others around it (H4)',
      Buffer.concat([
        sequence(serial('02 01 0b'), DATE),
        sequence(serial(), DATE),
        sequence(serial('02 02 00 8a'), DATE),
      ]),
      '[null]',
    ],
    ['only a part of the serial number (H4)', sequence(serial('02 02 0a 0a'), DATE), '[]'],
    ['a serial number that begins alike (H4)', sequence(serial('02 01 0b'), DATE), '[]'],
    [
      'an extension of 200 octets, lengths in two octets (H4)',
      sequence(serial(), DATE, sequence(unknown(200))),
      '[null]',
    ],
    [
      'an extension of 300 octets, lengths in three octets (H4)',
      sequence(serial(), DATE, sequence(unknown(300))),
      '[null]',
    ],
    [
      'a known extension that is critical (H4)',
      sequence(serial(), DATE, sequence(sequence(hex('06 03 55 1d 15 01 01 ff'), hex('04 03 0a 01 04')))),
      '[4]',
    ],
    [
      'an unknown one that says it is not critical (H4)',
      sequence(serial(), DATE, sequence(unknown(1, '01 01 00'))),
      '[null]',
    ],
  ])('%s', (_name, list, expected) => {
    expect(said(list)).toBe(expected);
  });

  it.each<readonly [string, Buffer, string]>([
    ['one octet (H4)', hex('30'), 'ends too early'],
    ['an entry longer than the list (H4)', hex('30 05 02 01 0a'), 'ends too early'],
    ['a serial number longer than its entry (H4)', Buffer.concat([hex('30 03 02 04 0a'), DATE]), 'ends too early'],
    ['an entry that is no SEQUENCE (H4)', tagged(0x31, Buffer.concat([serial(), DATE])), 'another type'],
    ['a serial number that is no INTEGER (H4)', sequence(hex('04 01 0a'), DATE), 'another type'],
    ['an empty serial number (H4)', sequence(hex('02 00'), DATE), 'serial number that is not minimal'],
    [
      'a serial number with a zero before it: another encoding would hide it (H4)',
      sequence(hex('02 02 00 0a'), DATE),
      'serial number that is not minimal',
    ],
    [
      'a negative serial number with ff before it (H4)',
      sequence(hex('02 02 ff 8a'), DATE),
      'serial number that is not minimal',
    ],
    ['no date (H4)', sequence(serial()), 'ends too early'],
    ['a date that is none (H4)', sequence(serial(), hex('04 01 00')), 'another type'],
    ['a field behind the extensions (H4)', sequence(serial(), DATE, sequence(REASON), hex('05 00')), 'extra fields'],
    ['extensions that are no SEQUENCE (H4)', sequence(serial(), DATE, hex('31 00')), 'another type'],
    ['an extension that is no SEQUENCE (H4)', sequence(serial(), DATE, sequence(hex('31 00'))), 'another type'],
    ['an extension without an OID (H4)', sequence(serial(), DATE, sequence(sequence(hex('04 00')))), 'another type'],
    ['an indefinite length (H4)', Buffer.concat([hex('30 80'), serial(), DATE, hex('00 00')]), 'not DER'],
    ['a length of five octets (H4)', Buffer.concat([hex('30 85 00 00 00 00 12'), serial(), DATE]), 'not DER'],
    ['a length that is cut (H4)', hex('30 82 01'), 'not DER'],
    ['a length in more octets than it needs (H4)', Buffer.concat([hex('30 81 12'), serial(), DATE]), 'not minimal'],
    ['a length with a leading zero (H4)', Buffer.concat([hex('30 82 00 c8'), Buffer.alloc(200)]), 'not minimal'],
    [
      'a BOOLEAN that is neither (H4)',
      sequence(serial('02 01 0b'), DATE, sequence(unknown(1, '01 01 01'))),
      'bad BOOLEAN',
    ],
    [
      'a BOOLEAN of two octets (H4)',
      sequence(serial('02 01 0b'), DATE, sequence(unknown(1, '01 02 00 00'))),
      'bad BOOLEAN',
    ],
    [
      'an unknown critical extension, for another certificate (H4)',
      sequence(serial('02 01 0b'), DATE, sequence(unknown(1, '01 01 ff'))),
      'critical extension of an entry is not understood',
    ],
    [
      'an unknown critical extension beside a known OID (H4)',
      sequence(serial('02 01 0b'), DATE, sequence(sequence(hex('06 04 55 1d 15 01'), hex('01 01 ff 04 00')))),
      'critical extension of an entry is not understood',
    ],
    [
      'an unknown critical extension of the same arc (H4)',
      sequence(serial('02 01 0b'), DATE, sequence(sequence(hex('06 03 55 1d 1d'), hex('01 01 ff 04 00')))),
      'critical extension of an entry is not understood',
    ],
    [
      'an unknown critical extension under another arc (H4)',
      sequence(serial('02 01 0b'), DATE, sequence(sequence(hex('06 03 55 1e 15'), hex('01 01 ff 04 00')))),
      'critical extension of an entry is not understood',
    ],
    [
      'a reason of two octets (H4)',
      sequence(serial(), DATE, sequence(sequence(hex('06 03 55 1d 15'), hex('04 04 0a 02 00 01')))),
      'bad ENUMERATED',
    ],
    [
      'an empty reason (H4)',
      sequence(serial(), DATE, sequence(sequence(hex('06 03 55 1d 15'), hex('04 02 0a 00')))),
      'bad ENUMERATED',
    ],
    [
      'a negative reason (H4)',
      sequence(serial(), DATE, sequence(sequence(hex('06 03 55 1d 15'), hex('04 03 0a 01 ff')))),
      'bad ENUMERATED',
    ],
    ['a reason twice (H4)', sequence(serial(), DATE, sequence(REASON, REASON)), 'stands twice'],
    [
      'an invalidityDate by UTCTime (H4, H5)',
      sequence(serial(), DATE, sequence(sequence(hex('06 03 55 1d 18'), tagged(0x04, DATE)))),
      'expected tag 0x18',
    ],
    [
      'a day that does not exist (H4)',
      sequence(serial(), tagged(0x17, Buffer.from('260631080000Z'))),
      'does not exist',
    ],
  ])('refused: %s', (_name, list, expected) => {
    expect(said(list)).toContain(expected);
  });
});
