import { describe, expect, it } from 'vitest';
import {
  NotaryError,
  parseTrustPolicyDocument,
  type Statement,
  selectStatement,
} from '../../../../src/notary/index.ts';

type Part = Record<string, unknown>;

const statement = (changes: Part = {}): Part => ({
  name: 'acme',
  registryScopes: ['registry.acme.io/app'],
  signatureVerification: { level: 'strict' },
  trustStores: ['ca:acme'],
  trustedIdentities: ['x509.subject: C=US, ST=WA, O=Acme'],
  ...changes,
});
const skip = (changes: Part = {}): Part => ({
  name: 'acme',
  registryScopes: ['registry.acme.io/app'],
  signatureVerification: { level: 'skip' },
  ...changes,
});
const other = (changes: Part = {}): Part =>
  statement({ name: 'other', registryScopes: ['registry.acme.io/other'], ...changes });
const verification = (changes: Part): Part => statement({ signatureVerification: { level: 'strict', ...changes } });

/** As it comes from YAML or JSON: of any shape. */
function parse(...trustPolicies: unknown[]): readonly Statement[] {
  return parseTrustPolicyDocument({ version: '1.0', trustPolicies } as never);
}

function refusal(act: () => unknown): NotaryError {
  try {
    act();
  } catch (error) {
    if (error instanceof NotaryError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a trust policy document is refused for', () => {
  it.each<readonly [string, string, unknown, RegExp]>([
    ['F1', 'no version', { trustPolicies: [statement()] }, /version: expected "1\.0"; found none/],
    ['F1', 'another version', { version: '1.1', trustPolicies: [statement()] }, /found "1\.1"/],
    ['F1', 'a version as a number', { version: 1, trustPolicies: [statement()] }, /found "1"/],
    ['F1', 'no statements', { version: '1.0' }, /at least one statement/],
    ['F1', 'an empty list', { version: '1.0', trustPolicies: [] }, /at least one statement/],
    ['F1', 'null', null, /expected a document/],
    [
      'F1',
      'a field of the document in other case',
      { version: '1.0', TrustPolicies: [], trustPolicies: [statement()] },
      /expected the field trustPolicies; found "TrustPolicies"/,
    ],
    [
      'F1',
      'a statement that is text',
      { version: '1.0', trustPolicies: ['x'] },
      /trustPolicies\[0\]: expected a statement; found "x"/,
    ],
  ])('%s: %s', (rule, _name, document, message) => {
    const error = refusal(() => parseTrustPolicyDocument(document as never));
    expect(error).toMatchObject({ code: 'InvalidTrustPolicy', rule });
    expect(error.message).toMatch(message);
  });

  it.each<readonly [string, string, unknown[], RegExp]>([
    [
      'F1',
      'a statement without name',
      [statement({ name: undefined })],
      /trustPolicies\[0\]\.name: expected a name; found none/,
    ],
    ['F1', 'an empty name', [statement({ name: '' })], /trustPolicies\[0\]\.name/],
    ['F1', 'a name twice', [statement(), other({ name: 'acme' })], /"acme": the name stands twice/],
    [
      'F1',
      'a field in other case, which notation reads and would here be ignored',
      [statement({ TrustedIdentities: [] })],
      /"acme": expected the field trustedIdentities; found "TrustedIdentities"/,
    ],
    [
      'F1',
      'an override in other case',
      [verification({ level: 'audit', Override: { revocation: 'enforce' } })],
      /signatureVerification: expected the field override; found "Override"/,
    ],
    [
      'F1',
      'a field with a long s, as Go folds case',
      [verification({ 'verifyTime\u017ftamp': 'always' })],
      /expected the field verifyTimestamp; found "verifyTime\\u017ftamp"/,
    ],
    ['F2', 'no scopes', [statement({ registryScopes: [] })], /registryScopes: expected a list of at least one/],
    ['F2', 'scopes that are text', [statement({ registryScopes: '*' })], /expected a list/],
    ['F2', 'scopes that are absent', [statement({ registryScopes: undefined })], /expected a list/],
    ['F2', 'the star beside others', [statement({ registryScopes: ['*', 'a.io/b'] })], /"\*" must stand alone/],
    [
      'F2',
      'a scope twice in one statement',
      [statement({ registryScopes: ['a.io/b', 'a.io/b'] })],
      /a\.io\/b stands twice/,
    ],
    [
      'F2',
      'a scope of another statement',
      [statement(), other({ registryScopes: ['registry.acme.io/app'] })],
      /already stands in statement "acme"/,
    ],
    [
      'F2',
      'the star twice',
      [statement({ registryScopes: ['*'] }), other({ registryScopes: ['*'] })],
      /\* already stands/,
    ],
    [
      'F2',
      'a scope without registry',
      [statement({ registryScopes: ['nginx'] })],
      /did you mean docker\.io\/library\/nginx\?/,
    ],
    ['F2', 'a scope with a scheme', [statement({ registryScopes: ['https://a.io/b'] })], /did you mean a\.io\/b\?/],
    ['F2', 'a scope with a tag', [statement({ registryScopes: ['a.io/b:v1'] })], /did you mean a\.io\/b\?/],
    [
      'F2',
      'a scope with a digest',
      [statement({ registryScopes: [`a.io/b@sha256:${'0'.repeat(64)}`] })],
      /did you mean a\.io\/b\?/,
    ],
    ['F2', 'a pattern', [statement({ registryScopes: ['a.io/*'] })], /patterns are not supported/],
    [
      'F2',
      'an upper-case repository',
      [statement({ registryScopes: ['a.io/App'] })],
      /expected "\*" or registry\/repository/,
    ],
    [
      'F2',
      'a path that climbs',
      [statement({ registryScopes: ['a.io/../b'] })],
      /expected "\*" or registry\/repository/,
    ],
    ['F3', 'no trust stores', [statement({ trustStores: undefined })], /trustStores: expected at least one/],
    ['F3', 'trust stores that are text', [statement({ trustStores: 'ca:acme' })], /trustStores: expected a list/],
    [
      'F3',
      'a store of an unknown type',
      [statement({ trustStores: ['root:acme'] })],
      /expected ca:, signingAuthority: or tsa:/,
    ],
    ['F3', 'a store without type', [statement({ trustStores: ['acme'] })], /found "acme"/],
    ['F3', 'a store without name', [statement({ trustStores: ['ca:'] })], /found "ca:"/],
    ['F3', 'a store named .', [statement({ trustStores: ['ca:.'] })], /found "ca:\."/],
    ['F3', 'a store named ..', [statement({ trustStores: ['ca:..'] })], /found "ca:\.\."/],
    ['F3', 'a store with a slash', [statement({ trustStores: ['ca:a/b'] })], /found "ca:a\/b"/],
    ['F3', 'stores with skip', [skip({ trustStores: ['ca:acme'] })], /trustStores: not allowed with level skip/],
    ['F4', 'skip for everything', [skip({ registryScopes: ['*'] })], /would trust every image/],
    ['F5', 'no identities', [statement({ trustedIdentities: [] })], /expected at least one, or "\*"/],
    [
      'F5',
      'identities that are absent',
      [statement({ trustedIdentities: undefined })],
      /expected at least one, or "\*"/,
    ],
    ['F5', 'identities that are text', [statement({ trustedIdentities: '*' })], /expected a list/],
    [
      'F5',
      'the star beside others',
      [statement({ trustedIdentities: ['*', 'x509.subject:C=US,ST=WA,O=A'] })],
      /"\*" must stand alone/,
    ],
    ['F5', 'an unknown kind', [statement({ trustedIdentities: ['email:a@b.c'] })], /found "email:a@b\.c"/],
    [
      'F5',
      'an ARN of another service',
      [statement({ trustedIdentities: ['arn:aws:iam::123456789012:role/x'] })],
      /AWS Signer ARN/,
    ],
    [
      'F5',
      'a near miss of a profile ARN',
      [statement({ trustedIdentities: ['arn:aws:signer:eu-west-1:123456789012:signing-profiles/p'] })],
      /arn:aws:signer:<region>/,
    ],
    ['F5', 'identities with skip', [skip({ trustedIdentities: ['*'] })], /not allowed with level skip/],
    ['F6', 'a DN without O', [statement({ trustedIdentities: ['x509.subject:C=US,ST=WA'] })], /missing: O/],
    ['F6', 'an empty DN', [statement({ trustedIdentities: ['x509.subject:'] })], /expected TYPE=value/],
    [
      'F6',
      'identities of which one is part of another',
      [statement({ trustedIdentities: ['x509.subject:C=US,ST=WA,O=A', 'x509.subject:C=US,ST=WA,O=A,CN=b'] })],
      /one is a subset of the other/,
    ],
    [
      'F6',
      'the same identity twice, ordered otherwise',
      [statement({ trustedIdentities: ['x509.subject:C=US,ST=WA,O=A', 'x509.subject:O=A,S=WA,C=US'] })],
      /one is a subset of the other/,
    ],
    [
      'F7',
      'no signatureVerification',
      [statement({ signatureVerification: undefined })],
      /signatureVerification: expected an object/,
    ],
    [
      'F7',
      'no level',
      [statement({ signatureVerification: {} })],
      /level: expected strict, permissive, audit or skip; found none/,
    ],
    ['F7', 'an unknown level', [verification({ level: 'Strict' })], /found "Strict"/],
    ['F7', 'a level of Object.prototype', [verification({ level: 'constructor' })], /found "constructor"/],
    [
      'F7',
      'an override of integrity',
      [verification({ override: { integrity: 'log' } })],
      /integrity is always enforced/,
    ],
    ['F7', 'an override of something unknown', [verification({ override: { signature: 'log' } })], /found "signature"/],
    ['F7', 'an override of Object.prototype', [verification({ override: { toString: 'log' } })], /found "toString"/],
    ['F7', 'an unknown action', [verification({ override: { expiry: 'warn' } })], /expected enforce, log/],
    ['F7', 'an action that is no text', [verification({ override: { expiry: null } })], /expected enforce, log/],
    ...['authenticity', 'authenticTimestamp', 'expiry'].map((check): [string, string, unknown[], RegExp] => [
      'F7',
      `skip of ${check}`,
      [verification({ override: { [check]: 'skip' } })],
      /only revocation may be skipped/,
    ]),
    [
      'F7',
      'an override with skip',
      [skip({ signatureVerification: { level: 'skip', override: { expiry: 'log' } } })],
      /not allowed with level skip/,
    ],
    ['F7', 'an override that is a list', [verification({ override: [] })], /override: expected an object/],
    [
      'F8',
      'an unknown verifyTimestamp',
      [verification({ verifyTimestamp: 'never' })],
      /expected always or afterCertExpiry; found "never"/,
    ],
  ])('%s: %s', (rule, _name, trustPolicies, message) => {
    const error = refusal(() => parse(...trustPolicies));
    expect(error).toMatchObject({ code: 'InvalidTrustPolicy', rule });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`(notary.md ${rule})`);
  });

  it('the message names statement, field, what was expected and what was found', () => {
    const { message } = refusal(() => parse(statement(), other({ trustStores: ['acme'] })));
    expect(message).toBe(
      'trust policy: statement "other": trustStores: expected ca:, signingAuthority: or tsa: and a name of letters, digits, "_", "." and "-"; found "acme" (notary.md F3)',
    );
  });
});

describe('a trust policy document is accepted with', () => {
  it.each<readonly [string, unknown[]]>([
    ['a statement: the control of every refusal above', [statement()]],
    ['two statements', [statement(), other()]],
    ['skip for named repositories (F4)', [skip()]],
    ['every type of store (F3)', [statement({ trustStores: ['ca:a', 'signingAuthority:b_c', 'tsa:d.e-F'] })]],
    [
      'scopes with port, IP address and depth (F2)',
      [statement({ registryScopes: ['localhost:5000/a', '10.0.0.1/b/c', '[fd00::1]:5000/d', 'a.io/b_c/d--e/f.g'] })],
    ],
    [
      'signer ARNs (F5)',
      [
        statement({
          trustedIdentities: [
            'arn:aws:signer:eu-west-1:123456789012:/signing-profiles/p',
            'arn:aws-cn:signer:cn-north-1:123456789012:/signing-profiles/p/vjPSTMwGW3',
            'arn:aws:signer:eu-west-1:123456789012:/aliases/prod',
          ],
        }),
      ],
    ],
    [
      'two identities that only overlap (F6)',
      [statement({ trustedIdentities: ['x509.subject:C=US,ST=WA,O=A,CN=b', 'x509.subject:C=US,ST=WA,O=A,CN=c'] })],
    ],
    ['unknown fields', [statement({ comment: 'x' })]],
  ])('%s', (_name, trustPolicies) => {
    expect(parse(...trustPolicies)).toHaveLength(trustPolicies.length);
  });

  it.each([
    ['strict', 'enforce enforce enforce enforce enforce'],
    ['permissive', 'enforce enforce log log log'],
    ['audit', 'enforce log log log log'],
    ['skip', 'skip skip skip skip skip'],
  ])('level %s: integrity, authenticity, authenticTimestamp, expiry, revocation are %s (F7)', (level, expected) => {
    const [parsed] = level === 'skip' ? parse(skip()) : parse(verification({ level }));
    const { integrity, authenticity, authenticTimestamp, expiry, revocation } =
      parsed?.actions ?? ({} as Statement['actions']);
    expect([integrity, authenticity, authenticTimestamp, expiry, revocation].join(' ')).toBe(expected);
  });

  it('overrides joined with the level (F7)', () => {
    const [parsed] = parse(verification({ level: 'audit', override: { authenticity: 'enforce', revocation: 'skip' } }));
    expect(parsed?.actions).toEqual({
      integrity: 'enforce',
      authenticity: 'enforce',
      authenticTimestamp: 'log',
      expiry: 'log',
      revocation: 'skip',
    });
  });

  it.each([
    [undefined, 'always'],
    ['always', 'always'],
    ['afterCertExpiry', 'afterCertExpiry'],
  ])('verifyTimestamp %s is %s (F8)', (verifyTimestamp, expected) => {
    expect(parse(verification({ verifyTimestamp })).map((parsed) => parsed.verifyTimestamp)).toEqual([expected]);
  });
});

describe('the statement that applies (notary.md F2)', () => {
  const statements = parse(
    statement({ name: 'star', registryScopes: ['*'] }),
    statement({ name: 'exact', registryScopes: ['registry.acme.io/app'] }),
  );
  it.each([
    ['registry.acme.io/app', 'exact'],
    ['registry.acme.io/App', 'star'],
    ['registry.acme.io/app/sub', 'star'],
    ['registry.acme.io/ap', 'star'],
    ['docker.io/library/nginx', 'star'],
  ])('for %s is %s', (repository, expected) => {
    expect(selectStatement(statements, repository)?.name).toBe(expected);
  });

  const spelt = parse(
    statement({ name: 'star', registryScopes: ['*'] }),
    statement({
      name: 'exact',
      registryScopes: ['registry.acme.io/app', 'Upper.acme.io/app', 'port.acme.io:5000/app', 'tls.acme.io:443/app'],
    }),
    statement({ name: 'hub', registryScopes: ['docker.io/nginx', 'index.docker.io/acme/app', '[2001:db8::1]/app'] }),
  );
  it.each([
    ['registry.acme.io:443/app', 'exact'],
    ['registry.acme.io:0443/app', 'exact'],
    ['Registry.ACME.io:443/app', 'exact'],
    ['registry.acme.io:4433/app', 'star'],
    ['registry.acme.io:443/App', 'star'],
    ['upper.acme.io/app', 'exact'],
    ['port.acme.io:05000/app', 'exact'],
    ['port.acme.io/app', 'star'],
    ['tls.acme.io/app', 'exact'],
    ['docker.io/library/nginx', 'hub'],
    ['registry-1.docker.io/library/nginx', 'hub'],
    ['docker.io/acme/app', 'hub'],
    ['[2001:db8::1]:443/app', 'hub'],
    ['[2001:db8::1]:5000/app', 'star'],
  ])(
    'for %s is %s, however the same host is spelt: nobody slips past a scope to a laxer one',
    (repository, expected) => {
      expect(selectStatement(spelt, repository)?.name).toBe(expected);
    },
  );

  it('is the one with the very spelling, where a policy has two', () => {
    const two = parse(
      statement({ name: 'first', registryScopes: ['registry.acme.io:443/app'] }),
      statement({ name: 'second', registryScopes: ['registry.acme.io/app'] }),
    );
    expect(selectStatement(two, 'registry.acme.io/app')?.name).toBe('second');
  });

  it('is none where no scope matches and there is no star', () => {
    expect(selectStatement(parse(statement()), 'registry.acme.io/other')).toBeUndefined();
  });
});
