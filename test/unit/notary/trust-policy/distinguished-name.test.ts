import { describe, expect, it } from 'vitest';
import {
  distinguishedNameOf,
  matchesTrustedIdentity,
  NotaryError,
  parseDistinguishedName,
} from '../../../../src/notary/index.ts';
import { createChain } from '../../../support/pki.ts';

const BASE = 'C=US,ST=WA,O=Acme';

describe('a distinguished name of a policy (RFC 4514; notary.md F6)', () => {
  it.each<readonly [string, string, Record<string, string>]>([
    ['plain', BASE, { C: 'US', ST: 'WA', O: 'Acme' }],
    ['S is ST', 'C=US,S=WA,O=Acme', { C: 'US', ST: 'WA', O: 'Acme' }],
    ['types in any case', 'c=US,sT=WA,o=Acme', { C: 'US', ST: 'WA', O: 'Acme' }],
    ['types as OIDs', '2.5.4.6=US,2.5.4.8=WA,2.5.4.10=Acme,1.2.3=x', { C: 'US', ST: 'WA', O: 'Acme', '1.2.3': 'x' }],
    ['space around', '  C = US ,\tST=WA , O=Acme Inc ', { C: 'US', ST: 'WA', O: 'Acme Inc' }],
    [
      'escaped characters',
      'C=US,ST=WA,O=Acme\\, \\"Inc\\" \\+ \\<x\\>\\;\\\\\\=\\#',
      { C: 'US', ST: 'WA', O: 'Acme, "Inc" + <x>;\\=#' },
    ],
    ['escaped space at the ends', 'C=US,ST=WA,O=\\ Acme\\ ', { C: 'US', ST: 'WA', O: ' Acme ' }],
    ['an escaped backslash before the end', 'O=Acme\\\\ ,C=US,ST=WA', { C: 'US', ST: 'WA', O: 'Acme\\' }],
    ['escaped UTF-8', 'C=US,ST=WA,O=Lu\\C4\\8Di\\c4\\87', { C: 'US', ST: 'WA', O: 'Lučić' }],
    ['UTF-8', 'C=US,ST=WA,O=Lučić 🦭', { C: 'US', ST: 'WA', O: 'Lučić 🦭' }],
    ['an equals sign and a hash inside', 'C=US,ST=WA,O=a=b#c', { C: 'US', ST: 'WA', O: 'a=b#c' }],
  ])('%s', (_name, text, expected) => {
    expect(Object.fromEntries(parseDistinguishedName(text))).toEqual(expected);
  });

  it.each([
    ['no O', 'C=US,ST=WA', /missing: O/],
    ['no C and ST', 'O=Acme', /missing: C, ST/],
    ['an RDN of two values', 'C=US,ST=WA,O=Acme+OU=x', /several values/],
    ['an attribute twice', `${BASE},O=Other`, /O stands twice/],
    ['an attribute twice, once as an OID', `${BASE},2.5.4.10=Other`, /O stands twice/],
    ['ST and S', `${BASE},S=OR`, /ST stands twice/],
    ['a value in hex', 'C=US,ST=WA,O=#0c0441636d65', /=# is not supported/],
    ['a value in hex after space', 'C=US,ST=WA,O= #0c', /=# is not supported/],
    ['an empty value', 'C=US,ST=,O=Acme', /ST: expected a value/],
    ['a value of space', 'C=US,ST= ,O=Acme', /ST: expected a value/],
    ['no equals sign', `${BASE},CN`, /expected TYPE=value, found "CN"/],
    ['an empty RDN', `${BASE},`, /expected TYPE=value/],
    ['an unknown type', `${BASE},COUNTRY=US`, /found "COUNTRY"/],
    ['no type', `${BASE},=x`, /found ""/],
    ['an unescaped quote', 'C=US,ST=WA,O="Acme"', /must be escaped/],
    ['an unescaped semicolon', 'C=US;ST=WA;O=Acme', /must be escaped/],
    ['an unknown escape', 'C=US,ST=WA,O=a\\qb', /after the backslash/],
    ['a backslash at the end', 'C=US,ST=WA,O=a\\', /after the backslash/],
    ['escaped bytes that are no UTF-8', 'C=US,ST=WA,O=a\\ff', /not UTF-8/],
    ['4,097 characters', `${BASE},CN=${'x'.repeat(4097)}`, /at most 4096/],
  ])('is refused for %s', (_name, text, message) => {
    expect(() => parseDistinguishedName(text)).toThrow(NotaryError);
    expect(() => parseDistinguishedName(text)).toThrow(message);
  });
});

describe('a trusted identity matches the leaf (notary.md F5, F6)', () => {
  const leafOf = async (subject: string) => {
    const [leaf] = (await createChain({ length: 1, subject })).certificates;
    if (leaf === undefined) throw new Error('no leaf');
    return leaf;
  };

  it.each([
    ['the whole subject', 'C=US,ST=WA,L=Seattle,O=Acme,CN=ci', true],
    ['a subset', BASE, true],
    ['in any order', 'O=Acme,C=US,ST=WA', true],
    ['a value that is longer', 'C=US,ST=WA,O=Acme Inc', false],
    ['a value that is shorter', 'C=US,ST=WA,O=Acm', false],
    ['another case', 'C=US,ST=WA,O=ACME', false],
    ['an attribute more', `${BASE},OU=x`, false],
    ['the value of another attribute', 'C=US,ST=WA,O=ci', false],
  ])('%s', async (_name, dn, expected) => {
    const leaf = await leafOf('C=US,ST=WA,L=Seattle,O=Acme,CN=ci');
    expect(matchesTrustedIdentity(leaf, [`x509.subject:${dn}`])).toBe(expected);
  });

  it('with `*`, with any of several, and never with an ARN', async () => {
    const leaf = await leafOf('C=US,ST=WA,O=Acme');
    expect(matchesTrustedIdentity(leaf, ['*'])).toBe(true);
    expect(matchesTrustedIdentity(leaf, ['x509.subject:C=US,ST=WA,O=Other', `x509.subject: ${BASE}`])).toBe(true);
    expect(matchesTrustedIdentity(leaf, ['arn:aws:signer:eu-west-1:123456789012:/signing-profiles/p'])).toBe(false);
    expect(matchesTrustedIdentity(leaf, [])).toBe(false);
  });

  it('not where the subject tells an attribute twice, or an RDN has two values', async () => {
    expect(matchesTrustedIdentity(await leafOf('C=US,ST=WA,O=Acme,OU=a,OU=b'), [`x509.subject:${BASE},OU=b`])).toBe(
      false,
    );
    expect(matchesTrustedIdentity(await leafOf('C=US,ST=WA,O=Acme,OU=a+CN=b'), [`x509.subject:${BASE}`])).toBe(false);
    expect(matchesTrustedIdentity(await leafOf('C=US,ST=WA,O=Acme,OU=a,CN=b'), [`x509.subject:${BASE}`])).toBe(true);
  });

  it('not where a value of the subject holds the text of a whole name', async () => {
    const leaf = await leafOf('C=US,ST=WA,O=Evil,CN=x\\,O=Acme');
    expect(matchesTrustedIdentity(leaf, [`x509.subject:${BASE}`])).toBe(false);
    expect(matchesTrustedIdentity(leaf, ['x509.subject:C=US,ST=WA,O=Evil'])).toBe(true);
  });
});

describe('a distinguished name for people', () => {
  it('shows the most specific attribute first, as notation does', async () => {
    const { certificates } = await createChain({ length: 2, subject: 'C=US,ST=WA,L=Seattle,O=Acme,CN=ci' });
    expect(certificates.map((c) => distinguishedNameOf(c))).toEqual([
      'CN=ci,O=Acme,L=Seattle,ST=WA,C=US',
      'CN=Test Root CA,O=Acme,ST=WA,C=US',
    ]);
    expect(certificates.map((c) => distinguishedNameOf(c, 'issuer'))).toEqual(
      Array(2).fill('CN=Test Root CA,O=Acme,ST=WA,C=US'),
    );
  });

  it('is read back as the same name, whatever it holds', async () => {
    const { certificates } = await createChain({
      length: 1,
      subject: 'C=US,ST=WA,O=A\\, \\+ \\"B\\" \\\\ Luč,CN=\\#x',
    });
    const shown = certificates.map((c) => distinguishedNameOf(c)).join();
    expect(shown).toContain('CN=\\#x');
    expect(Object.fromEntries(parseDistinguishedName(shown))).toEqual({
      C: 'US',
      ST: 'WA',
      O: 'A, + "B" \\ Luč',
      CN: '#x',
    });
  });

  it('shows no control characters and no writing direction', async () => {
    const { certificates } = await createChain({ length: 1, subject: 'C=US,ST=WA,O=a\u001b[2Jb\u202ec' });
    expect(certificates.map((c) => distinguishedNameOf(c))).toEqual(['O=a\\1b[2Jb\\e2\\80\\aec,ST=WA,C=US']);
  });

  it('is shown up to 1,000 characters: a signature that anybody pushed may have a name of a megabyte', async () => {
    const { certificates } = await createChain({ length: 1, subject: `C=US,ST=WA,O=${'x'.repeat(20_000)}` });
    expect(certificates.map((c) => distinguishedNameOf(c))).toEqual([`O=${'x'.repeat(995)}...`]);
  });
});
