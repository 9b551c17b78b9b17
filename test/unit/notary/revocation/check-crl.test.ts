import 'reflect-metadata';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  CRLDistributionPoints,
  CRLNumber,
  DistributionPoint,
  Extension,
  GeneralName,
  type IssuingDistributionPoint,
  Reason,
  ReasonFlags,
  Time,
} from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { createChainRevocationChecker, FetchError } from '../../../../src/notary/index.ts';
import { type Chain, createChain, leafExtensions } from '../../../support/pki.ts';
import { type CrlOptions, encodeCrl, extension, pointName } from '../../../support/revocation-data.ts';
import { contentOf, memberAt, signed, tagged } from '../../../support/revocation-parser-inputs.ts';
import { NOW, VALIDITY } from '../harness.ts';
import {
  authority,
  CRL_URL,
  CURRENT,
  check,
  createChainOfThree,
  createRevocableChain,
  crl,
  DELTA_URL,
  entry,
  HOUR_MS,
  network,
  REVOKED_AT,
  told,
} from './world.ts';

const chain = await createRevocableChain({ crl: [CRL_URL] });
const root = authority(chain, 1);
const other = await createRevocableChain({ crl: [CRL_URL] });
const ofThree = await createChainOfThree({ crl: [CRL_URL] }, {});
const caOfThree = await createChainOfThree({}, { crl: [CRL_URL] });
const critical = extension('1.2.3.4', new CRLNumber(1), true);

const UNUSABLE: readonly (readonly [string, () => Uint8Array, string])[] = [
  ['stale: nextUpdate has come (H4)', () => crl(chain, { nextUpdate: NOW }), 'is stale'],
  ['without nextUpdate (H4)', () => crl(chain, { nextUpdate: null }), 'has no nextUpdate'],
  [
    'thisUpdate more than five minutes ahead (H4)',
    () => crl(chain, { thisUpdate: new Date(NOW.getTime() + 301_000) }),
    'is still to come',
  ],
  ['garbage (H4)', () => Buffer.from('<html>no</html>'), 'cannot be read'],
  ['empty (H4)', () => Buffer.alloc(0), 'ends too early'],
  ['truncated (H4)', () => crl(chain).subarray(0, -10), 'ends too early'],
  ['with bytes behind it (H4)', () => Buffer.concat([crl(chain), Buffer.from([0])]), 'bytes follow'],
  [
    'of another issuer (H4)',
    () => encodeCrl({ issuer: authority(ofThree, 1), ...CURRENT }),
    "of the certificate's issuer",
  ],
  ["with the issuer's name, signed by another key (H4)", () => crl(chain, { signer: other.key }), 'signature does not'],
  ['signed with SHA-1 (H4)', () => crl(chain, { hash: 'sha1' }), 'signature does not verify'],
  [
    'with a changed signature (H4)',
    () =>
      crl(chain, {
        changeSignature: (signature) => {
          signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
          return signature;
        },
      }),
    'signature does not verify',
  ],
  [
    'with two signature algorithms (H4)',
    () =>
      crl(chain, {
        changeBody: (body) => {
          body.signature.algorithm = '1.2.840.10045.4.3.3';
        },
      }),
    'two different signature algorithms',
  ],
  [
    'of version 3 (H4)',
    () =>
      crl(chain, {
        changeBody: (body) => {
          body.version = 2;
        },
      }),
    'its version is not 2',
  ],
  [
    'with a critical extension that is not understood (H4)',
    () => crl(chain, { extensions: [critical] }),
    '1.2.3.4 is not',
  ],
  [
    'with a critical extension in the entry of another certificate (H4)',
    () => crl(chain, { entries: [{ ...entry(other), extensions: [critical] }] }),
    'critical extension of an entry is not understood',
  ],
  [
    'with an entry of another issuer: an indirect CRL (H4)',
    () => crl(chain, { entries: [{ ...entry(other), extensions: [extension('2.5.29.29', new CRLNumber(1), true)] }] }),
    'critical extension of an entry is not understood',
  ],
  ['that is a delta CRL (H4)', () => crl(chain, { baseNumber: 1 }), 'it is a delta CRL'],
  ['that is indirect (H4)', () => crl(chain, { scope: { indirectCRL: true } }), 'indirect CRL'],
  ['about attribute certificates (H4)', () => crl(chain, { scope: { onlyContainsAttributeCerts: true } }), 'attribute'],
  [
    'about certificate authorities (H4)',
    () => crl(chain, { scope: { onlyContainsCACerts: true } }),
    'authorities only',
  ],
  [
    'of another distribution point (H4)',
    () => crl(chain, { scope: { addresses: ['http://crl.example.com/other.crl'] } }),
    'another distribution point',
  ],
  [
    'for some reasons only (H4)',
    () => crl(chain, { scope: { onlySomeReasons: new Reason(ReasonFlags.keyCompromise) } }),
    'do not cover every reason',
  ],
  [
    'that removes the certificate from itself, as only a delta CRL may (H4)',
    () => crl(chain, { entries: [entry(chain, { reason: 8 })] }),
    'removeFromCRL stands outside a delta CRL',
  ],
];

describe('a CRL that may not be used is unknown, never good and never revoked (notary.md H4)', () => {
  it('its control is used (H4)', async () => {
    expect(told(await check(chain, { [CRL_URL]: crl(chain) }))).toBe('good');
    expect(told(await check(chain, { [CRL_URL]: crl(chain, { entries: [entry(other)] }) }))).toBe('good');
    expect(told(await check(chain, { [CRL_URL]: crl(chain, { entries: [entry(other), entry(chain)] }) }))).toBe(
      'revoked',
    );
  });

  it.each(UNUSABLE)('%s', async (_name, answer, cause) => {
    const result = await check(chain, { [CRL_URL]: answer() });
    expect(result.status).toBe('unknown');
    expect(result.reason).toContain(cause);
  });

  it('also where a forger lists the certificate (H4)', async () => {
    const forged = crl(chain, { entries: [entry(chain)], signer: other.key });
    expect((await check(chain, { [CRL_URL]: forged })).status).toBe('unknown');
  });

  it('an issuer whose keyUsage lacks cRLSign signs no CRLs (H4)', async () => {
    const without = await createRevocableChain(
      { crl: [CRL_URL] },
      {
        caExtensions: (depth) => [
          new x509.BasicConstraintsExtension(true, depth, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        ],
      },
    );
    const { fetch, asked } = network({ [CRL_URL]: crl(without) });
    expect(told(await check(without, {}, { fetch }))).toMatch(/^unknown: .*lacks cRLSign/);
    expect(asked).toEqual([]);
  });
});

describe('a CRL that is signed and still has no one reading is unknown (notary.md H4)', () => {
  const good = crl(chain);
  const tbs = memberAt(good, [0]);
  const rawExtension = (extnID: string, hex: string) =>
    new Extension({ extnID, critical: true, extnValue: new OctetString(Buffer.from(hex, 'hex')) });
  /** The members of the signed body, changed, and signed anew. */
  const resigned = (change: (members: Buffer[]) => Buffer[]): Buffer => {
    const members = [0, 1, 2, 3, 4, 5].map((index) => memberAt(tbs, [index]));
    return signed(tagged(0x30, Buffer.concat(change(members))), root.key);
  };

  it('its control, signed anew, is used (H4)', async () => {
    expect(told(await check(chain, { [CRL_URL]: resigned((members) => members) }))).toBe('good');
  });

  it.each<readonly [string, () => Buffer, string]>([
    [
      'a field behind the signature (H4)',
      () => tagged(0x30, Buffer.concat([contentOf(good), Buffer.from([5, 0])])),
      'extra fields',
    ],
    [
      'a field behind the extensions (H4)',
      () => resigned((members) => [...members, Buffer.from([5, 0])]),
      'extra fields',
    ],
    ['extensions, and no version (H4)', () => resigned((members) => members.slice(1)), 'is of version 1'],
    ['no times (H4)', () => resigned((members) => [...members.slice(0, 3), ...members.slice(5)]), 'no nextUpdate'],
    ['nothing behind the issuer (H4)', () => resigned((members) => members.slice(0, 3)), 'no thisUpdate'],
    [
      'a signature of no whole number of octets (H4)',
      () => {
        const [algorithm, bits] = [memberAt(good, [1]), contentOf(memberAt(good, [2]))];
        const odd = tagged(0x03, Buffer.concat([Buffer.from([1]), bits.subarray(1)]));
        return tagged(0x30, Buffer.concat([tbs, algorithm, odd]));
      },
      'no whole number of octets',
    ],
    [
      'a scope with an unknown field (H4)',
      () => crl(chain, { extensions: [rawExtension('2.5.29.28', '30038601ff')] }),
      'unknown fields',
    ],
    [
      'a scope with a bad BOOLEAN (H4)',
      () => crl(chain, { extensions: [rawExtension('2.5.29.28', '3003810101')] }),
      'a bad BOOLEAN',
    ],
    ['a negative number (H4)', () => numbered('0201ff'), 'a bad INTEGER'],
    ['a padded number (H4)', () => numbered('02020001'), 'a bad INTEGER'],
    ['an empty number (H4)', () => numbered('0200'), 'a bad INTEGER'],
    ['a number of 21 octets (H4)', () => numbered(`0215${'01'.repeat(21)}`), 'a bad INTEGER'],
  ])('%s', async (_name, answer, cause) => {
    const result = await check(chain, { [CRL_URL]: answer() });
    expect(result.status).toBe('unknown');
    expect(result.reason).toContain(cause);
  });

  it('a number of 20 octets, and numbers above 2^53 are compared exactly (H4)', async () => {
    const of = (last: string) => rawExtension('2.5.29.20', `0214${'01'.repeat(19)}${last}`);
    const indicator = rawExtension('2.5.29.27', `0214${'01'.repeat(19)}02`);
    const base = encodeCrl({ issuer: root, ...CURRENT, extensions: [of('01')], freshest: [DELTA_URL] });
    const delta = encodeCrl({ issuer: root, ...CURRENT, extensions: [of('03'), indicator] });
    expect(told(await check(chain, { [CRL_URL]: base, [DELTA_URL]: delta }))).toMatch(/builds on a later CRL/);
  });

  function numbered(hex: string): Buffer {
    return encodeCrl({ issuer: root, ...CURRENT, extensions: [rawExtension('2.5.29.20', hex)] });
  }
});

describe('what a CRL is about (notary.md H4)', () => {
  it.each<readonly [string, Chain, Partial<IssuingDistributionPoint> & { addresses?: string[] }, number]>([
    ['its own distribution point (H4)', chain, { addresses: [CRL_URL] }, 0],
    ['one name of several (H4)', chain, { addresses: ['http://other.example.com/', CRL_URL] }, 0],
    ['user certificates only, asked about one (H4)', chain, { onlyContainsUserCerts: true }, 0],
    ['authorities only, asked about one (H4)', caOfThree, { onlyContainsCACerts: true }, 1],
  ])('%s: good', async (_name, asked, scope, index) => {
    expect(told(await check(asked, { [CRL_URL]: crl(asked, { scope }, index) }))).toBe('good');
  });

  it('user certificates only, asked about an authority: unknown (H4)', async () => {
    const scope = { onlyContainsUserCerts: true };
    expect(told(await check(caOfThree, { [CRL_URL]: crl(caOfThree, { scope }, 1) }))).toMatch(
      /not about certificate auth/,
    );
  });

  it('a certificate that names a CRL of another issuer is unknown, and nothing is fetched (H4)', async () => {
    const points = [
      new DistributionPoint({
        distributionPoint: pointName([CRL_URL]),
        cRLIssuer: [new GeneralName({ uniformResourceIdentifier: 'http://other.example.com' })],
      }),
    ];
    const indirect = await chainWithPoints(points);
    const { fetch, asked } = network({ [CRL_URL]: crl(indirect) });
    expect(told(await check(indirect, {}, { fetch }))).toMatch(/^unknown: .*CRL of another issuer/);
    expect(asked).toEqual([]);
  });

  it('the alternatives of one distribution point are tried in order (H4)', async () => {
    const several = await chainWithPoints([
      new DistributionPoint({ distributionPoint: pointName(['http://one.example.com/', 'http://two.example.com/']) }),
    ]);
    expect(told(await check(several, { 'http://two': crl(several) }))).toBe('good');
    expect(told(await check(several, { 'http://one': Buffer.from('x'), 'http://two': crl(several) }))).toBe('good');
  });

  it('of all its distribution points together four addresses are asked (H7)', async () => {
    const addresses = (point: number) => [1, 2, 3].map((i) => `http://crl${i}.example.com/${point}`);
    const points = [1, 2, 3].map((point) => new DistributionPoint({ distributionPoint: pointName(addresses(point)) }));
    const { fetch, asked } = network({});
    expect(told(await check(await chainWithPoints(points), {}, { fetch }))).toMatch(/^unknown/);
    expect(asked.map(({ url }) => url)).toEqual([...addresses(1), ...addresses(2).slice(0, 1)]);
  });

  it('of several distribution points one that covers every reason is enough; a revoking one counts (H4)', async () => {
    const [one, two] = ['http://one.example.com/', 'http://two.example.com/'];
    const several = await createRevocableChain({ crl: [one, two] });
    const listed = crl(several, { entries: [entry(several)] });
    expect(told(await check(several, { [one]: crl(several) }))).toBe('good');
    expect(told(await check(several, { [two]: crl(several) }))).toBe('good');
    expect(told(await check(several, { [two]: listed }))).toBe('revoked');
    expect(told(await check(several, {}))).toMatch(/^unknown: .*one\.example\.com.*two\.example\.com/);
  });

  describe('reasons spread over distribution points', () => {
    const [one, two] = ['http://one.example.com/', 'http://two.example.com/'];
    const some = ReasonFlags.keyCompromise | ReasonFlags.cACompromise;
    const rest = 0b1_1111_1110 & ~some;
    const spread = chainWithPoints([
      new DistributionPoint({ distributionPoint: pointName([one]), reasons: new Reason(some) }),
      new DistributionPoint({ distributionPoint: pointName([two]), reasons: new Reason(rest) }),
    ]);
    const crlFor = (of: Chain, flags: number, entries: CrlOptions['entries'] = []) =>
      crl(of, { scope: { onlySomeReasons: new Reason(flags) }, entries });
    it('all of them good: good (H4)', async () => {
      const made = await spread;
      expect(told(await check(made, { [one]: crlFor(made, some), [two]: crlFor(made, rest) }))).toBe('good');
    });
    it('one of them missing: unknown (H4)', async () => {
      const made = await spread;
      expect(told(await check(made, { [one]: crlFor(made, some) }))).toMatch(/^unknown/);
      expect(told(await check(made, { [two]: crlFor(made, rest) }))).toMatch(/^unknown/);
    });
    it('one of them revoking: revoked (H4)', async () => {
      const made = await spread;
      const listed = crlFor(made, rest, [entry(made, { reason: 4 })]);
      expect(told(await check(made, { [two]: listed }))).toBe('revoked');
    });
    it('a CRL that covers less than its point: unknown (H4)', async () => {
      const made = await spread;
      const less = crlFor(made, ReasonFlags.keyCompromise);
      expect(told(await check(made, { [one]: less, [two]: crlFor(made, rest) }))).toMatch(/do not cover every reason/);
    });
  });
});

describe('entries of a CRL (notary.md H4)', () => {
  it.each([
    ['unspecified', 0],
    ['keyCompromise', 1],
    ['cACompromise', 2],
    ['affiliationChanged', 3],
    ['superseded', 4],
    ['cessationOfOperation', 5],
    ['certificateHold', 6],
    ['privilegeWithdrawn', 9],
    ['aACompromise', 10],
    ['no reason is given', undefined],
  ])('the reason %s revokes, and is told (H4)', async (name, reason) => {
    const facts = reason === undefined ? {} : { reason };
    const result = await check(chain, { [CRL_URL]: crl(chain, { entries: [entry(chain, facts)] }) });
    expect(result.status).toBe('revoked');
    expect(result.reason).toContain(name);
    expect(result.reason).toMatch(/at 2026-06-10T08:00:00Z .*, says the CRL of crl\.example\.com$/);
    expect('validUntil' in result).toBe(name === 'certificateHold');
  });

  it('of two entries the one that is for ever counts; a hold beside its end is unknown (H4)', async () => {
    const [hold, final, removed] = [6, 4, 8].map((reason) => entry(chain, { reason }));
    if (hold === undefined || final === undefined || removed === undefined) throw new Error('no entries');
    const both = await check(chain, { [CRL_URL]: crl(chain, { entries: [hold, final] }) });
    expect([both.status, 'validUntil' in both]).toEqual(['revoked', false]);
    expect(both.reason).toContain('superseded');
    expect(told(await check(chain, { [CRL_URL]: crl(chain, { entries: [hold, removed] }) }))).toMatch(
      /takes it off again/,
    );
  });

  it('a CRL with a revocationDate by GeneralizedTime is read (H4)', async () => {
    const listed = crl(chain, {
      entries: [entry(chain)],
      changeBody: (body) => {
        for (const each of body.revokedCertificates ?? []) each.revocationDate = new Time({ generalTime: REVOKED_AT });
      },
    });
    expect(told(await check(chain, { [CRL_URL]: listed }))).toBe('revoked');
  });

  it('is asked for by GET, in 5 s and 32 MiB (H4)', async () => {
    const { fetch, asked } = network({ [CRL_URL]: crl(chain) });
    await check(chain, {}, { fetch });
    expect(asked[0]).toMatchObject({ url: CRL_URL, method: 'GET', timeoutMs: 5_000, maxBytes: 32 * 1024 * 1024 });
  });

  it.each(['https://crl.example.com/ca.crl', 'ftp://crl.example.com/ca.crl', 'http://a:b@crl.example.com/ca.crl'])(
    'not at all by %s (H4)',
    async (url) => {
      const { fetch, asked } = network({});
      expect(told(await check(await createRevocableChain({ crl: [url] }), {}, { fetch }))).toMatch(
        /at no http address/,
      );
      expect(asked).toEqual([]);
    },
  );
});

describe('delta CRLs (notary.md H4; RFC 5280 §5.2.4)', () => {
  const withDelta = (options: Partial<CrlOptions> = {}) => crl(chain, { freshest: [DELTA_URL], ...options });
  const delta = (options: Partial<CrlOptions> = {}) => crl(chain, { number: 12, baseNumber: 9, ...options });
  const hold = [entry(chain, { reason: 6 })];
  const final = [entry(chain, { reason: 1 })];
  const removed = [entry(chain, { reason: 8 })];

  it.each<readonly [string, Buffer, Buffer | FetchError, string]>([
    ['neither lists it: good (H4)', withDelta(), delta(), 'good'],
    ['the delta lists it: revoked (H4)', withDelta(), delta({ entries: final }), 'revoked'],
    ['the delta puts it on hold: revoked (H4)', withDelta(), delta({ entries: hold }), 'revoked'],
    ['the base has it on hold, the delta says nothing: revoked (H4)', withDelta({ entries: hold }), delta(), 'revoked'],
    ['removeFromCRL ends a hold: good (H4)', withDelta({ entries: hold }), delta({ entries: removed }), 'good'],
    [
      'removeFromCRL does not end what is for ever: revoked (H4)',
      withDelta({ entries: final }),
      delta({ entries: removed }),
      'revoked',
    ],
    ['the delta is as old as the base: good (H4)', withDelta(), delta({ number: 10 }), 'good'],
    [
      'the base has overtaken the delta: what it says counts (H4)',
      withDelta({ entries: hold }),
      delta({ number: 9, entries: removed }),
      'revoked',
    ],
    ['the delta builds on exactly this base: good (H4)', withDelta(), delta({ baseNumber: 10 }), 'good'],
    ['the delta builds on a later base: unknown (H4)', withDelta(), delta({ baseNumber: 11 }), 'unknown'],
    ['the base has no number: unknown (H4)', withDeltaWithoutNumber(), delta(), 'unknown'],
    ['the delta has no number: unknown (H4)', withDelta(), deltaWithoutNumber(), 'unknown'],
    ['the delta is none: unknown (H4)', withDelta(), crl(chain, { number: 12 }), 'unknown'],
    ['the delta is stale: unknown (H4)', withDelta(), delta({ nextUpdate: NOW }), 'unknown'],
    ['the delta is badly signed: unknown (H4)', withDelta(), delta({ signer: other.key }), 'unknown'],
    [
      'the delta has another scope: unknown (H4)',
      withDelta(),
      delta({ scope: { onlyContainsUserCerts: true } }),
      'unknown',
    ],
    [
      'the delta has the same scope: good (H4)',
      withDelta({ scope: { onlyContainsUserCerts: true } }),
      delta({ scope: { onlyContainsUserCerts: true } }),
      'good',
    ],
    ['the delta is not there: unknown (H4)', withDelta(), new FetchError('Unreachable', 'gone'), 'unknown'],
    [
      'the delta is not there, the base has it on hold: unknown, since the hold may have ended (H4)',
      withDelta({ entries: hold }),
      new FetchError('Unreachable', 'gone'),
      'unknown',
    ],
    [
      'the delta is not there, the base has it for ever: revoked (H4)',
      withDelta({ entries: final }),
      new FetchError('Unreachable', 'gone'),
      'revoked',
    ],
    [
      'the delta has a critical entry extension that is not understood: unknown (H4)',
      withDelta(),
      delta({ entries: [{ ...entry(other), extensions: [critical] }] }),
      'unknown',
    ],
  ])('%s', async (_name, base, deltaAnswer, expected) => {
    expect((await check(chain, { [CRL_URL]: base, [DELTA_URL]: deltaAnswer })).status).toBe(expected);
  });

  it("are found by the certificate's own freshestCRL too (H4)", async () => {
    const named = await createRevocableChain({ crl: [CRL_URL], freshestCrl: [DELTA_URL] });
    const answers = (entries: CrlOptions['entries']) => ({
      [CRL_URL]: crl(named),
      [DELTA_URL]: crl(named, { number: 12, baseNumber: 9, ...(entries === undefined ? {} : { entries }) }),
    });
    expect(told(await check(named, answers([])))).toBe('good');
    expect(told(await check(named, answers([entry(named)])))).toBe('revoked');
    expect(told(await check(named, { [CRL_URL]: crl(named) }))).toMatch(/^unknown: .*delta CRL: .*nobody answers/);
  });

  it('the first of several that fits is taken (H4)', async () => {
    const second = 'http://delta.example.com/';
    const base = withDelta({ freshest: [DELTA_URL, second] });
    expect(told(await check(chain, { [CRL_URL]: base, [second]: delta() }))).toBe('good');
  });

  it('a kept base that a new delta has left behind is asked for again (H4, H6)', async () => {
    let round = 1;
    const { fetch, asked } = network({
      [CRL_URL]: () => (round === 1 ? withDelta() : withDelta({ number: 20, entries: final })),
      [DELTA_URL]: () =>
        round === 1 ? delta({ nextUpdate: new Date(NOW.getTime() + 60_000) }) : delta({ number: 20, baseNumber: 20 }),
    });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    const ask = (now: Date) =>
      checker({ certificates: chain.certificates }, { now, signal: AbortSignal.timeout(10_000) });
    expect(told(await ask(NOW))).toBe('good');
    round = 2;
    expect(told(await ask(new Date(NOW.getTime() + 61_000)))).toBe('revoked');
    expect(asked.map(({ url }) => url)).toEqual([CRL_URL, DELTA_URL, DELTA_URL, CRL_URL]);
  });

  it('invalidityDate of the newer entry is what counts (H4, H5)', async () => {
    const authenticSigningTime = new Date('2026-06-05T00:00:00Z');
    const later = [entry(chain, { reason: 1, invalidityDate: new Date('2026-06-06T00:00:00Z') })];
    const earlier = [entry(chain, { reason: 1, invalidityDate: new Date('2026-06-04T00:00:00Z') })];
    const ask = (base: CrlOptions['entries'], newer: CrlOptions['entries']) =>
      check(
        chain,
        {
          [CRL_URL]: withDelta(base === undefined ? {} : { entries: base }),
          [DELTA_URL]: delta(newer === undefined ? {} : { entries: newer }),
        },
        { authenticSigningTime },
      );
    expect((await ask(later, earlier)).status).toBe('revoked');
    expect((await ask(earlier, later)).status).toBe('good');
  });

  it('a bug in what is asked for them is no answer: it rejects (H4)', async () => {
    const broken = () => {
      throw new TypeError('a bug');
    };
    await expect(check(chain, { [CRL_URL]: withDelta(), [DELTA_URL]: broken })).rejects.toThrow(TypeError);
  });

  it('are told as what revokes (H4)', async () => {
    const result = await check(chain, { [CRL_URL]: withDelta(), [DELTA_URL]: delta({ entries: final }) });
    expect(result.reason).toMatch(/, says the CRL of crl\.example\.com and its delta CRL$/);
  });

  it('stand as long as the one that runs out first (H6)', async () => {
    const soon = new Date(NOW.getTime() + 60_000);
    const result = await check(chain, { [CRL_URL]: withDelta(), [DELTA_URL]: delta({ nextUpdate: soon }) });
    expect(result).toMatchObject({ status: 'good', validUntil: soon });
  });

  function withDeltaWithoutNumber(): Buffer {
    return encodeCrl({ issuer: root, ...CURRENT, freshest: [DELTA_URL] });
  }
  function deltaWithoutNumber(): Buffer {
    return encodeCrl({ issuer: root, ...CURRENT, baseNumber: 9 });
  }
});

/** A chain whose leaf names distribution points as they are given. */
function chainWithPoints(points: DistributionPoint[]): Promise<Chain> {
  const value = AsnConvert.serialize(new CRLDistributionPoints(points));
  return createChain({
    length: 2,
    ...VALIDITY,
    leafExtensions: [...leafExtensions(), new x509.Extension('2.5.29.31', false, value)],
  });
}
