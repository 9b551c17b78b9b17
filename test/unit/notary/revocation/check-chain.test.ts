import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import {
  createChainRevocationChecker,
  createRevocationChecker,
  FetchError,
  type RevocationSubject,
} from '../../../../src/notary/index.ts';
import { plainHeader, rfc3339 } from '../../../support/forge-jws.ts';
import { caExtensions, createChain, leafExtensions, revocationExtensions } from '../../../support/pki.ts';
import { decided, envelopeOf, NOW, chain as plainChain, statementOf, storesOf, VALIDITY, verify } from '../harness.ts';
import {
  CRL_URL,
  check,
  createChainOfThree,
  createRevocableChain,
  crl,
  entry,
  HOUR_MS,
  network,
  OCSP_URL,
  ocspAnswer,
  REVOKED_AT,
  told,
} from './world.ts';

const revoked = { at: REVOKED_AT, reason: 1 };
const both = await createRevocableChain({ ocsp: [OCSP_URL], crl: [CRL_URL] });
const ocspOnly = await createRevocableChain({ ocsp: [OCSP_URL] });
const crlOnly = await createRevocableChain({ crl: [CRL_URL] });

describe('revocation of one certificate (notary.md H1)', () => {
  it.each<readonly [string, () => Promise<string>, string]>([
    ['a good OCSP answer: good (H1)', async () => told(await check(both, { [OCSP_URL]: ocspAnswer(both) })), 'good'],
    [
      'a revoking OCSP answer: revoked (H1)',
      async () => told(await check(both, { [OCSP_URL]: ocspAnswer(both, { status: revoked }) })),
      'revoked',
    ],
    [
      'no OCSP answer, a CRL that does not list it: good (H1)',
      async () => told(await check(both, { [CRL_URL]: crl(both) })),
      'good',
    ],
    [
      'no OCSP answer, a CRL that lists it: revoked (H1)',
      async () => told(await check(both, { [CRL_URL]: crl(both, { entries: [entry(both)] }) })),
      'revoked',
    ],
    [
      'OCSP says that it does not know it, a CRL lists it: revoked (H1)',
      async () =>
        told(
          await check(both, {
            [OCSP_URL]: ocspAnswer(both, { status: 'unknown' }),
            [CRL_URL]: crl(both, { entries: [entry(both)] }),
          }),
        ),
      'revoked',
    ],
    ['a CRL alone: good (H1)', async () => told(await check(crlOnly, { [CRL_URL]: crl(crlOnly) })), 'good'],
    ['neither named: not revocable, which passes (H1)', async () => told(await check(plainChain, {})), 'good'],
  ])('%s', async (_name, ask, expected) => {
    expect(await ask()).toBe(expected);
  });

  it('a good OCSP answer is enough: the CRL is not asked (H1)', async () => {
    const { fetch, asked } = network({ [OCSP_URL]: ocspAnswer(both) });
    await check(both, {}, { fetch });
    expect(asked.map(({ url }) => new URL(url).host)).toEqual(['ocsp.example.com']);
  });

  it('neither OCSP nor CRL answers: unknown, with both causes, never revoked (H1)', async () => {
    const result = await check(both, {});
    expect(result.status).toBe('unknown');
    expect(result.reason).toMatch(
      /CN=Test Signer.*\(serial [0-9a-f]+\): OCSP: ocsp\.example\.com: nobody answers; CRL: crl\.example\.com: nobody answers/,
    );
  });

  it('addresses that no one here may fetch are unknown, not "not revocable" (H1, H2, H4)', async () => {
    const others = await createRevocableChain({
      ocsp: ['https://ocsp.example.com'],
      crl: ['ldap://crl.example.com/ca'],
    });
    expect(told(await check(others, {}))).toMatch(
      /^unknown: .*OCSP responder at no http address.*CRL at no http address/,
    );
  });

  it('neither named is told as such, and stands for ever (H1)', async () => {
    expect(await check(plainChain, {})).toEqual({
      status: 'good',
      reason: 'no certificate of the chain names an OCSP responder or a CRL',
    });
  });

  it.each([
    ['authorityInfoAccess that is cut', '1.3.6.1.5.5.7.1.1', '3001', 'ends too early'],
    ['cRLDistributionPoints that are cut', '2.5.29.31', '3001', 'ends too early'],
    ['freshestCRL that is cut', '2.5.29.46', '3001', 'ends too early'],
    ['OCSP access without a location', '1.3.6.1.5.5.7.1.1', '300c300a06082b06010505073001', 'a location is missing'],
    ['distribution point with an empty name', '2.5.29.31', '30043002a000', 'expected one distribution point name'],
    ['distribution point with two names', '2.5.29.31', '30083006a004a000a000', 'expected one distribution point name'],
  ])('%s is unknown (H1)', async (_name, oid, hex, cause) => {
    const more = [new x509.Extension(oid, false, Buffer.from(hex, 'hex'))];
    const result = await check(await createRevocableChain({}, { more }), {});
    expect(result.status).toBe('unknown');
    expect(result.reason).toContain(cause);
  });

  it('the root is not asked for, a certificate that names only where to get its issuer neither (H1)', async () => {
    const { fetch, asked } = network({});
    const issuers = new x509.AuthorityInfoAccessExtension({ caIssuers: 'http://ca.example.com/ca.crt' });
    const root = revocationExtensions({ ocsp: [OCSP_URL], crl: [CRL_URL] });
    const chain = await createChain({
      ...VALIDITY,
      length: 2,
      leafExtensions: [...leafExtensions(), issuers],
      caExtensions: (depth) => [...caExtensions(depth), ...root],
    });
    const single = await createChain({ ...VALIDITY, length: 1, leafExtensions: [...leafExtensions(), ...root] });
    expect(told(await check(chain, {}, { fetch }))).toBe('good');
    expect(told(await check(single, {}, { fetch }))).toBe('good');
    expect(asked).toEqual([]);
  });
});

describe('revocation of a chain (notary.md H1)', () => {
  const [leafUrl, caUrl] = [`${OCSP_URL}/leaf`, `${OCSP_URL}/ca`];
  it.each<readonly [string, 'good' | 'revoked' | 'none', 'good' | 'revoked' | 'none', string]>([
    ['all good: good (H1)', 'good', 'good', 'good'],
    ['the intermediate revoked: revoked (H1)', 'good', 'revoked', 'revoked'],
    ['one revoked, one unknown: revoked (H1)', 'none', 'revoked', 'revoked'],
    ['the leaf revoked, the intermediate unknown: revoked (H1)', 'revoked', 'none', 'revoked'],
    ['one good, one unknown: unknown (H1)', 'good', 'none', 'unknown'],
    ['one unknown, one good: unknown (H1)', 'none', 'good', 'unknown'],
  ])('%s', async (_name, leaf, ca, expected) => {
    const chain = await createChainOfThree({ ocsp: [leafUrl] }, { ocsp: [caUrl] });
    const answer = (what: typeof leaf, index: number) =>
      what === 'none'
        ? new FetchError('Unreachable', 'nobody')
        : ocspAnswer(chain, { status: what === 'good' ? 'good' : revoked }, index);
    const result = await check(chain, { [leafUrl]: answer(leaf, 0), [caUrl]: answer(ca, 1) });
    expect(result.status).toBe(expected);
  });

  it('is asked for all certificates at once (H1)', async () => {
    const chain = await createChainOfThree({ ocsp: [leafUrl] }, { ocsp: [caUrl] });
    const second = Promise.withResolvers<void>();
    // The leaf's responder answers only when the intermediate's was asked.
    const result = await check(chain, {
      [leafUrl]: async () => {
        await second.promise;
        return ocspAnswer(chain);
      },
      [caUrl]: () => {
        second.resolve();
        return ocspAnswer(chain, {}, 1);
      },
    });
    expect(told(result)).toBe('good');
  });

  it('says which certificate, since when, why and by whom (H1)', async () => {
    const invalidityDate = new Date('2026-06-01T00:00:00Z');
    const result = await check(ocspOnly, {
      [OCSP_URL]: ocspAnswer(ocspOnly, { status: { ...revoked, invalidityDate } }),
    });
    expect(result).toMatchObject({ status: 'revoked', kind: 'certificate', since: REVOKED_AT });
    expect(result.reason).toMatch(
      /^the certificate CN=Test Signer,O=Acme,L=Seattle,ST=WA,C=US \(serial [0-9a-f]{1,16}\) was revoked at 2026-06-10T08:00:00Z \(reason keyCompromise, invalid from 2026-06-01T00:00:00Z on\), says the OCSP responder ocsp\.example\.com$/,
    );
    expect(result.status === 'revoked' && result.revoked).toEqual([
      expect.stringMatching(/^CN=Test Signer,.* \(sha256:[0-9a-f]{64}\)$/),
    ]);
    // For ever: nothing in time takes it back.
    expect(result).not.toHaveProperty('validUntil');
  });

  it('stands until its data runs out or is asked for again, whichever is first (H6)', async () => {
    const soon = new Date(NOW.getTime() + 10 * 60_000);
    const short = await check(ocspOnly, { [OCSP_URL]: ocspAnswer(ocspOnly, { nextUpdate: soon }) });
    expect(short).toMatchObject({ status: 'good', validUntil: soon });
    const long = await check(ocspOnly, { [OCSP_URL]: ocspAnswer(ocspOnly) });
    expect(long).toMatchObject({ status: 'good', validUntil: new Date(NOW.getTime() + HOUR_MS) });
  });

  it('what is unknown is told in bounded length (H1)', async () => {
    const long = await createRevocableChain(
      { ocsp: [1, 2, 3, 4].map((i) => `${OCSP_URL}/${i}${'x'.repeat(200)}`) },
      { subject: `C=US,ST=WA,O=Acme,CN=${'x'.repeat(3000)}` },
    );
    const { reason } = await check(long, {});
    expect(reason.length).toBeLessThanOrEqual(800);
  });

  it('asks at most four addresses of a certificate, and twenty of a chain (H7)', async () => {
    const many = Array.from({ length: 9 }, (_, i) => `${OCSP_URL}/${i}`);
    const { fetch, asked } = network({});
    await check(await createRevocableChain({ ocsp: many, crl: many }), {}, { fetch });
    expect(asked.length).toBe(8);

    const urls = Array.from({ length: 3 }, (_, i) => `${OCSP_URL}/${i}`);
    const long = await createChainOfThree({ ocsp: urls, crl: urls }, { ocsp: urls, crl: urls });
    const [leaf, ca, root] = long.certificates;
    if (leaf === undefined || ca === undefined || root === undefined) throw new Error('no chain');
    const again = network({});
    const checker = createChainRevocationChecker({ fetch: again.fetch, refreshMs: HOUR_MS });
    // A long chain; its order is no matter of this check.
    const result = await checker(
      { certificates: [leaf, ca, leaf, ca, leaf, root] },
      { now: NOW, signal: AbortSignal.timeout(10_000) },
    );
    expect(again.asked.length).toBeLessThanOrEqual(20);
    expect(result.reason).toContain('too many addresses (notary.md H7)');
  });

  it('rejects when its caller gives up, and only then (H2)', async () => {
    const controller = new AbortController();
    const { fetch } = network({ [OCSP_URL]: () => new Promise<Uint8Array>(() => undefined) });
    const checker = createChainRevocationChecker({ fetch, refreshMs: HOUR_MS });
    const asking = checker({ certificates: ocspOnly.certificates }, { now: NOW, signal: controller.signal });
    controller.abort(new Error('shut down'));
    await expect(asking).rejects.toThrow('shut down');
  });
});

describe('invalidityDate and the time of signing (notary.md D, H5)', () => {
  const signedAt = new Date('2026-06-05T00:00:00Z');
  const at = (ms: number): Date => new Date(signedAt.getTime() + ms);
  it.each<readonly [string, Date | undefined, Date | undefined, string]>([
    ['later than the authentic signing time: does not revoke (H5)', at(1000), signedAt, 'good'],
    ['at the authentic signing time: revokes (H5)', at(0), signedAt, 'revoked'],
    ['before it: revokes (H5)', at(-1000), signedAt, 'revoked'],
    ['absent: revokes, although the revocation is later (H5)', undefined, signedAt, 'revoked'],
    ['not compared for notary.x509 (D, H5)', at(1000), undefined, 'revoked'],
  ])('by OCSP and by CRL: %s', async (_name, invalidityDate, authenticSigningTime, expected) => {
    const facts = { ...revoked, ...(invalidityDate === undefined ? {} : { invalidityDate }) };
    const options = authenticSigningTime === undefined ? {} : { authenticSigningTime };
    const online = await check(ocspOnly, { [OCSP_URL]: ocspAnswer(ocspOnly, { status: facts }) }, options);
    const listed = await check(crlOnly, { [CRL_URL]: crl(crlOnly, { entries: [entry(crlOnly, facts)] }) }, options);
    expect([online.status, listed.status]).toEqual([expected, expected]);
    // What does not revoke now may do so by the next answer.
    if (expected === 'good') expect(online).toHaveProperty('validUntil');
  });

  it.each([
    ['notary.x509', undefined],
    ['notary.x509.signingAuthority', '2026-06-15T11:59:00Z'],
  ])('the scheme %s hands over its signing time: %s (D, H5)', async (scheme, expected) => {
    const subjects: RevocationSubject[] = [];
    const spy = createRevocationChecker(async (subject) => {
      subjects.push(subject);
      return { status: 'good', reason: 'asked' };
    });
    const isAuthority = scheme !== 'notary.x509';
    const envelope = envelopeOf({
      protected: (header) =>
        isAuthority
          ? {
              alg: header['alg'],
              cty: header['cty'],
              crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.authenticSigningTime'],
              'io.cncf.notary.signingScheme': scheme,
              'io.cncf.notary.authenticSigningTime': rfc3339(new Date(NOW.getTime() - 60_000)),
            }
          : plainHeader('ES256', NOW),
    });
    const store = isAuthority ? 'signingAuthority:acme' : 'ca:acme';
    const outcome = await verify(envelope, {
      statement: statementOf({ trustStores: [store] }),
      findTrustStore: storesOf(plainChain, store),
      checkRevocation: spy,
    });
    expect(decided(outcome)).toBe('Trusted');
    expect(subjects[0]?.authenticSigningTime?.toISOString().replace('.000', '')).toBe(expected);
  });
});

describe('revocation within a verification (notary.md G, H)', () => {
  it.each<readonly [string, object, string, string]>([
    ['good passes (H1)', {}, 'Trusted', 'Trusted'],
    ['revoked is Revoked (H1)', { status: revoked }, 'revocation failed CertificateRevoked', 'Revoked'],
    ['unknown is Unknown (H1)', { status: 'unknown' }, 'revocation unknown RevocationUndetermined', 'Unknown'],
  ])('%s', async (_name, changes, expected, verdict) => {
    const checker = createChainRevocationChecker({
      fetch: network({ [OCSP_URL]: ocspAnswer(ocspOnly, changes) }).fetch,
      refreshMs: HOUR_MS,
    });
    const outcome = await verify(envelopeOf(ocspOnly), {
      findTrustStore: storesOf(ocspOnly),
      checkRevocation: createRevocationChecker(checker),
    });
    expect([decided(outcome), outcome.verdict]).toEqual([expected, verdict]);
    if (verdict === 'Trusted') expect(outcome.changesAt).toEqual(new Date(NOW.getTime() + HOUR_MS));
    if (verdict === 'Revoked') expect(outcome.decisive?.since).toEqual(REVOKED_AT);
  });

  it('nothing is fetched for a chain that was not found trusted (H7)', async () => {
    const { fetch, asked } = network({ [OCSP_URL]: ocspAnswer(ocspOnly) });
    const checkRevocation = createRevocationChecker(createChainRevocationChecker({ fetch, refreshMs: HOUR_MS }));
    const statement = statementOf({ level: 'permissive', override: { authenticity: 'log' } });
    const outcome = await verify(envelopeOf(ocspOnly), {
      statement,
      findTrustStore: storesOf(plainChain),
      checkRevocation,
    });
    expect(asked).toEqual([]);
    expect(outcome.checks.find(({ type }) => type === 'revocation')?.reason).toContain('H7');
    await verify(envelopeOf(ocspOnly), { statement, findTrustStore: storesOf(ocspOnly), checkRevocation });
    expect(asked.length).toBe(1);
  });

  it('is told and goes on where the policy logs it (H1)', async () => {
    const checkRevocation = createRevocationChecker(
      createChainRevocationChecker({ fetch: network({}).fetch, refreshMs: HOUR_MS }),
    );
    const outcome = await verify(envelopeOf(ocspOnly), {
      statement: statementOf({ level: 'permissive' }),
      findTrustStore: storesOf(ocspOnly),
      checkRevocation,
    });
    expect(outcome.verdict).toBe('Trusted');
    expect(outcome.checks.find(({ type }) => type === 'revocation')).toMatchObject({
      action: 'log',
      result: 'unknown',
      code: 'RevocationUndetermined',
    });
  });
});
