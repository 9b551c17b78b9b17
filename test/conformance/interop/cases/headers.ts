import { rfc3339 } from '../../../support/forge-jws.ts';
import type { Chain } from '../../../support/pki.ts';
import {
  accepted,
  type Case,
  CHAIN,
  DAY_MS,
  forged,
  MINUTE_MS,
  NOW,
  policyWith,
  type Question,
  refused,
  stricter,
} from './case.ts';

const SCHEME = 'io.cncf.notary.signingScheme';
const TIME = 'io.cncf.notary.signingTime';
const AUTHENTIC_TIME = 'io.cncf.notary.authenticSigningTime';
const EXPIRY = 'io.cncf.notary.expiry';
const PLUGIN = 'io.cncf.notary.verificationPlugin';
const PLUGIN_VERSION = 'io.cncf.notary.verificationPluginMinVersion';

type Header = Record<string, unknown>;

function changed(change: (header: Header) => Header): Pick<Question, 'envelope'> {
  return forged({ protected: change });
}

/** Adds attributes; those whose name is listed become critical. */
function withAttributes(added: Header, critical: readonly string[] = Object.keys(added)): Pick<Question, 'envelope'> {
  return changed((header) => ({ ...header, ...added, crit: [...(header['crit'] as string[]), ...critical] }));
}

function without(name: string): Pick<Question, 'envelope'> {
  return changed(({ [name]: _, ...rest }) => rest);
}

function ago(milliseconds: number): string {
  return rfc3339(new Date(NOW.getTime() - milliseconds));
}

/** A signing authority's envelope; its root is in a store of the right type unless told otherwise. */
export function byAuthority(
  change: (header: Header) => Header = (header) => header,
  time: string = ago(MINUTE_MS),
  store = 'signingAuthority:acme',
  chain: Chain = CHAIN,
): Partial<Question> {
  return {
    ...forged({
      key: chain.key,
      certificates: chain.certificates,
      protected: ({ alg, cty }) =>
        change({
          alg,
          cty,
          crit: [SCHEME, AUTHENTIC_TIME],
          [SCHEME]: 'notary.x509.signingAuthority',
          [AUTHENTIC_TIME]: time,
        }),
    }),
    ...policyWith({ trustStores: [store] }),
    stores: { [store]: [chain.rootPem] },
  };
}

const DOUBT = 'two readings of one header';

/** The protected header (notary.md B2 to B5, D). */
export const HEADERS: readonly Case[] = [
  ...['none', 'HS256', 'RS256', 'ES384', 'PS256', 'es256', 'EdDSA', ''].map(
    (alg): Case => ({
      name: `alg ${JSON.stringify(alg)} over a key on P-256`,
      rule: 'B5',
      ask: changed((header) => ({ ...header, alg })),
      expected: refused('integrity'),
    }),
  ),
  { name: 'no alg', rule: 'B2', ask: without('alg'), expected: refused('integrity') },
  { name: 'no cty', rule: 'B2', ask: without('cty'), expected: refused('integrity') },
  {
    name: 'another content type',
    rule: 'B2',
    ask: changed((header) => ({ ...header, cty: 'application/json' })),
    expected: refused('integrity'),
  },
  { name: 'no crit', rule: 'B3', ask: without('crit'), expected: refused('integrity') },
  {
    name: 'an empty crit',
    rule: 'B3',
    ask: changed((header) => ({ ...header, crit: [] })),
    expected: refused('integrity'),
  },
  {
    name: 'a crit of numbers',
    rule: 'B3',
    ask: changed((header) => ({ ...header, crit: [SCHEME, 1] })),
    expected: refused('integrity'),
  },
  {
    name: 'a scheme that is not critical',
    rule: 'B3',
    ask: changed((header) => ({ ...header, 'a.b': 1, crit: ['a.b'] })),
    expected: refused('integrity'),
  },
  {
    name: 'a critical attribute that is not there',
    rule: 'B3',
    ask: withAttributes({}, ['com.example.absent']),
    expected: refused('integrity'),
  },
  ...['alg', 'cty', 'crit', TIME].map(
    (name): Case => ({
      name: `${name} in crit`,
      rule: 'B3',
      ask: withAttributes({}, [name]),
      expected: refused('integrity'),
    }),
  ),
  {
    name: 'the scheme twice in crit',
    rule: 'B3',
    ask: withAttributes({}, [SCHEME]),
    expected: refused('integrity'),
  },
  {
    name: 'an unknown critical attribute',
    rule: 'B4',
    ask: withAttributes({ 'com.example.mustKnow': 'x' }),
    expected: stricter('integrity', 'whoever made it critical said: refuse what you do not understand'),
  },
  {
    name: 'an unknown attribute that is not critical',
    rule: 'B4',
    ask: withAttributes({ 'com.example.mayKnow': { nested: [1, 'two', null, true] } }, []),
    expected: accepted(),
  },
  { name: 'no scheme', rule: 'B3', ask: without(SCHEME), expected: refused('integrity') },
  {
    name: 'an unknown scheme',
    rule: 'B2',
    ask: changed((header) => ({ ...header, [SCHEME]: 'notary.x509.other' })),
    expected: refused('integrity'),
  },
  { name: 'no signing time', rule: 'B2', ask: without(TIME), expected: refused('integrity') },
  ...[
    ['without zone', '2026-01-01T00:00:00'],
    ['of the 30th of February', '2026-02-30T00:00:00Z'],
    ['at 24 o’clock', '2026-01-01T24:00:00Z'],
    ['in a leap second', '2016-12-31T23:59:60Z'],
    ['with a space for the T', '2026-01-01 00:00:00Z'],
    ['in small letters', '2026-01-01t00:00:00z'],
    ['of one digit', '2026-1-1T00:00:00Z'],
  ].map(
    ([name, time]): Case => ({
      name: `a signing time ${name}`,
      rule: 'B2',
      ask: changed((header) => ({ ...header, [TIME]: time })),
      expected: refused('integrity'),
    }),
  ),
  ...[
    ['with a comma', '2026-01-01T00:00:00,5Z'],
    ['with an offset of a day', '2026-01-01T00:00:00+24:00'],
  ].map(
    ([name, time]): Case => ({
      name: `a signing time ${name}`,
      rule: 'B2',
      ask: changed((header) => ({ ...header, [TIME]: time })),
      expected: stricter('integrity', 'RFC 3339 has no such time'),
    }),
  ),
  {
    name: 'a signing time that is a number',
    rule: 'B2',
    ask: changed((header) => ({ ...header, [TIME]: 1767225600 })),
    expected: refused('integrity'),
  },
  ...[
    ['with fractions of a second', '2026-01-01T00:00:00.123456789Z'],
    ['with an offset', '2026-01-01T05:30:00+05:30'],
    ['with the offset of an unknown zone', '2026-01-01T00:00:00-00:00'],
    ['of a leap day', '2024-02-29T23:59:59Z'],
  ].map(
    ([name, time]): Case => ({
      name: `a signing time ${name}`,
      rule: 'B2',
      ask: changed((header) => ({ ...header, [TIME]: time })),
      expected: accepted(),
    }),
  ),
  {
    name: 'a claimed signing time before the certificates',
    rule: 'D',
    ask: changed((header) => ({ ...header, [TIME]: '2001-01-01T00:00:00Z' })),
    expected: accepted(),
  },
  {
    name: 'a claimed signing time in the future',
    rule: 'D',
    ask: changed((header) => ({ ...header, [TIME]: ago(-DAY_MS) })),
    expected: accepted(),
  },
  {
    name: 'the time of the other scheme beside its own',
    rule: 'B3',
    ask: withAttributes({ [AUTHENTIC_TIME]: ago(MINUTE_MS) }),
    expected: refused('integrity'),
  },
  {
    name: 'an expiry that is not critical',
    rule: 'B3',
    ask: withAttributes({ [EXPIRY]: ago(-DAY_MS) }, []),
    expected: refused('integrity'),
  },
  { name: 'an expiry to come', rule: 'D', ask: withAttributes({ [EXPIRY]: ago(-DAY_MS) }), expected: accepted() },
  {
    name: 'an expiry that is no time',
    rule: 'B2',
    ask: withAttributes({ [EXPIRY]: 'tomorrow' }),
    expected: refused('integrity'),
  },
  {
    name: 'an expiry at the signing time',
    rule: 'B2',
    ask: withAttributes({ [EXPIRY]: ago(MINUTE_MS) }),
    expected: refused('integrity'),
  },
  {
    name: 'an expiry before the signing time',
    rule: 'B2',
    ask: withAttributes({ [EXPIRY]: ago(DAY_MS) }),
    expected: refused('integrity'),
  },
  {
    name: 'an expired signature',
    rule: 'D',
    ask: withAttributes({ [EXPIRY]: ago(1000) }),
    expected: refused('expiry'),
  },
  {
    name: 'an expired signature where expiry is logged',
    rule: 'F7',
    ask: {
      ...withAttributes({ [EXPIRY]: ago(1000) }),
      ...policyWith({ signatureVerification: { level: 'permissive' } }),
    },
    expected: accepted('expiry'),
  },
  {
    name: 'a verification plugin that is not here',
    rule: 'B4',
    ask: withAttributes({ [PLUGIN]: 'com.example.plugin' }),
    expected: refused('integrity', 'other', /plugin "com.example.plugin", which is not supported/),
  },
  {
    name: 'a verification plugin that is not critical',
    rule: 'B3',
    ask: withAttributes({ [PLUGIN]: 'com.example.plugin' }, []),
    expected: refused('integrity', 'other'),
  },
  {
    name: 'an empty verification plugin',
    rule: 'B2',
    ask: withAttributes({ [PLUGIN]: ' ' }),
    expected: refused('integrity', 'other'),
  },
  {
    name: 'a plugin version that is no semantic version',
    rule: 'B2',
    ask: withAttributes({ [PLUGIN]: 'com.example.plugin', [PLUGIN_VERSION]: '1' }),
    expected: refused('integrity', 'other'),
  },
  {
    name: 'a plugin version without a plugin',
    rule: 'B2',
    ask: withAttributes({ [PLUGIN_VERSION]: '1.0.0' }),
    expected: stricter('integrity', 'a critical attribute of a plugin that nobody named is processed by nobody'),
  },
  {
    name: 'an expiry that is null',
    rule: 'B2',
    ask: withAttributes({ [EXPIRY]: null }, []),
    expected: stricter('integrity', DOUBT),
  },
  { name: 'a signing authority', rule: 'D', ask: byAuthority(), expected: accepted() },
  {
    name: 'a signing authority anchored in a ca store',
    rule: 'D',
    ask: byAuthority(undefined, undefined, 'ca:acme'),
    expected: refused('authenticity'),
  },
  {
    name: 'a plain signature anchored in a signingAuthority store',
    rule: 'D',
    ask: {
      ...policyWith({ trustStores: ['signingAuthority:acme'] }),
      stores: { 'signingAuthority:acme': [CHAIN.rootPem] },
    },
    expected: refused('authenticity'),
  },
  {
    name: 'a signing authority without its time',
    rule: 'B2',
    ask: byAuthority(({ [AUTHENTIC_TIME]: _, ...rest }) => ({ ...rest, crit: [SCHEME] })),
    expected: refused('integrity'),
  },
  {
    name: 'a signing authority whose time is not critical',
    rule: 'B3',
    ask: byAuthority((header) => ({ ...header, crit: [SCHEME] })),
    expected: refused('integrity'),
  },
  {
    name: 'a signing authority with a claimed time beside',
    rule: 'B3',
    ask: byAuthority((header) => ({ ...header, [TIME]: ago(MINUTE_MS) })),
    expected: refused('integrity'),
  },
  {
    name: 'an authentic time before the certificates',
    rule: 'D',
    ask: byAuthority(undefined, '2001-01-01T00:00:00Z'),
    expected: refused('authenticTimestamp'),
  },
  {
    name: 'an authentic time four minutes ahead of the clock',
    rule: 'D',
    ask: byAuthority(undefined, ago(-4 * MINUTE_MS)),
    expected: accepted(),
  },
  {
    name: 'an authentic time an hour ahead of the clock',
    rule: 'D',
    ask: byAuthority(undefined, ago(-60 * MINUTE_MS)),
    expected: stricter('authenticTimestamp', 'nobody signed in the future: a clock is wrong, or somebody lies'),
  },
];
