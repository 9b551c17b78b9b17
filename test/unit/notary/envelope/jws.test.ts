import { describe, expect, it } from 'vitest';
import { type ForgeOptions, SUBJECT } from '../../../support/forge-jws.ts';
import { chain, decided, envelopeOf, NOW, verify } from '../harness.ts';

type Header = Record<string, unknown>;

const N = 'io.cncf.notary';
const FAILED = 'integrity failed IntegrityFailed';

const set =
  (changes: Header): ((header: Header) => Header) =>
  (header) => ({ ...header, ...changes });
const addCritical =
  (...names: unknown[]): ((header: Header) => Header) =>
  (header) => ({ ...header, crit: [`${N}.signingScheme`, ...names] });
const payloadOf = (changes: Header): string => JSON.stringify({ targetArtifact: { ...SUBJECT, ...changes } });

/** More refusals, one row each: test/conformance/mutations. */
describe('a JWS envelope is refused for', () => {
  it.each([
    ['payload', 'stray bits in the last character (B7)'],
    ['signature', 'stray bits in the last character (B7)'],
  ])('%s: %s', async (member) => {
    const good = envelopeOf().toString();
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const value = new RegExp(`"${member}":"([^"]+)"`).exec(good)?.[1] ?? '';
    // 86 characters carry 64 bytes and four bits that must be zero; a payload is made to end likewise.
    expect(value.length % 4, 'a control: the last character has bits to spare').not.toBe(0);
    const last = alphabet[alphabet.indexOf(value.at(-1) ?? '') + 1] ?? '';
    const bad = good.replace(value, `${value.slice(0, -1)}${last}`);
    expect(Buffer.from(`${value.slice(0, -1)}${last}`, 'base64url')).toEqual(Buffer.from(value, 'base64url'));
    const outcome = await verify(Buffer.from(bad));
    expect(outcome.decisive?.reason).toMatch(new RegExp(`${member}: expected base64url`));
  });

  it('a byte changed anywhere under the signature (B7)', async () => {
    const good = envelopeOf().toString();
    const value = /"payload":"([^"]+)"/.exec(good)?.[1] ?? '';
    const changed = Buffer.from(Buffer.from(value, 'base64url').toString().replace('16724', '16725')).toString(
      'base64url',
    );
    expect(decided(await verify(Buffer.from(good.replace(value, changed))))).toBe(FAILED);
  });

  it('more than 32 MiB (A6)', async () => {
    const bytes = Buffer.alloc(32 * 1024 * 1024 + 1, ' ');
    expect((await verify(bytes)).decisive?.reason).toMatch(/at most 33554432 bytes/);
    expect((await verify(bytes.subarray(1))).decisive?.reason).toMatch(/not JSON/);
  });

  it('a payload or a protected header of more than 1 MiB, unread (A6)', async () => {
    const junk = 'x'.repeat(1024 * 1024);
    const payload = JSON.stringify({ targetArtifact: SUBJECT, junk });
    expect((await verify(envelopeOf({ payload }))).decisive?.reason).toMatch(/payload: expected at most 1048576 bytes/);
    const outcome = await verify(envelopeOf({ protected: set({ junk }) }));
    expect(outcome.decisive?.reason).toMatch(/protected: expected at most 1048576 bytes/);
  });

  it.each(['[]', 'null', '"x"', '1'])('a payload that is %s (B7)', async (payload) => {
    expect((await verify(envelopeOf({ payload }))).decisive?.reason).toMatch(/payload: expected an object/);
  });

  it('a signing agent that is no string (B6)', async () => {
    const outcome = await verify(envelopeOf({ header: set({ [`${N}.signingAgent`]: 7 }) }));
    expect(outcome.decisive?.reason).toMatch(/signingAgent: expected a string/);
  });

  it('invalid UTF-8 (B1)', async () => {
    const bytes = Buffer.concat([Buffer.from('{"payload":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect((await verify(bytes)).decisive?.reason).toMatch(/not valid UTF-8/);
  });
});

describe('a JWS envelope is accepted', () => {
  it.each<readonly [string, Partial<ForgeOptions>]>([
    ['as it is: the control of every refusal above', {}],
    [
      'with attributes that are signed and not critical (B4)',
      { protected: set({ 'com.example.note': { a: [1, 'x', null] } }) },
    ],
    ['with unknown unprotected headers (B6)', { header: set({ kid: 'x', other: { deep: [] } }) }],
    [
      'with other fields in payload and descriptor (B7)',
      { payload: JSON.stringify({ other: 1, targetArtifact: { ...SUBJECT, artifactType: 'a/b' } }) },
    ],
    ['with user metadata (B7)', { payload: payloadOf({ annotations: { build: '7', __proto__x: 'y' } }) }],
    ['with white space between tokens (B1)', { text: (whole) => whole.replace('{', '{ \n\t') }],
    [
      'with an expiry to come (B3)',
      { protected: (h) => addCritical(`${N}.expiry`)({ ...h, [`${N}.expiry`]: '2030-01-01T00:00:00Z' }) },
    ],
    [
      'with a time in another zone and a fraction (B2)',
      { protected: set({ [`${N}.signingTime`]: '2026-06-15T13:59:00.123456789+02:00' }) },
    ],
  ])('%s', async (_name, options) => {
    const outcome = await verify(envelopeOf(options));
    expect(outcome.decisive?.reason).toBeUndefined();
    expect(outcome.verdict).toBe('Trusted');
  });

  it('and read as it was written (B2, B6, B7)', async () => {
    const { envelope } = await verify(
      envelopeOf({
        payload: payloadOf({ annotations: { build: '7' } }),
        header: set({ [`${N}.signingAgent`]: 'agent/1', [`${N}.timestampSignature`]: 'AAEC' }),
      }),
    );
    expect(envelope).toMatchObject({
      format: 'JWS',
      scheme: 'notary.x509',
      algorithm: 'ES256',
      signingTime: new Date(NOW.getTime() - 60_000),
      signingAgent: 'agent/1',
      subject: { ...SUBJECT, annotations: { build: '7' } },
    });
    expect(envelope?.timestampToken).toEqual(Buffer.from([0, 1, 2]));
    expect(envelope?.certificates.map((c) => c.raw)).toEqual(chain.certificates.map((c) => c.raw));
  });
});
