import { describe, expect, it } from 'vitest';
import { type ForgeOptions, SUBJECT } from '../../../support/forge-jws.ts';
import { chain, decided, envelopeOf, NOW, verify } from '../harness.ts';

type Header = Record<string, unknown>;

const N = 'io.cncf.notary';
const MALFORMED = 'integrity failed SignatureMalformed';
const FAILED = 'integrity failed IntegrityFailed';

const set =
  (changes: Header): ((header: Header) => Header) =>
  (header) => ({ ...header, ...changes });
const drop =
  (name: string): ((header: Header) => Header) =>
  ({ [name]: _, ...rest }) =>
    rest;
const addCritical =
  (...names: unknown[]): ((header: Header) => Header) =>
  (header) => ({ ...header, crit: [`${N}.signingScheme`, ...names] });
const text =
  (change: (text: string) => string): ((header: Header) => string) =>
  (header) =>
    change(JSON.stringify(header));
const payloadOf = (changes: Header): string => JSON.stringify({ targetArtifact: { ...SUBJECT, ...changes } });
const swap =
  (from: string | RegExp, to: string): ((text: string) => string) =>
  (whole) => {
    const changed = whole.replace(from, to);
    if (changed === whole) throw new Error(`nothing to replace: ${String(from)}`);
    return changed;
  };
const times = (scheme: string, changes: Header): ((header: Header) => Header) => {
  const crit = scheme === 'notary.x509' ? [] : [`${N}.authenticSigningTime`];
  const time = scheme === 'notary.x509' ? `${N}.signingTime` : `${N}.authenticSigningTime`;
  return ({ [`${N}.signingTime`]: at, ...header }) => ({
    ...header,
    [`${N}.signingScheme`]: scheme,
    [time]: at,
    crit: [`${N}.signingScheme`, ...crit],
    ...changes,
  });
};

/** rule, name, change, what decides, what the reason must say. */
type Mutation = readonly [string, string, Partial<ForgeOptions>, string, RegExp];

const MUTATIONS: readonly Mutation[] = [
  // B1: the envelope
  ['B1', 'an extra key at the top', { text: swap('{', '{"extra":1,') }, MALFORMED, /only; found "extra"/],
  ['B1', 'a general serialisation', { text: swap('{', '{"signatures":[],') }, MALFORMED, /only; found "signatures"/],
  ['B1', 'a duplicate key at the top', { text: swap('{', '{"signature":"AA",') }, MALFORMED, /"signature" twice/],
  ['B1', 'a key in other case', { text: swap('"payload"', '"Payload"') }, MALFORMED, /found "Payload"/],
  [
    'B1',
    'a key written with an escape, twice',
    { text: swap('{', '{"\\u0070ayload":"AA",') },
    MALFORMED,
    /"payload" twice/,
  ],
  ['B1', 'no payload', { text: swap('"payload"', '"x"') }, MALFORMED, /found "x"/],
  [
    'B1',
    'a missing signature',
    { text: (whole) => `${whole.slice(0, whole.lastIndexOf(',"signature"'))}}` },
    MALFORMED,
    /signature: expected a string/,
  ],
  ['B1', 'an array', { text: (whole) => `[${whole}]` }, MALFORMED, /expected a JSON object/],
  ['B1', 'bytes after the end', { text: (whole) => `${whole}{}` }, MALFORMED, /bytes after its end/],
  ['B1', 'a byte order mark', { text: (whole) => `\ufeff${whole}` }, MALFORMED, /not JSON/],
  [
    'B1',
    'nesting without end',
    { text: swap('{', `{"header":${'['.repeat(100)}${']'.repeat(100)},`) },
    MALFORMED,
    /nested deeper/,
  ],
  [
    'B1',
    'a duplicate key in the unprotected header',
    { header: text(swap('{', '{"x5c":[],')) },
    MALFORMED,
    /"x5c" twice/,
  ],
  [
    'B1',
    'a duplicate key deep in the unprotected header',
    { header: text(swap('{', '{"a":[{"b":1,"b":2}],')) },
    MALFORMED,
    /"b" twice/,
  ],
  [
    'B1',
    'a duplicate key in the protected header',
    { protected: text(swap('{', '{"alg":"ES256",')) },
    MALFORMED,
    /the protected header has the key "alg" twice/,
  ],
  [
    'B1',
    'a duplicate key in the payload',
    { payload: `{"targetArtifact":${JSON.stringify(SUBJECT)},"targetArtifact":{}}` },
    MALFORMED,
    /the payload has the key "targetArtifact" twice/,
  ],
  [
    'B1',
    'a duplicate key in the descriptor',
    { payload: JSON.stringify({ targetArtifact: SUBJECT }).replace('"size"', '"size":1,"size"') },
    MALFORMED,
    /the payload has the key "size" twice/,
  ],
  [
    'B1',
    'a duplicate annotation',
    { payload: payloadOf({ annotations: { a: '1' } }).replace('"a"', '"a":"0","a"') },
    MALFORMED,
    /"a" twice/,
  ],
  [
    'B1',
    'a protected name in other case',
    { protected: set({ [`${N}.Expiry`]: '2020-01-01T00:00:00Z' }) },
    MALFORMED,
    /only in case/,
  ],
  ['B1', 'an unprotected name in other case', { header: set({ X5C: [] }) }, MALFORMED, /only in case/],
  [
    'B1',
    'a descriptor field in other case',
    { payload: payloadOf({ Digest: `sha256:${'0'.repeat(64)}` }) },
    MALFORMED,
    /only in case/,
  ],
  [
    'B1',
    'the target in other case too',
    { payload: JSON.stringify({ targetArtifact: SUBJECT, TargetArtifact: {} }) },
    MALFORMED,
    /only in case/,
  ],
  // B2: the protected header
  ['B2', 'no alg', { protected: drop('alg') }, MALFORMED, /alg is missing/],
  [
    'B2',
    'a protected header that is an array',
    { protected: () => '[]' },
    MALFORMED,
    /protected header: expected a JSON object/,
  ],
  ['B2', 'no content type', { protected: drop('cty') }, MALFORMED, /content type/],
  ['B2', 'another content type', { protected: set({ cty: 'application/json' }) }, MALFORMED, /content type/],
  [
    'B2',
    'no scheme',
    { protected: (h) => ({ ...drop(`${N}.signingScheme`)(h), a: 1, crit: ['a'] }) },
    MALFORMED,
    /signingScheme/,
  ],
  [
    'B2',
    'an unknown scheme',
    { protected: set({ [`${N}.signingScheme`]: 'notary.x509.other' }) },
    MALFORMED,
    /expected notary\.x509/,
  ],
  ['B2', 'no signing time', { protected: drop(`${N}.signingTime`) }, MALFORMED, /signingTime is missing/],
  [
    'B2',
    'a time with a space',
    { protected: set({ [`${N}.signingTime`]: '2026-06-15 11:59:00Z' }) },
    MALFORMED,
    /RFC 3339/,
  ],
  [
    'B2',
    'a time without zone',
    { protected: set({ [`${N}.signingTime`]: '2026-06-15T11:59:00' }) },
    MALFORMED,
    /RFC 3339/,
  ],
  [
    'B2',
    'a day that does not exist',
    { protected: set({ [`${N}.signingTime`]: '2026-02-30T11:59:00Z' }) },
    MALFORMED,
    /RFC 3339/,
  ],
  ['B2', 'a time as a number', { protected: set({ [`${N}.signingTime`]: 1781524740 }) }, MALFORMED, /RFC 3339/],
  [
    'B2',
    'an expiry that is null',
    { protected: (h) => addCritical(`${N}.expiry`)({ ...h, [`${N}.expiry`]: null }) },
    MALFORMED,
    /RFC 3339/,
  ],
  [
    'B2',
    'an expiry at the signing time',
    { protected: (h) => addCritical(`${N}.expiry`)({ ...h, [`${N}.expiry`]: h[`${N}.signingTime`] }) },
    MALFORMED,
    /expected a time after/,
  ],
  [
    'B2',
    'a minimum version that is none',
    {
      protected: (h) =>
        addCritical(
          `${N}.verificationPlugin`,
          `${N}.verificationPluginMinVersion`,
        )({ ...h, [`${N}.verificationPlugin`]: 'p', [`${N}.verificationPluginMinVersion`]: '1.0' }),
    },
    MALFORMED,
    /semantic version/,
  ],
  [
    'B2',
    'a minimum version of no plugin',
    {
      protected: (h) =>
        addCritical(`${N}.verificationPluginMinVersion`)({ ...h, [`${N}.verificationPluginMinVersion`]: '1.0.0' }),
    },
    MALFORMED,
    /stands without/,
  ],
  [
    'B2',
    'an empty plugin name',
    { protected: (h) => addCritical(`${N}.verificationPlugin`)({ ...h, [`${N}.verificationPlugin`]: ' ' }) },
    MALFORMED,
    /non-empty string/,
  ],
  // B3: crit
  ['B3', 'no crit', { protected: drop('crit') }, MALFORMED, /crit: expected a non-empty array/],
  ['B3', 'an empty crit', { protected: set({ crit: [] }) }, MALFORMED, /crit: expected a non-empty array/],
  [
    'B3',
    'a crit that is text',
    { protected: set({ crit: `${N}.signingScheme` }) },
    MALFORMED,
    /crit: expected a non-empty array/,
  ],
  ['B3', 'a number in crit', { protected: addCritical(1) }, MALFORMED, /names only/],
  ['B3', 'a name twice in crit', { protected: addCritical(`${N}.signingScheme`) }, MALFORMED, /twice/],
  [
    'B3',
    'the scheme not in crit',
    { protected: (h) => ({ ...h, a: 1, crit: ['a'] }) },
    MALFORMED,
    /crit must list .*signingScheme/,
  ],
  [
    'B3',
    'the expiry not in crit',
    { protected: set({ [`${N}.expiry`]: '2030-01-01T00:00:00Z' }) },
    MALFORMED,
    /crit must list .*expiry/,
  ],
  [
    'B3',
    'authenticSigningTime not in crit',
    { protected: times('notary.x509.signingAuthority', { crit: [`${N}.signingScheme`] }) },
    MALFORMED,
    /crit must list .*authenticSigningTime/,
  ],
  [
    'B3',
    'the plugin not in crit',
    { protected: set({ [`${N}.verificationPlugin`]: 'p' }) },
    MALFORMED,
    /crit must list .*verificationPlugin/,
  ],
  [
    'B3',
    'an entry that is not present',
    { protected: addCritical('absent') },
    MALFORMED,
    /not in the protected header/,
  ],
  [
    'B3',
    'an entry of the unprotected header',
    { protected: addCritical('x5c') },
    MALFORMED,
    /not in the protected header/,
  ],
  ['B3', 'alg in crit', { protected: addCritical('alg') }, MALFORMED, /must not list "alg"/],
  ['B3', 'cty in crit', { protected: addCritical('cty') }, MALFORMED, /must not list "cty"/],
  ['B3', 'crit in crit', { protected: addCritical('crit') }, MALFORMED, /must not list "crit"/],
  [
    'B3',
    'signingTime in crit',
    { protected: addCritical(`${N}.signingTime`) },
    MALFORMED,
    /must not list .*signingTime/,
  ],
  [
    'B3',
    'the time header of the other scheme',
    {
      protected: (h) =>
        addCritical(`${N}.authenticSigningTime`)({ ...h, [`${N}.authenticSigningTime`]: h[`${N}.signingTime`] }),
    },
    MALFORMED,
    /does not belong/,
  ],
  [
    'B3',
    'signingTime beside authenticSigningTime',
    { protected: times('notary.x509.signingAuthority', { [`${N}.signingTime`]: '2026-06-15T11:59:00Z' }) },
    MALFORMED,
    /does not belong/,
  ],
  // B4: critical attributes that nobody processes
  [
    'B4',
    'an unknown critical attribute',
    { protected: (h) => addCritical('com.example.attribute')({ ...h, 'com.example.attribute': 1 }) },
    FAILED,
    /"com\.example\.attribute" is not understood/,
  ],
  [
    'B4',
    'b64 of RFC 7797',
    { protected: (h) => addCritical('b64')({ ...h, b64: true }) },
    FAILED,
    /"b64" is not understood/,
  ],
  [
    'B4',
    'a plugin that is not supported',
    {
      protected: (h) =>
        addCritical(`${N}.verificationPlugin`)({ ...h, [`${N}.verificationPlugin`]: 'com.example.plugin' }),
    },
    'integrity failed PluginUnsupported',
    /"com\.example\.plugin", which is not supported/,
  ],
  // B5: the algorithm
  ['B5', 'alg none', { protected: set({ alg: 'none' }) }, FAILED, /says algorithm "none"/],
  ['B5', 'alg HS256', { protected: set({ alg: 'HS256' }) }, FAILED, /says algorithm "HS256"/],
  [
    'B5',
    'another alg of the same family',
    { protected: set({ alg: 'ES384' }), hash: 'sha384' },
    FAILED,
    /says algorithm "ES384"/,
  ],
  [
    'B5',
    'a name of Object.prototype',
    { protected: set({ alg: 'constructor' }) },
    FAILED,
    /says algorithm "constructor"/,
  ],
  ['B5', 'a signature as DER', { dsaEncoding: 'der' }, FAILED, /does not verify/],
  [
    'B5',
    'a byte more in the signature',
    { signature: (s) => Buffer.concat([s, Buffer.alloc(1)]) },
    FAILED,
    /does not verify/,
  ],
  ['B5', 'a byte less in the signature', { signature: (s) => s.subarray(0, -1) }, FAILED, /does not verify/],
  ['B5', 'a signature of zeros', { signature: (s) => Buffer.alloc(s.length) }, FAILED, /does not verify/],
  // B6: the unprotected header
  ['B6', 'no unprotected header', { header: () => 'null' }, MALFORMED, /expected an object with x5c/],
  ['B6', 'no x5c', { header: drop('x5c') }, MALFORMED, /at least one certificate/],
  ['B6', 'an empty x5c', { header: set({ x5c: [] }) }, MALFORMED, /at least one certificate/],
  [
    'B6',
    'too many certificates',
    { header: (h) => ({ x5c: Array.from({ length: 17 }, () => (h['x5c'] as string[])[0]) }) },
    MALFORMED,
    /at most 16/,
  ],
  [
    'B6',
    'x5c as base64url',
    { header: (h) => ({ x5c: (h['x5c'] as string[]).map((c) => Buffer.from(c, 'base64').toString('base64url')) }) },
    MALFORMED,
    /standard base64/,
  ],
  [
    'B6',
    'white space in x5c',
    { header: (h) => ({ x5c: (h['x5c'] as string[]).map((c) => `${c}\n`) }) },
    MALFORMED,
    /standard base64/,
  ],
  [
    'B6',
    'PEM in x5c',
    { header: () => ({ x5c: chain.certificates.map((c) => Buffer.from(c.toString()).toString('base64')) }) },
    MALFORMED,
    /one DER certificate and nothing else/,
  ],
  [
    'B6',
    'bytes after a certificate',
    {
      header: () => ({
        x5c: chain.certificates.map((c) => Buffer.concat([c.raw, Buffer.from([0])]).toString('base64')),
      }),
    },
    MALFORMED,
    /one DER certificate and nothing else/,
  ],
  ['B6', 'x5c in the protected header too', { protected: set({ x5c: [] }) }, MALFORMED, /stands in both headers/],
  [
    'B6',
    'a timestamp that is not base64',
    { header: set({ [`${N}.timestampSignature`]: '-' }) },
    MALFORMED,
    /timestampSignature: expected standard base64/,
  ],
  [
    'B6',
    'a signing agent that is no string',
    { header: set({ [`${N}.signingAgent`]: 7 }) },
    MALFORMED,
    /signingAgent: expected a string/,
  ],
  // B7: the payload
  [
    'B7',
    'padding in base64url',
    { text: swap(/("payload":"[^"]+)"/, '$1="') },
    MALFORMED,
    /payload: expected base64url/,
  ],
  [
    'B7',
    'white space in base64url',
    { text: swap(/"signature":"(..)/, '"signature":"$1 ') },
    MALFORMED,
    /signature: expected base64url/,
  ],
  [
    'B7',
    'the alphabet of standard base64',
    { text: swap(/"protected":"(.)/, '"protected":"+') },
    MALFORMED,
    /protected: expected base64url/,
  ],
  [
    'B7',
    'another payload under the same signature',
    { text: swap(/"payload":"[^"]+"/, `"payload":"${Buffer.from(payloadOf({ size: 1 })).toString('base64url')}"`) },
    FAILED,
    /does not verify/,
  ],
  ['B7', 'no target', { payload: '{}' }, MALFORMED, /targetArtifact: expected an object/],
  ['B7', 'no media type', { payload: payloadOf({ mediaType: undefined }) }, MALFORMED, /mediaType/],
  [
    'B7',
    'an upper-case digest',
    { payload: payloadOf({ digest: SUBJECT.digest.replace('c', 'C') }) },
    MALFORMED,
    /digest/,
  ],
  ['B7', 'a digest of an unknown algorithm', { payload: payloadOf({ digest: 'md5:00' }) }, MALFORMED, /digest/],
  ['B7', 'a size as text', { payload: payloadOf({ size: '16724' }) }, MALFORMED, /size/],
  ['B7', 'a negative size', { payload: payloadOf({ size: -1 }) }, MALFORMED, /size/],
  ['B7', 'a size with a fraction', { payload: payloadOf({ size: 1.5 }) }, MALFORMED, /size/],
  ['B1', 'a size as 16724.0', { payload: payloadOf({}).replace('16724', '16724.0') }, MALFORMED, /writes a number/],
  [
    'B7',
    'a reserved metadata key',
    { payload: payloadOf({ annotations: { [`${N}.x`]: 'y' } }) },
    MALFORMED,
    /reserved/,
  ],
  ['B7', 'metadata that is no text', { payload: payloadOf({ annotations: { a: 1 } }) }, MALFORMED, /expected strings/],
  [
    'B7',
    'metadata that is null',
    { payload: payloadOf({ annotations: null }) },
    MALFORMED,
    /annotations: expected an object/,
  ],
];

describe('a JWS envelope is refused for', () => {
  it.each(MUTATIONS)('%s: %s', async (rule, _name, options, expected, reason) => {
    const outcome = await verify(envelopeOf(options));
    expect(decided(outcome)).toBe(expected);
    expect(outcome.verdict).toBe('Untrusted');
    expect(outcome.checks).toHaveLength(1);
    expect(outcome.decisive?.reason).toMatch(reason);
    if (expected === MALFORMED) expect(outcome.decisive?.reason).toContain(`(notary.md ${rule})`);
  });

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

  it.each(['[]', 'null', '"x"', '1'])('a payload that is %s (B7)', async (payload) => {
    expect((await verify(envelopeOf({ payload }))).decisive?.reason).toMatch(/payload: expected an object/);
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
