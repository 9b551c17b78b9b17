import { describe, expect, it, vi } from 'vitest';
import {
  type CheckResult,
  MEDIA_TYPE_COSE,
  type RevocationResult,
  type TimestampResult,
  type VerificationPlugin,
  type VerifySignatureInput,
} from '../../../src/notary/index.ts';
import { type ForgeOptions, SUBJECT } from '../../support/forge-jws.ts';
import { createChain, leafExtensions, revocationExtensions } from '../../support/pki.ts';
import { chain, DAY_MS, decided, envelopeOf, NOW, statementOf, storesOf, VALIDITY, verify } from './harness.ts';

const N = 'io.cncf.notary';
const EXPIRED = '2026-06-15T12:00:00Z';

/** Same names, other keys. */
const stranger = await createChain(VALIDITY);

type Header = Record<string, unknown>;
type Changes = Partial<VerifySignatureInput>;

const expiring =
  (at: string) =>
  (header: Header): Header => ({ ...header, [`${N}.expiry`]: at, crit: [`${N}.signingScheme`, `${N}.expiry`] });
const authority =
  (at: string, extra: Header = {}, critical: string[] = []) =>
  ({ [`${N}.signingTime`]: _, ...header }: Header): Header => ({
    ...header,
    ...extra,
    [`${N}.signingScheme`]: 'notary.x509.signingAuthority',
    [`${N}.authenticSigningTime`]: at,
    crit: [`${N}.signingScheme`, `${N}.authenticSigningTime`, ...critical],
  });
const authorityStores: Changes = {
  statement: statementOf({ trustStores: ['signingAuthority:acme'] }),
  findTrustStore: storesOf(chain, 'signingAuthority:acme'),
};
const later = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);

const good: RevocationResult = { status: 'good', reason: 'nothing revoked' };
const revoked: RevocationResult = {
  status: 'revoked',
  reason: 'job revoked',
  kind: 'signingJob',
  revoked: ['arn:job'],
};
const unknown: RevocationResult = { status: 'unknown', reason: 'endpoint down' };
const revocation = (result: RevocationResult): Changes => ({ checkRevocation: async () => result });

function resultsOf(checks: readonly CheckResult[]): Record<string, string> {
  return Object.fromEntries(checks.map((check) => [check.type, `${check.action} ${check.result}`]));
}

describe('the algorithm (notary.md G)', () => {
  it('runs every check in order and passes', async () => {
    const outcome = await verify(envelopeOf());
    expect(outcome.verdict).toBe('Trusted');
    expect(Object.entries(resultsOf(outcome.checks))).toEqual([
      ['integrity', 'enforce passed'],
      ['authenticity', 'enforce passed'],
      ['expiry', 'enforce passed'],
      ['authenticTimestamp', 'enforce passed'],
      ['revocation', 'enforce passed'],
      ['descriptor', 'enforce passed'],
      ['userMetadata', 'enforce passed'],
    ]);
  });

  /** Each differs from the control above in one thing, and ends at the one check that must see it. */
  it.each<readonly [string, Partial<ForgeOptions>, Changes, string, string]>([
    [
      'a signature that is not over these bytes',
      { signature: (s) => Buffer.alloc(s.length, 1) },
      {},
      'integrity failed IntegrityFailed',
      'Untrusted',
    ],
    [
      'a chain of another root',
      {},
      { findTrustStore: storesOf(stranger) },
      'authenticity failed NotFromTrustStore',
      'Untrusted',
    ],
    [
      'a signer that is not named',
      {},
      { statement: statementOf({ trustedIdentities: ['x509.subject:C=US,ST=WA,O=Other'] }) },
      'authenticity failed NotATrustedIdentity',
      'Untrusted',
    ],
    ['an expiry that is now', { protected: expiring(EXPIRED) }, {}, 'expiry failed SignatureExpired', 'Expired'],
    ['an expired certificate', {}, { now: later(31) }, 'authenticTimestamp failed CertificateExpired', 'Expired'],
    [
      'a certificate that is not valid yet',
      {},
      { now: later(-31) },
      'authenticTimestamp failed TimestampFailed',
      'Untrusted',
    ],
    ['a revoked signing job', {}, revocation(revoked), 'revocation failed SigningJobRevoked', 'Revoked'],
    [
      'a revoked profile',
      {},
      revocation({ ...revoked, kind: 'signingProfile' } as RevocationResult),
      'revocation failed SigningProfileRevoked',
      'Revoked',
    ],
    [
      'a revoked certificate',
      {},
      revocation({ ...revoked, kind: 'certificate' } as RevocationResult),
      'revocation failed CertificateRevoked',
      'Revoked',
    ],
    ['an unknown revocation', {}, revocation(unknown), 'revocation unknown RevocationUndetermined', 'Unknown'],
    [
      'another digest',
      {},
      { subject: { ...SUBJECT, digest: `sha256:${'0'.repeat(64)}` } },
      'descriptor failed OtherSubject',
      'Untrusted',
    ],
    [
      'another size',
      {},
      { subject: { ...SUBJECT, size: SUBJECT.size + 1 } },
      'descriptor failed OtherSubject',
      'Untrusted',
    ],
    [
      'another media type',
      {},
      { subject: { ...SUBJECT, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' } },
      'descriptor failed OtherSubject',
      'Untrusted',
    ],
    [
      'missing metadata',
      {},
      { requiredMetadata: { build: '7' } },
      'userMetadata failed UserMetadataMismatch',
      'Untrusted',
    ],
    [
      'metadata of another value',
      { payload: JSON.stringify({ targetArtifact: { ...SUBJECT, annotations: { build: '8' } } }) },
      { requiredMetadata: { build: '7' } },
      'userMetadata failed UserMetadataMismatch',
      'Untrusted',
    ],
    [
      'metadata named like a method',
      {},
      { requiredMetadata: { toString: 'x' } },
      'userMetadata failed UserMetadataMismatch',
      'Untrusted',
    ],
  ])('ends at %s', async (_name, envelope, changes, check, verdict) => {
    const outcome = await verify(envelopeOf(envelope), changes);
    expect(decided(outcome)).toBe(check);
    expect(outcome.verdict).toBe(verdict);
    expect(outcome.checks.at(-1)).toBe(outcome.decisive);
    expect(outcome.checks.slice(0, -1).map(({ result }) => result)).not.toContain('failed');
  });

  it('passes required metadata that is signed', async () => {
    const payload = JSON.stringify({ targetArtifact: { ...SUBJECT, annotations: { build: '7', other: 'x' } } });
    expect(decided(await verify(envelopeOf({ payload }), { requiredMetadata: { build: '7' } }))).toBe('Trusted');
  });

  it('tells a malformed envelope as an outcome and never throws (A8)', async () => {
    const outcome = await verify(Buffer.from('{'));
    expect(decided(outcome)).toBe('integrity failed SignatureMalformed');
    expect(outcome.envelope).toBeUndefined();
  });

  it('tells a malformed COSE envelope as an outcome too (A8, C1)', async () => {
    const outcome = await verify(Buffer.from('d284', 'hex'), { mediaType: MEDIA_TYPE_COSE });
    expect(decided(outcome)).toBe('integrity failed SignatureMalformed');
    expect(outcome.verdict).toBe('Untrusted');
  });

  it('a media type that is no envelope fails, so that junk cannot hide a revocation behind Unknown (A8)', async () => {
    const outcome = await verify(envelopeOf(), { mediaType: 'application/octet-stream' });
    expect(decided(outcome)).toBe('integrity failed SignatureMalformed');
  });
});

describe('levels (notary.md F7)', () => {
  const everythingWrong: Changes = {
    now: later(31),
    findTrustStore: storesOf(stranger),
    ...revocation(revoked),
  };
  const wrong = envelopeOf({ protected: expiring('2026-07-01T00:00:00Z') });

  it('audit logs what strict refuses, and goes on', async () => {
    const outcome = await verify(wrong, { ...everythingWrong, statement: statementOf({ level: 'audit' }) });
    expect(outcome.verdict).toBe('Trusted');
    expect(resultsOf(outcome.checks)).toEqual({
      integrity: 'enforce passed',
      authenticity: 'log failed',
      expiry: 'log failed',
      authenticTimestamp: 'log failed',
      revocation: 'log failed',
      descriptor: 'enforce passed',
      userMetadata: 'enforce passed',
    });
    expect(decided(await verify(wrong, everythingWrong))).toBe('authenticity failed NotFromTrustStore');
  });

  it('permissive enforces authenticity, and logs time and revocation', async () => {
    const statement = statementOf({ level: 'permissive' });
    expect(decided(await verify(wrong, { ...everythingWrong, statement }))).toBe(
      'authenticity failed NotFromTrustStore',
    );
    const outcome = await verify(wrong, { now: later(31), ...revocation(revoked), statement });
    expect(outcome.verdict).toBe('Trusted');
    expect(resultsOf(outcome.checks)).toMatchObject({
      expiry: 'log failed',
      authenticTimestamp: 'log failed',
      revocation: 'log failed',
    });
  });

  it('integrity, descriptor and metadata are fatal at every level', async () => {
    const statement = statementOf({ level: 'audit' });
    const forged = envelopeOf({ signature: (s) => Buffer.alloc(s.length, 1) });
    expect(decided(await verify(forged, { statement }))).toBe('integrity failed IntegrityFailed');
    expect(decided(await verify(envelopeOf(), { statement, subject: { ...SUBJECT, size: 1 } }))).toBe(
      'descriptor failed OtherSubject',
    );
    expect(decided(await verify(envelopeOf(), { statement, requiredMetadata: { a: 'b' } }))).toBe(
      'userMetadata failed UserMetadataMismatch',
    );
  });

  it('an override enforces, logs or skips one check', async () => {
    const wrongTime = { now: later(31) };
    const logged = statementOf({ override: { authenticTimestamp: 'log', expiry: 'log' } });
    expect(decided(await verify(wrong, { ...wrongTime, statement: logged }))).toBe('Trusted');
    const enforced = statementOf({ level: 'audit', override: { expiry: 'enforce' } });
    expect(decided(await verify(wrong, { ...wrongTime, statement: enforced }))).toBe('expiry failed SignatureExpired');
  });

  it('a skipped revocation check asks nobody', async () => {
    const checkRevocation = vi.fn(async () => revoked);
    const statement = statementOf({ override: { revocation: 'skip' } });
    const outcome = await verify(envelopeOf(), { statement, checkRevocation });
    expect(outcome.verdict).toBe('Trusted');
    expect(resultsOf(outcome.checks)['revocation']).toBe('skip skipped');
    expect(checkRevocation).not.toHaveBeenCalled();
  });
});

describe('authenticity (notary.md D, E6, F5)', () => {
  it('any certificate of the chain may be the anchor', async () => {
    for (const certificate of chain.certificates) {
      const findTrustStore = () => ({ type: 'ca' as const, name: 'acme', certificates: [certificate] });
      expect(decided(await verify(envelopeOf(), { findTrustStore }))).toBe('Trusted');
    }
  });

  it('a root of the same name and another key is no anchor', async () => {
    expect(stranger.certificates.at(-1)?.subject).toBe(chain.certificates.at(-1)?.subject);
    expect(decided(await verify(envelopeOf(), { findTrustStore: storesOf(stranger) }))).toBe(
      'authenticity failed NotFromTrustStore',
    );
  });

  it.each([
    ['ca: stores are not for signingAuthority', { protected: authority('2026-06-15T11:00:00Z') }, 'ca:acme'],
    ['signingAuthority: stores are not for notary.x509', {}, 'signingAuthority:acme'],
    ['tsa: stores are for neither', {}, 'tsa:acme'],
  ])('%s', async (_name, envelope, store) => {
    const outcome = await verify(envelopeOf(envelope), {
      statement: statementOf({ trustStores: [store] }),
      findTrustStore: storesOf(chain, 'ca:acme', 'signingAuthority:acme', 'tsa:acme'),
    });
    expect(decided(outcome)).toBe('authenticity failed NotFromTrustStore');
    expect(outcome.decisive?.reason).toMatch(/which the scheme .* needs/);
  });

  it('a store that the statement does not name is not looked at', async () => {
    const outcome = await verify(envelopeOf(), {
      statement: statementOf({ trustStores: ['ca:other'] }),
      findTrustStore: storesOf(chain, 'ca:acme'),
    });
    expect(decided(outcome)).toBe('authenticity unknown TrustStoreUnavailable');
    expect(outcome.verdict).toBe('Unknown');
  });

  it('a missing store is Unknown, unless another one has the anchor', async () => {
    const statement = statementOf({ trustStores: ['ca:missing', 'ca:acme'] });
    expect(decided(await verify(envelopeOf(), { statement }))).toBe('Trusted');
    const other = storesOf(stranger);
    expect(decided(await verify(envelopeOf(), { statement, findTrustStore: other }))).toBe(
      'authenticity unknown TrustStoreUnavailable',
    );
  });

  it('nobody is asked about the revocation of a chain that was not found trusted (H7)', async () => {
    const checkRevocation = vi.fn(async () => good);
    const revocable = await createChain({
      ...VALIDITY,
      leafExtensions: [...leafExtensions(), ...revocationExtensions({ crl: ['http://crl.example/ca.crl'] })],
    });
    const envelope = envelopeOf({ key: revocable.key, certificates: revocable.certificates });
    const statement = statementOf({ level: 'audit' });
    const outcome = await verify(envelope, { statement, findTrustStore: storesOf(stranger), checkRevocation });
    expect(outcome.checks.find(({ type }) => type === 'revocation')).toMatchObject({
      action: 'log',
      result: 'unknown',
    });
    expect(checkRevocation).not.toHaveBeenCalled();
    await verify(envelope, { findTrustStore: storesOf(revocable), checkRevocation });
    expect(checkRevocation).toHaveBeenCalledOnce();
  });

  it('a chain that names no address is not revocable, whether it is trusted or not (H1)', async () => {
    const outcome = await verify(envelopeOf(), {
      statement: statementOf({ override: { authenticity: 'log' } }),
      findTrustStore: storesOf(stranger),
    });
    expect(outcome).toMatchObject({ verdict: 'Trusted' });
    expect(outcome.checks.find(({ type }) => type === 'revocation')).toMatchObject({ result: 'passed' });
  });
});

describe('expiry (notary.md D)', () => {
  it.each([
    ['2026-06-15T12:00:01Z', 'Trusted'],
    ['2026-06-15T12:00:00Z', 'expiry failed SignatureExpired'],
    ['2026-06-15T11:59:59Z', 'expiry failed SignatureExpired'],
    ['2026-06-15T14:00:00+02:00', 'expiry failed SignatureExpired'],
  ])('at 12:00:00Z an expiry of %s is %s', async (at, expected) => {
    expect(decided(await verify(envelopeOf({ protected: expiring(at) })))).toBe(expected);
  });

  it('tells since when', async () => {
    const outcome = await verify(envelopeOf({ protected: expiring('2026-06-15T12:00:00Z') }), { now: later(1) });
    expect(outcome.decisive?.since).toEqual(NOW);
  });
});

describe('time of notary.x509 (notary.md D)', () => {
  it.each([
    ['the last moment of notAfter', VALIDITY.notAfter, 'Trusted'],
    ['the moment after', new Date(VALIDITY.notAfter.getTime() + 1), 'authenticTimestamp failed CertificateExpired'],
    ['the moment of notBefore', VALIDITY.notBefore, 'Trusted'],
    ['the moment before', new Date(VALIDITY.notBefore.getTime() - 1), 'authenticTimestamp failed TimestampFailed'],
  ])('%s', async (_name, now, expected) => {
    expect(decided(await verify(envelopeOf(), { now }))).toBe(expected);
  });

  it('the signing time is claimed and never saves an expired certificate', async () => {
    const outcome = await verify(envelopeOf(), { now: later(31) });
    expect(decided(outcome)).toBe('authenticTimestamp failed CertificateExpired');
    expect(outcome.decisive?.since).toEqual(VALIDITY.notAfter);
  });

  it('an expired intermediate or root counts too', async () => {
    const made = await createChain({ ...VALIDITY, caNotAfter: later(-1) });
    const outcome = await verify(envelopeOf(made), { findTrustStore: storesOf(made) });
    expect(decided(outcome)).toBe('authenticTimestamp failed CertificateExpired');
  });
});

describe('timestamps (notary.md F8, I)', () => {
  const withToken: Partial<ForgeOptions> = { header: (h) => ({ ...h, [`${N}.timestampSignature`]: 'AAEC' }) };
  const stamped = (from: Date, to: Date): TimestampResult => ({ status: 'valid', notBefore: from, notAfter: to });
  const inside = stamped(NOW, NOW);

  function timestamped(
    result: TimestampResult,
    now: Date,
    verifyTimestamp?: string,
    stores = ['ca:acme', 'tsa:clock'],
  ): Changes {
    return {
      statement: statementOf({
        trustStores: ['ca:acme', 'tsa:clock'],
        ...(verifyTimestamp === undefined ? {} : { verifyTimestamp }),
      }),
      findTrustStore: storesOf(chain, ...stores),
      verifyTimestamp: async () => result,
      now,
    };
  }

  it.each<readonly [string, Partial<ForgeOptions>, Changes, string]>([
    ['a good one saves an expired certificate', withToken, timestamped(inside, later(31)), 'Trusted'],
    ['so it does with afterCertExpiry', withToken, timestamped(inside, later(31), 'afterCertExpiry'), 'Trusted'],
    [
      'one that begins before the certificate does not',
      withToken,
      timestamped(stamped(later(-31), NOW), later(31)),
      'authenticTimestamp failed TimestampFailed',
    ],
    [
      'one that ends after the certificate does not',
      withToken,
      timestamped(stamped(NOW, later(31)), later(31)),
      'authenticTimestamp failed TimestampFailed',
    ],
    [
      'an invalid one fails',
      withToken,
      timestamped({ status: 'invalid', reason: 'bad imprint' }, NOW),
      'authenticTimestamp failed TimestampFailed',
    ],
    [
      'an unknown one is unknown',
      withToken,
      timestamped({ status: 'unknown', reason: 'x' }, NOW),
      'authenticTimestamp unknown RevocationUndetermined',
    ],
    [
      'none fails with always, which is the default',
      {},
      timestamped(inside, NOW),
      'authenticTimestamp failed TimestampFailed',
    ],
    [
      'none is told as an expired certificate where that is the matter',
      {},
      timestamped(inside, later(31)),
      'authenticTimestamp failed CertificateExpired',
    ],
    ['none is needed before expiry with afterCertExpiry', {}, timestamped(inside, NOW, 'afterCertExpiry'), 'Trusted'],
    [
      'a certificate that is not valid yet needs no timestamp to fail',
      withToken,
      timestamped(inside, later(-31), 'afterCertExpiry'),
      'authenticTimestamp failed TimestampFailed',
    ],
    [
      'a missing tsa store is unknown',
      withToken,
      timestamped(inside, NOW, 'always', ['ca:acme']),
      'authenticTimestamp unknown TrustStoreUnavailable',
    ],
  ])('%s', async (_name, envelope, changes, expected) => {
    expect(decided(await verify(envelopeOf(envelope), changes))).toBe(expected);
  });

  it('without a tsa store in the policy nobody is asked', async () => {
    const verifyTimestamp = vi.fn(async () => inside);
    expect(decided(await verify(envelopeOf(withToken), { verifyTimestamp, now: later(31) }))).toBe(
      'authenticTimestamp failed CertificateExpired',
    );
    expect(verifyTimestamp).not.toHaveBeenCalled();
  });
});

describe('time of notary.x509.signingAuthority (notary.md D)', () => {
  it.each([
    ['at the signing time counts: an expired chain passes', '2026-06-15T11:00:00Z', later(400), 'Trusted'],
    ['5 minutes ahead passes', '2026-06-15T12:05:00Z', NOW, 'Trusted'],
    ['more than 5 minutes ahead fails', '2026-06-15T12:05:01Z', NOW, 'authenticTimestamp failed TimestampFailed'],
    ['before the leaf was valid fails', '2026-05-01T00:00:00Z', NOW, 'authenticTimestamp failed TimestampFailed'],
    ['after the leaf was valid fails', '2026-07-16T00:00:00Z', later(60), 'authenticTimestamp failed TimestampFailed'],
  ])('a time %s', async (_name, at, now, expected) => {
    expect(decided(await verify(envelopeOf({ protected: authority(at) }), { ...authorityStores, now }))).toBe(expected);
  });
});

describe('plugins (notary.md B4)', () => {
  const attribute = 'com.example.job';
  const signed = (extra: Header = {}, critical: string[] = []) =>
    envelopeOf({
      protected: authority(
        '2026-06-15T11:00:00Z',
        { [`${N}.verificationPlugin`]: 'com.example.plugin', [attribute]: 'job-1', ...extra },
        [`${N}.verificationPlugin`, attribute, ...critical],
      ),
    });
  const plugin = (parts: Partial<VerificationPlugin> = {}): Changes => ({
    ...authorityStores,
    plugins: [
      {
        name: 'com.example.plugin',
        version: '1.2.3',
        attributes: new Set([attribute]),
        refuse: () => undefined,
        matchesIdentity: () => ({ trusted: true }),
        checkRevocation: async () => good,
        ...parts,
      },
    ],
  });

  it('a plugin that processes every critical attribute decides identity and revocation', async () => {
    expect(decided(await verify(signed(), plugin()))).toBe('Trusted');
    const stranger = plugin({ matchesIdentity: () => ({ trusted: false, reason: 'another profile' }) });
    expect(decided(await verify(signed(), stranger))).toBe('authenticity failed NotATrustedIdentity');
    const taken = plugin({ checkRevocation: async () => revoked });
    const outcome = await verify(signed(), { ...taken, checkRevocation: async () => good });
    expect(decided(outcome)).toBe('revocation failed SigningJobRevoked');
    expect(outcome.decisive?.revoked).toEqual(['arn:job']);
  });

  it('a critical attribute beyond those of the plugin fails', async () => {
    const outcome = await verify(signed({ other: 1 }, ['other']), plugin());
    expect(decided(outcome)).toBe('integrity failed IntegrityFailed');
    expect(outcome.decisive?.reason).toMatch(/"other" is not understood/);
  });

  it('a plugin is not used by an envelope that does not name it', async () => {
    const bytes = envelopeOf({ protected: authority('2026-06-15T11:00:00Z', { [attribute]: 'job-1' }, [attribute]) });
    expect(decided(await verify(bytes, plugin()))).toBe('integrity failed IntegrityFailed');
  });

  it('an unknown plugin is named', async () => {
    const outcome = await verify(signed(), { ...plugin({ name: 'com.example.other' }) });
    expect(decided(outcome)).toBe('integrity failed PluginUnsupported');
    expect(outcome.decisive?.reason).toMatch(/"com\.example\.plugin"/);
  });

  it('what the plugin refuses fails integrity at every level', async () => {
    const refusing = plugin({ refuse: () => 'expected JWS' });
    const statement = statementOf({ level: 'audit', trustStores: ['signingAuthority:acme'] });
    const outcome = await verify(signed(), { ...refusing, statement });
    expect(decided(outcome)).toBe('integrity failed IntegrityFailed');
    expect(outcome.decisive?.reason).toBe('expected JWS');
  });

  it('a trust store must hold the chain whatever the plugin says', async () => {
    const outcome = await verify(signed(), {
      ...plugin(),
      findTrustStore: storesOf(stranger, 'signingAuthority:acme'),
    });
    expect(decided(outcome)).toBe('authenticity failed NotFromTrustStore');
  });

  it.each([
    ['1.2.3', 'Trusted'],
    ['1.2.2', 'Trusted'],
    ['0.9.9', 'Trusted'],
    ['1.2.3-rc.1', 'Trusted'],
    ['1.2.4', 'integrity failed PluginUnsupported'],
    ['1.10.0', 'integrity failed PluginUnsupported'],
    ['2.0.0-alpha', 'integrity failed PluginUnsupported'],
  ])('version 1.2.3 against a minimum of %s: %s', async (minimum, expected) => {
    const name = `${N}.verificationPluginMinVersion`;
    expect(decided(await verify(signed({ [name]: minimum }, [name]), plugin()))).toBe(expected);
  });

  it('a plugin of unknown version satisfies no minimum', async () => {
    const name = `${N}.verificationPluginMinVersion`;
    const { plugins = [], ...rest } = plugin();
    const unversioned = plugins.map(({ version: _, ...parts }) => parts);
    expect(decided(await verify(signed({ [name]: '0.0.1' }, [name]), { ...rest, plugins: unversioned }))).toBe(
      'integrity failed PluginUnsupported',
    );
  });
});

describe('changesAt, the next moment at which time alone changes an outcome', () => {
  it.each<readonly [string, Partial<ForgeOptions>, Changes, Date | undefined]>([
    [
      'is the expiry, when that comes first',
      { protected: expiring('2026-06-20T00:00:00Z') },
      {},
      new Date('2026-06-20T00:00:00Z'),
    ],
    [
      'is the moment after the first notAfter',
      { protected: expiring('2026-12-31T00:00:00Z') },
      {},
      new Date(VALIDITY.notAfter.getTime() + 1),
    ],
    ['is the notBefore that is still to come', {}, { now: later(-31) }, VALIDITY.notBefore],
    [
      'is no certificate bound for a signing authority',
      { protected: authority('2026-06-15T11:00:00Z') },
      authorityStores,
      undefined,
    ],
    [
      'is when a future signing time is near enough',
      { protected: authority('2026-06-15T13:00:00Z') },
      authorityStores,
      new Date('2026-06-15T12:55:00Z'),
    ],
    [
      'is nothing where time cannot mend it',
      { protected: expiring('2026-06-20T00:00:00Z'), signature: (s) => Buffer.alloc(s.length) },
      {},
      undefined,
    ],
  ])('%s', async (_name, envelope, changes, expected) => {
    expect((await verify(envelopeOf(envelope), changes)).changesAt).toEqual(expected);
  });

  it('holds: the outcome is one before that moment, and another at it', async () => {
    const bytes = envelopeOf({ protected: expiring('2026-06-20T00:00:00Z') });
    const { changesAt, verdict } = await verify(bytes);
    if (changesAt === undefined) throw new Error('no changesAt');
    expect((await verify(bytes, { now: new Date(changesAt.getTime() - 1) })).verdict).toBe(verdict);
    expect((await verify(bytes, { now: changesAt })).verdict).toBe('Expired');
  });
});
