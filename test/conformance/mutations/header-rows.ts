import { NOW } from '../../unit/notary/harness.ts';
import type { Hooks } from './forge.ts';
import { type Header, N } from './kinds.ts';
import { FAILS, type Mutation, mutationsOf, type Options } from './mutation.ts';

const SCHEME = `${N}.signingScheme`;
const SIGNING_TIME = `${N}.signingTime`;
const AUTHENTIC_TIME = `${N}.authenticSigningTime`;
const EXPIRY = `${N}.expiry`;
const PLUGIN = `${N}.verificationPlugin`;
const MIN_VERSION = `${N}.verificationPluginMinVersion`;
const minutes = (count: number): Date => new Date(NOW.getTime() + count * 60_000);

type Change = (header: Header) => Header;

/** One change after the other. */
const all =
  (...changes: Change[]): Change =>
  (header) =>
    changes.reduce((changed, change) => change(changed), header);
const set =
  (name: string, value: unknown): Change =>
  (header) =>
    new Map(header).set(name, value);
const drop =
  (name: string): Change =>
  (header) =>
    new Map([...header].filter(([other]) => other !== name));
const crit =
  (change: (names: readonly unknown[]) => readonly unknown[]): Change =>
  (header) =>
    new Map(header).set('crit', change(header.get('crit') as readonly unknown[]));
const alsoCritical = (...names: unknown[]): Change => crit((critical) => [...critical, ...names]);
const notCritical = (name: string): Change => crit((critical) => critical.filter((other) => other !== name));
const critical = (name: string, value: unknown): Change => all(set(name, value), alsoCritical(name));

const header = (...changes: Change[]): Hooks => ({ header: all(...changes) });
const unprotected = (...changes: Change[]): Hooks => ({ unprotected: all(...changes) });

const FULL: Options = { kind: 'full' };
const AUTHORITY: Options = { kind: 'authority' };
const UNSUPPORTED: Options = { kind: 'full', code: 'PluginUnsupported' };

/** What both formats say in their protected header, and in the unprotected one. */
export const HEADER_MUTATIONS: readonly Mutation[] = mutationsOf([
  // B2: what must be there, and as what
  ['B2', 'no alg', header(drop('alg')), /alg.* is missing/],
  ['B2', 'no content type', header(drop('cty')), /content type: expected application\/vnd/],
  ['B2', 'another content type', header(set('cty', 'application/json')), /content type: expected application\/vnd/],
  [
    'B2',
    'the content type in other case',
    header(set('cty', 'application/vnd.CNCF.notary.payload.v1+json')),
    /content type/,
  ],
  [
    'B2',
    'no scheme at all',
    header(drop(SCHEME), set('a', 1), set('crit', ['a'])),
    /signingScheme: expected notary\.x509/,
  ],
  ['B2', 'an unknown scheme', header(set(SCHEME, 'notary.x509.other')), /signingScheme: expected notary\.x509/],
  ['B2', 'a scheme in other case', header(set(SCHEME, 'notary.X509')), /signingScheme: expected notary\.x509/],
  ['B2', 'a scheme that is a number', header(set(SCHEME, 1)), /signingScheme: expected notary\.x509/],
  ['B2', 'no signing time', header(drop(SIGNING_TIME)), /signingTime is missing/],
  [
    'B2',
    'no authentic signing time',
    header(drop(AUTHENTIC_TIME), notCritical(AUTHENTIC_TIME)),
    /authenticSigningTime is missing/,
    AUTHORITY,
  ],
  [
    'B2',
    'an expiry at the signing time',
    header(set(EXPIRY, minutes(-60))),
    /expiry: expected a time after .*signingTime/,
    FULL,
  ],
  [
    'B2',
    'an expiry before the signing time',
    header(set(EXPIRY, minutes(-61))),
    /expiry: expected a time after .*signingTime/,
    FULL,
  ],
  [
    'B2',
    'an expiry before the authentic signing time',
    header(set(EXPIRY, minutes(-61))),
    /expiry: expected a time after .*authenticSigningTime/,
    AUTHORITY,
  ],
  [
    'B2',
    'an expiry that is null',
    header(set(EXPIRY, null)),
    /expiry: expected an (RFC 3339 time|integer of seconds)/,
    FULL,
  ],
  ['B2', 'a signing time that is a bare number', header(set(SIGNING_TIME, 1_781_524_740)), /signingTime: expected an/],
  [
    'B2',
    'a minimum version that is no semantic version',
    header(set(MIN_VERSION, '1.0')),
    /expected a semantic version/,
    FULL,
  ],
  [
    'B2',
    'a minimum version with a leading zero',
    header(set(MIN_VERSION, '01.0.0')),
    /expected a semantic version/,
    FULL,
  ],
  ['B2', 'a minimum version of no plugin', header(drop(PLUGIN), notCritical(PLUGIN)), /stands without/, FULL],
  ['B2', 'a blank plugin name', header(set(PLUGIN, ' ')), /verificationPlugin: expected a non-empty string/, FULL],
  [
    'B2',
    'a plugin name that is a number',
    header(set(PLUGIN, 7)),
    /verificationPlugin: expected a non-empty string/,
    FULL,
  ],
  [
    'B2',
    'a minimum version that is a number',
    header(set(MIN_VERSION, 1)),
    /MinVersion: expected a non-empty string/,
    FULL,
  ],
  // B3: crit
  ['B3', 'no crit', header(drop('crit')), /crit.*: expected a non-empty array/],
  ['B3', 'an empty crit', header(set('crit', [])), /crit.*: expected a non-empty array/],
  ['B3', 'a crit that is text', header(set('crit', SCHEME)), /crit.*: expected a non-empty array/],
  ['B3', 'a crit that is null', header(set('crit', null)), /crit.*: expected a non-empty array/],
  ['B3', 'an empty name in crit', header(set('', 1), alsoCritical('')), /crit: expected names only/],
  ['B3', 'a list in crit', header(alsoCritical([SCHEME])), /crit: expected names only/],
  ['B3', 'true in crit', header(alsoCritical(true)), /crit: expected names only/],
  ['B3', 'a name twice in crit', header(alsoCritical(SCHEME)), /crit lists "io\.cncf\.notary\.signingScheme" twice/],
  [
    'B3',
    'the scheme not in crit',
    header(set('a', 1), set('crit', ['a'])),
    /crit must list io\.cncf\.notary\.signingScheme/,
  ],
  ['B3', 'the expiry not in crit', header(notCritical(EXPIRY)), /crit must list io\.cncf\.notary\.expiry/, FULL],
  [
    'B3',
    'the expiry not in crit, of a signing authority',
    header(notCritical(EXPIRY)),
    /crit must list io\.cncf\.notary\.expiry/,
    AUTHORITY,
  ],
  [
    'B3',
    'the authentic signing time not in crit',
    header(notCritical(AUTHENTIC_TIME)),
    /crit must list .*authenticSigningTime/,
    AUTHORITY,
  ],
  [
    'B3',
    'the plugin not in crit',
    header(notCritical(PLUGIN)),
    /crit must list io\.cncf\.notary\.verificationPlugin /,
    FULL,
  ],
  [
    'B3',
    "the plugin's minimum version not in crit",
    header(notCritical(MIN_VERSION)),
    /crit must list .*MinVersion/,
    FULL,
  ],
  [
    'B3',
    'an entry that stands nowhere',
    header(alsoCritical('absent')),
    /crit lists "absent", which is not in the protected/,
  ],
  [
    'B3',
    'an expiry that crit lists and nobody wrote',
    header(drop(EXPIRY)),
    /crit lists "io\.cncf\.notary\.expiry", which is not/,
    FULL,
  ],
  [
    'B3',
    'an entry of the unprotected header',
    header(alsoCritical(`${N}.signingAgent`)),
    /crit lists .*signingAgent", which is not/,
    FULL,
  ],
  ['B3', 'alg in crit', header(alsoCritical('alg')), /crit must not list "(alg|1)"/],
  ['B3', 'the content type in crit', header(alsoCritical('cty')), /crit must not list "(cty|3)"/],
  ['B3', 'crit in crit', header(alsoCritical('crit')), /crit must not list "(crit|2)"/],
  [
    'B3',
    'the signing time in crit',
    header(alsoCritical(SIGNING_TIME)),
    /crit must not list io\.cncf\.notary\.signingTime/,
  ],
  [
    'C4',
    'an authentic signing time in notary.x509',
    header(critical(AUTHENTIC_TIME, minutes(-60))),
    /authenticSigningTime does not belong to the scheme notary\.x509 /,
  ],
  [
    'C4',
    'an authentic signing time in notary.x509, not critical',
    header(set(AUTHENTIC_TIME, minutes(-60))),
    /authenticSigningTime does not belong/,
  ],
  [
    'C4',
    'a signing time in signingAuthority',
    header(set(SIGNING_TIME, minutes(-60))),
    /signingTime does not belong to the scheme notary\.x509\.signingAuthority/,
    AUTHORITY,
  ],
  [
    'C4',
    'another scheme than that of the time',
    header(set(SCHEME, 'notary.x509.signingAuthority')),
    /signingTime does not belong/,
  ],
  // B4: critical attributes that nobody processes
  [
    'B4',
    'an unknown critical attribute',
    header(critical('com.example.x', 1)),
    /"com\.example\.x" is not understood/,
    FAILS,
  ],
  [
    'B4',
    'a critical attribute beyond those of the plugin',
    header(critical('com.example.x', 1)),
    /"com\.example\.x" is not understood/,
    { ...FAILS, ...FULL },
  ],
  [
    'B4',
    'a critical attribute in other case than the plugin knows it',
    header(critical('com.example.Job', 1)),
    /"com\.example\.Job" is not understood/,
    { ...FAILS, ...FULL },
  ],
  [
    'B4',
    "a plugin's attribute without the plugin",
    header(critical('com.example.job', 'job-1')),
    /"com\.example\.job" is not understood/,
    FAILS,
  ],
  ['B4', 'b64 of RFC 7797', header(critical('b64', true)), /"b64" is not understood/, FAILS],
  [
    'B4',
    'a critical name of an object’s method',
    header(critical('toString', 'x')),
    /"toString" is not understood/,
    FAILS,
  ],
  [
    'B4',
    'a plugin that is not there',
    header(set(PLUGIN, 'com.example.other')),
    /asks for the verification plugin "com\.example\.other"/,
    UNSUPPORTED,
  ],
  [
    'B4',
    'a plugin in other case',
    header(set(PLUGIN, 'com.example.Plugin')),
    /asks for the verification plugin "com\.example\.Plugin"/,
    UNSUPPORTED,
  ],
  [
    'B4',
    'a later version of the plugin',
    header(set(MIN_VERSION, '1.2.4')),
    /"1\.2\.4" or later; 1\.2\.3 is supported/,
    UNSUPPORTED,
  ],
  // B5: the algorithm of the header is that of the leaf's key
  [
    'B5',
    'ES384 for a key on P-256',
    { ...header(set('alg', 'ES384')), signing: (s) => ({ ...s, hash: 'sha384' }) },
    /says algorithm "ES384", but the leaf's key gives ES256/,
    FAILS,
  ],
  [
    'B5',
    'ES512 for a key on P-384',
    { ...header(set('alg', 'ES512')), signing: (s) => ({ ...s, hash: 'sha512' }) },
    /says algorithm "ES512", but the leaf's key gives ES384/,
    { ...FAILS, kind: 'single' },
  ],
  [
    'B5',
    'PS256 for a key on P-256',
    header(set('alg', 'PS256')),
    /says algorithm "PS256", but the leaf's key gives ES256/,
    FAILS,
  ],
  [
    'B5',
    'ES256 for an RSA key',
    header(set('alg', 'ES256')),
    /says algorithm "ES256", but the leaf's key gives PS256/,
    { ...FAILS, kind: 'RSA' },
  ],
  [
    'B5',
    'PS384 for an RSA key of 2048 bits',
    { ...header(set('alg', 'PS384')), signing: (s) => ({ ...s, hash: 'sha384' }) },
    /says algorithm "PS384", but the leaf's key gives PS256/,
    { ...FAILS, kind: 'RSA' },
  ],
  // B6, C3: the unprotected header
  ['B6', 'no certificates', unprotected(drop('x5c')), /x5c|x5chain/],
  [
    'B6',
    'an empty list of certificates',
    unprotected(set('x5c', [])),
    /expected (an array of )?at least one certificate/,
  ],
  [
    'B6',
    'one certificate outside a list',
    unprotected((h) => set('x5c', (h.get('x5c') as Buffer[])[0])(h)),
    /expected (an array of )?at least one certificate/,
    { kind: 'single' },
  ],
  [
    'B6',
    'a certificate that is a number',
    unprotected(set('x5c', [1])),
    /x5c\[0\]: expected standard base64|x5chain.*\[0\]: expected a byte string/,
  ],
  [
    'B6',
    'a certificate that is none',
    unprotected(set('x5c', [Buffer.from('certificate')])),
    /\[0\] is not a DER certificate/,
  ],
  [
    'B6',
    'an empty certificate',
    unprotected(set('x5c', [Buffer.alloc(0)])),
    /x5c\[0\]: expected standard base64|x5chain\[0\] is not a DER/,
  ],
  [
    'B6',
    'a byte after a certificate',
    unprotected((h) =>
      set(
        'x5c',
        (h.get('x5c') as Buffer[]).map((der) => Buffer.concat([der, Buffer.alloc(1)])),
      )(h),
    ),
    /\[0\] is not one DER certificate and nothing else/,
  ],
  [
    'B6',
    'seventeen certificates',
    unprotected((h) =>
      set(
        'x5c',
        Array.from({ length: 17 }, () => (h.get('x5c') as Buffer[])[0]),
      )(h),
    ),
    /at most 16 certificates/,
  ],
  [
    'B6',
    'a signed name in the unprotected header too',
    unprotected(set(SCHEME, 'notary.x509')),
    /signingScheme" stands in both headers/,
  ],
  [
    'B6',
    'a signed attribute in the unprotected header too',
    unprotected(set('com.example.note', 'x')),
    /"com\.example\.note" stands in both headers/,
    FULL,
  ],
  [
    'B6',
    'alg in the unprotected header too',
    unprotected(set('alg', 'ES256')),
    /(the label )?"(alg|1)" stands in both headers/,
  ],
  [
    'B6',
    'crit in the unprotected header too',
    unprotected(set('crit', [SCHEME])),
    /(the label )?"(crit|2)" stands in both headers/,
  ],
  [
    'B6',
    'a timestamp that is a number',
    unprotected(set(`${N}.timestampSignature`, 1)),
    /timestampSignature: expected/,
    FULL,
  ],
  [
    'B6',
    'an empty timestamp',
    unprotected(set(`${N}.timestampSignature`, Buffer.alloc(0))),
    /timestampSignature: expected/,
    FULL,
  ],
  // D, I: times
  [
    'I',
    'a timestamp taken away',
    unprotected(drop(`${N}.timestampSignature`)),
    /asks for a timestamp, and the signature has none/,
    { ...FULL, check: 'authenticTimestamp', code: 'TimestampFailed' },
  ],
  [
    'I',
    'a timestamp put in the place of another',
    unprotected(set(`${N}.timestampSignature`, Buffer.from('b token'))),
    /the token is another/,
    { ...FULL, check: 'authenticTimestamp', code: 'TimestampFailed' },
  ],
  [
    'D',
    'an expiry that has passed',
    header(set(EXPIRY, minutes(-1))),
    /the signature expired at 2026-06-15T11:59:00Z/,
    { ...FULL, check: 'expiry', code: 'SignatureExpired' },
  ],
  [
    'D',
    'an expiry that is now',
    header(set(EXPIRY, NOW)),
    /the signature expired at 2026-06-15T12:00:00Z/,
    { ...FULL, check: 'expiry', code: 'SignatureExpired' },
  ],
  [
    'D',
    'an expiry that has passed, of a signing authority',
    header(set(EXPIRY, minutes(-1))),
    /the signature expired at/,
    { ...AUTHORITY, check: 'expiry', code: 'SignatureExpired' },
  ],
  [
    'D',
    'an authentic signing time six minutes ahead',
    header(set(AUTHENTIC_TIME, minutes(6))),
    /lies more than 5 minutes ahead/,
    { ...AUTHORITY, check: 'authenticTimestamp', code: 'TimestampFailed' },
  ],
  [
    'D',
    'an authentic signing time before the leaf',
    header(set(AUTHENTIC_TIME, minutes(-31 * 24 * 60))),
    /was not valid at 2026-05-15/,
    { ...AUTHORITY, check: 'authenticTimestamp', code: 'TimestampFailed' },
  ],
]);
