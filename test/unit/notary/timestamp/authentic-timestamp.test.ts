import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type ChainRevocationChecker,
  createChainRevocationChecker,
  createTimestampVerifier,
  type Fetch,
  FetchError,
  type SignatureOutcome,
  type VerifySignatureInput,
} from '../../../../src/notary/index.ts';
import { createTsaChain, type TimestampOptions, tsaExtensions } from '../../../support/forge-timestamp.ts';
import { revocationExtensions } from '../../../support/pki.ts';
import { stampJws } from '../../../support/stamp-envelope.ts';
import { good, TSA_VALIDITY, tokenOf, tsa } from '../../../support/timestamp-fixture.ts';
import { chain, DAY_MS, decided, envelopeOf, NOW, statementOf, storesOf, VALIDITY, verify } from '../harness.ts';

const later = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);
/** After the signer's certificate has expired. */
const EXPIRED = later(31);

/** A real envelope with a real token over its signature. */
const stamped = (changes: Partial<TimestampOptions> = {}, bytes = envelopeOf()): Buffer =>
  stampJws(bytes, (signature) =>
    tokenOf({ imprint: { hash: 'sha256', digest: createHash('sha256').update(signature).digest() }, ...changes }),
  );

interface Under {
  readonly now?: Date;
  readonly verifyTimestamp?: string;
  readonly override?: Record<string, string>;
  readonly trustStores?: string[];
  /** tsa stores in force, by name. */
  readonly tsaStores?: Readonly<Record<string, VerifySignatureInput['findTrustStore']>>;
  readonly checkChainRevocation?: ChainRevocationChecker;
}

function verifyUnder(bytes: Buffer, under: Under = {}): Promise<SignatureOutcome> {
  const { now = EXPIRED, verifyTimestamp, override, checkChainRevocation = good } = under;
  const tsaStores = under.tsaStores ?? { clock: storesOf(tsa, 'tsa:clock') };
  return verify(bytes, {
    now,
    statement: statementOf({
      trustStores: under.trustStores ?? ['ca:acme', 'tsa:clock'],
      ...(verifyTimestamp === undefined ? {} : { verifyTimestamp }),
      ...(override === undefined ? {} : { override }),
    }),
    findTrustStore: (type, name) =>
      type === 'tsa' ? tsaStores[name]?.(type, name) : storesOf(chain, 'ca:acme')(type, name),
    verifyTimestamp: createTimestampVerifier({ checkChainRevocation }),
  });
}

const good31: ChainRevocationChecker = async () => ({ status: 'good', reason: 'x', validUntil: later(40) });
const unknown: ChainRevocationChecker = async () => ({ status: 'unknown', reason: 'the responder is down' });
const revoked: ChainRevocationChecker = async () => ({
  status: 'revoked',
  kind: 'certificate',
  revoked: ['CN=x'],
  reason: 'CN=x was revoked',
});

describe('a signature with a real timestamp (I, F8)', () => {
  it.each<readonly [string, Under, string]>([
    ['passes after its certificate expired', {}, 'Trusted'],
    ['passes then with always (F8)', { verifyTimestamp: 'always' }, 'Trusted'],
    ['passes then with afterCertExpiry (F8)', { verifyTimestamp: 'afterCertExpiry' }, 'Trusted'],
    ['passes after the authority expired too', { now: new Date('2040-01-01T00:00:00Z') }, 'Trusted'],
    ['passes before, with always (F8)', { now: NOW, verifyTimestamp: 'always' }, 'Trusted'],
    [
      'is expired where the policy names no tsa store (F8)',
      { trustStores: ['ca:acme'] },
      'authenticTimestamp failed CertificateExpired',
    ],
    [
      'is refused before expiry where its authority is revoked, with always (F8)',
      { now: NOW, verifyTimestamp: 'always', checkChainRevocation: revoked },
      'authenticTimestamp failed TimestampFailed',
    ],
    [
      'needs no timestamp before expiry with afterCertExpiry, even a bad one (F8)',
      { now: NOW, verifyTimestamp: 'afterCertExpiry', checkChainRevocation: revoked },
      'Trusted',
    ],
    [
      'is unknown where that of its authority is',
      { checkChainRevocation: unknown },
      'authenticTimestamp unknown RevocationUndetermined',
    ],
    [
      'passes where that is unknown, and the policy logs',
      { checkChainRevocation: unknown, override: { authenticTimestamp: 'log' } },
      'Trusted',
    ],
  ])('%s', async (_name, under, expected) => {
    const outcome = await verifyUnder(stamped(), under);
    expect(decided(outcome)).toBe(expected);
  });

  it('tells an undetermined revocation of the authority as Unknown, never as Untrusted (I, H1)', async () => {
    const outcome = await verifyUnder(stamped(), { checkChainRevocation: unknown });
    expect(outcome.verdict).toBe('Unknown');
    expect(outcome.decisive?.reason).toContain('the responder is down');
  });

  it('tells a revoked authority as Untrusted: the image’s own signer is not revoked (I)', async () => {
    const outcome = await verifyUnder(stamped(), { checkChainRevocation: revoked });
    expect(outcome.verdict).toBe('Untrusted');
    expect(outcome.decisive?.reason).toBe('the time stamping authority is revoked: CN=x was revoked (notary.md I)');
  });

  it('is of this signature: another one’s timestamp does not save it (I)', async () => {
    const foreign = stampJws(envelopeOf(), () => tokenOf());
    expect(decided(await verifyUnder(foreign))).toBe('authenticTimestamp failed TimestampFailed');
  });
});

describe('by the real check of revocation, an authority that names a responder (I, H1, H7)', () => {
  const named = createTsaChain({
    ...TSA_VALIDITY,
    leafExtensions: [...tsaExtensions(), ...revocationExtensions({ ocsp: ['http://ocsp.clock.example/'] })],
  });
  const asked: string[] = [];
  const fetch: Fetch = async ({ url }) => {
    asked.push(url);
    throw new FetchError('Unreachable', 'ocsp.clock.example cannot be reached');
  };
  const checkChainRevocation = createChainRevocationChecker({ fetch, refreshMs: 60_000 });

  it('is Unknown while that is down', async () => {
    const made = await named;
    asked.length = 0;
    const outcome = await verifyUnder(stamped({ tsa: made }), {
      tsaStores: { clock: storesOf(made, 'tsa:clock') },
      checkChainRevocation,
    });
    expect([outcome.verdict, decided(outcome)]).toEqual([
      'Unknown',
      'authenticTimestamp unknown RevocationUndetermined',
    ]);
    expect(new Set(asked.map((url) => new URL(url).host))).toEqual(new Set(['ocsp.clock.example']));
  });

  it('is not asked where its root is not trusted', async () => {
    asked.length = 0;
    const outcome = await verifyUnder(stamped({ tsa: await named }), { checkChainRevocation });
    expect(decided(outcome)).toBe('authenticTimestamp failed TimestampFailed');
    expect(asked).toEqual([]);
  });
});

describe('the range of a real timestamp lies inside of every certificate’s validity (D, I)', () => {
  const { notBefore, notAfter } = VALIDITY;
  const off = (time: Date, ms: number): Date => new Date(time.getTime() + ms);
  it.each<readonly [string, Partial<TimestampOptions>, string]>([
    ['at the first moment', { genTime: notBefore }, 'Trusted'],
    ['at the last moment', { genTime: notAfter }, 'Trusted'],
    ['before the first moment', { genTime: off(notBefore, -1) }, 'authenticTimestamp failed TimestampFailed'],
    ['after the last moment', { genTime: off(notAfter, 1) }, 'authenticTimestamp failed TimestampFailed'],
    [
      'at the last moment, by a clock that may be late',
      { genTime: notAfter, accuracy: { micros: 1 } },
      'authenticTimestamp failed TimestampFailed',
    ],
    [
      'at the first moment, by a clock that may be early',
      { genTime: notBefore, accuracy: { millis: 1 } },
      'authenticTimestamp failed TimestampFailed',
    ],
    [
      'after the last moment, by less than a millisecond',
      { genTime: '20260715120000.0001Z' },
      'authenticTimestamp failed TimestampFailed',
    ],
  ])('%s', async (_name, changes, expected) => {
    expect(decided(await verifyUnder(stamped(changes)))).toBe(expected);
  });

  it('fails outside of it, whether or not the authority’s revocation is known', async () => {
    const outcome = await verifyUnder(stamped({ genTime: off(notAfter, 1) }), { checkChainRevocation: unknown });
    expect(decided(outcome)).toBe('authenticTimestamp failed TimestampFailed');
    expect(outcome.decisive?.reason).toContain('was not valid when the signature was timestamped');
  });
});

describe('where a tsa store of the policy is not in force (I, F3)', () => {
  const trustStores = ['ca:acme', 'tsa:clock', 'tsa:missing'];
  it('a timestamp of another store passes', async () => {
    expect(decided(await verifyUnder(stamped(), { trustStores }))).toBe('Trusted');
  });

  it('one of no store is unknown: its root may be in the missing one', async () => {
    const other = await createTsaChain({ ...TSA_VALIDITY, caName: 'Other' });
    expect(decided(await verifyUnder(stamped({ tsa: other }), { trustStores }))).toBe(
      'authenticTimestamp unknown TrustStoreUnavailable',
    );
    expect(decided(await verifyUnder(stamped({ tsa: other })))).toBe('authenticTimestamp failed TimestampFailed');
  });

  it('one of somebody who is no time stamping authority is failed: no root could mend that (E7)', async () => {
    const made = await createTsaChain({ ...TSA_VALIDITY, leafExtensions: tsaExtensions().slice(0, 1) });
    const outcome = await verifyUnder(stamped({ tsa: made }), { trustStores });
    expect(decided(outcome)).toBe('authenticTimestamp failed TimestampFailed');
    expect(outcome.decisive?.reason).toContain('(notary.md E7)');
  });

  it('one that no root could mend is failed', async () => {
    const foreign = stampJws(envelopeOf(), () => tokenOf());
    expect(decided(await verifyUnder(foreign, { trustStores }))).toBe('authenticTimestamp failed TimestampFailed');
  });
});

describe('the next moment to look again (I, H6)', () => {
  it('is when the revocation data of the authority runs out', async () => {
    const outcome = await verifyUnder(stamped(), { checkChainRevocation: good31 });
    expect(outcome.changesAt).toEqual(later(40));
  });

  it('is none once everything has expired and nothing runs out', async () => {
    expect((await verifyUnder(stamped(), { now: new Date('2040-01-01T00:00:00Z') })).changesAt).toBeUndefined();
  });

  it('is the end of the certificate while it lasts, with afterCertExpiry: the timestamp is needed from then (F8)', async () => {
    const outcome = await verifyUnder(stamped(), { now: NOW, verifyTimestamp: 'afterCertExpiry' });
    expect(outcome.changesAt).toEqual(new Date(VALIDITY.notAfter.getTime() + 1));
  });

  it('is when a time that is ahead comes near, and then it passes', async () => {
    const genTime = new Date(NOW.getTime() + DAY_MS);
    const bytes = stamped({ genTime });
    const { verdict, changesAt } = await verifyUnder(bytes, { now: NOW });
    expect([verdict, changesAt]).toEqual(['Untrusted', new Date(genTime.getTime() - 5 * 60_000)]);
    expect((await verifyUnder(bytes, { now: changesAt ?? NOW })).verdict).toBe('Trusted');
  });
});
