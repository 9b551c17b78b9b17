import { type Case, policyWith, SCOPE } from './case.ts';

/** A trust policy document, and what both make of it. */
export interface PolicyCase {
  readonly name: string;
  readonly rule: string;
  /** May be no document at all: whatever JSON can say. */
  readonly document: unknown;
  /** Statement that applies to this `registry/repository`; undefined where none does. Theirs only where it is another. */
  readonly applies?: {
    readonly to: string;
    readonly statement: string | undefined;
    readonly theirs?: { readonly statement: string | undefined };
  };
  readonly expected:
    | { readonly kind: 'accepted' | 'refused' }
    | Omit<Extract<Case['expected'], { kind: 'stricter' }>, 'at' | 'says'>
    | Extract<Case['expected'], { kind: 'wider' }>;
}

const ACCEPTED = { kind: 'accepted' } as const;
const REFUSED = { kind: 'refused' } as const;
const stricter = (why: string): PolicyCase['expected'] => ({ kind: 'stricter', why });
const wider = (why: string): PolicyCase['expected'] => ({ kind: 'wider', why });

type Statement = Record<string, unknown>;

function statementOf(changes: Statement = {}): Statement {
  const [statement] = policyWith().policy.trustPolicies;
  return { ...statement, registryScopes: [SCOPE], ...changes };
}

const documentOf = (...statements: unknown[]) => ({ version: '1.0', trustPolicies: statements });

function statement(
  name: string,
  rule: string,
  changes: Statement,
  expected: PolicyCase['expected'] = REFUSED,
): PolicyCase {
  return { name, rule, document: documentOf(statementOf(changes)), expected };
}

function scope(name: string, value: unknown, expected: PolicyCase['expected'] = REFUSED): PolicyCase {
  return statement(`the scope ${name}`, 'F2', { registryScopes: [value] }, expected);
}

function store(value: unknown, expected: PolicyCase['expected'] = REFUSED): PolicyCase {
  return statement(`the trust store ${JSON.stringify(value)}`, 'F3', { trustStores: [value] }, expected);
}

function identities(
  name: string,
  rule: string,
  values: unknown,
  expected: PolicyCase['expected'] = REFUSED,
): PolicyCase {
  return statement(`identities: ${name}`, rule, { trustedIdentities: values }, expected);
}

function dn(name: string, value: string, expected: PolicyCase['expected'] = REFUSED): PolicyCase {
  return identities(name, 'F6', [`x509.subject:${value}`], expected);
}

function level(name: string, rule: string, signatureVerification: unknown, expected: PolicyCase['expected'] = REFUSED) {
  return statement(name, rule, { signatureVerification }, expected);
}

const skip = (changes: Statement = {}): Statement => ({
  signatureVerification: { level: 'skip' },
  trustStores: [],
  trustedIdentities: [],
  ...changes,
});
const wildcard = (name: string): Statement => statementOf({ name, registryScopes: ['*'] });
const TYPES_IGNORE_CASE = 'RFC 4514 §3: attribute types are compared without regard to case';

/** Trust policy documents (notary.md F1 to F8). */
export const POLICIES: readonly PolicyCase[] = [
  statement('a plain document', 'F1', {}, ACCEPTED),
  ...[
    ['no document', null],
    ['a document that is a list', []],
    ['no version', { trustPolicies: [statementOf()] }],
    ['version 1.1', { ...documentOf(statementOf()), version: '1.1' }],
    ['version 1.0 as a number', { ...documentOf(statementOf()), version: 1 }],
    ['no statements', { version: '1.0' }],
    ['an empty list of statements', documentOf()],
    ['a statement that is a string', documentOf('skip')],
    ['two statements of one name', documentOf(statementOf(), statementOf({ registryScopes: ['a.example/b'] }))],
  ].map(([name, document]): PolicyCase => ({ name: String(name), rule: 'F1', document, expected: REFUSED })),
  statement('a statement without a name', 'F1', { name: undefined }),
  statement('an empty name', 'F1', { name: '' }),
  {
    name: 'unknown fields',
    rule: 'F1',
    document: { ...documentOf(statementOf({ note: 'x' })), $schema: 'x' },
    expected: ACCEPTED,
  },
  // Scopes.
  statement('no scopes', 'F2', { registryScopes: undefined }),
  statement('an empty list of scopes', 'F2', { registryScopes: [] }),
  statement('scopes that are a string', 'F2', { registryScopes: SCOPE }),
  statement('* beside another scope', 'F2', { registryScopes: ['*', SCOPE] }),
  statement('a scope twice in a statement', 'F2', { registryScopes: [SCOPE, SCOPE] }),
  {
    name: 'a scope in two statements',
    rule: 'F2',
    document: documentOf(statementOf(), statementOf({ name: 'b' })),
    expected: REFUSED,
  },
  { name: '* in two statements', rule: 'F2', document: documentOf(wildcard('a'), wildcard('b')), expected: REFUSED },
  scope('with a scheme', 'https://registry.example/app'),
  scope('with a tag', 'registry.example/app:v1'),
  scope('with a digest', `registry.example/app@sha256:${'0'.repeat(64)}`),
  scope('of a registry alone', 'registry.example'),
  scope('with a slash at the end', 'registry.example/'),
  scope('with a star inside', 'registry.example/*'),
  scope('with capitals in the repository', 'registry.example/App'),
  scope('that is empty', ''),
  scope('with an empty path segment', 'registry.example/a//b'),
  scope('with a space', 'registry.example/a b'),
  scope('with a port', 'registry.example:5000/app', ACCEPTED),
  scope('of an IPv4 address', '10.0.0.1:5000/app', ACCEPTED),
  scope('of a host without a dot', 'localhost/app', ACCEPTED),
  scope('with capitals in the registry', 'Registry.Example/app', ACCEPTED),
  scope('with dots, dashes and underscores', 'r.example/a.b/c-d/e_f/g__h/i--j', ACCEPTED),
  scope('of an IPv6 address', '[2001:db8::1]:5000/app', wider('registries are reached by IPv6 too')),
  {
    name: 'an exact scope beats *',
    rule: 'F2',
    document: documentOf(wildcard('any'), statementOf({ name: 'exact' })),
    applies: { to: SCOPE, statement: 'exact' },
    expected: ACCEPTED,
  },
  {
    name: '* applies to what nothing else names',
    rule: 'F2',
    document: documentOf(statementOf({ name: 'exact' }), wildcard('any')),
    applies: { to: `${SCOPE}/deeper`, statement: 'any' },
    expected: ACCEPTED,
  },
  {
    name: 'no statement applies to the repository above',
    rule: 'F2',
    document: documentOf(statementOf()),
    applies: { to: 'registry.example/acme', statement: undefined },
    expected: ACCEPTED,
  },
  // Whoever runs an image chooses how its host is spelt: another spelling leads to no other, laxer statement here.
  ...['Registry.Example/app', 'registry.example:443/app'].map((spelt) => ({
    name: `${spelt} is a scope of the same repository`,
    rule: 'F2',
    document: documentOf(statementOf({ name: 'exact', registryScopes: [spelt] })),
    applies: { to: 'registry.example/app', statement: 'exact', theirs: { statement: undefined } },
    expected: ACCEPTED,
  })),
  statement(
    'a field in other case',
    'F1',
    { signatureVerification: { level: 'audit', Override: { revocation: 'enforce' } } },
    stricter('Go reads fields in any case; where others ignore them, what was to be enforced is only logged'),
  ),
  // Stores.
  statement('no trust stores', 'F3', { trustStores: [] }),
  store('acme'),
  store('ca:'),
  store('CA:acme'),
  store('other:acme'),
  store('ca:a/b'),
  store('ca:a b'),
  store('ca: acme'),
  store('ca:ä'),
  store('ca:a:b'),
  store(7),
  store('tsa:acme', ACCEPTED),
  store('signingAuthority:Acme_1.0-x', ACCEPTED),
  store('ca:..', stricter('a store is a folder, and .. is another')),
  store('ca:.', stricter('a store is a folder, and . is the one above')),
  // Levels.
  level('no signatureVerification', 'F7', undefined),
  level('an unknown level', 'F7', { level: 'paranoid' }),
  level('a level in capitals', 'F7', { level: 'Strict' }),
  level('an empty level', 'F7', { level: '' }),
  level('an override of integrity', 'F7', { level: 'strict', override: { integrity: 'log' } }),
  level('an override of integrity with what it is', 'F7', { level: 'strict', override: { integrity: 'enforce' } }),
  level('authenticity skipped', 'F7', { level: 'strict', override: { authenticity: 'skip' } }),
  level('expiry skipped', 'F7', { level: 'audit', override: { expiry: 'skip' } }),
  level('the timestamp skipped', 'F7', { level: 'audit', override: { authenticTimestamp: 'skip' } }),
  level('an override of what there is not', 'F7', { level: 'strict', override: { identity: 'log' } }),
  level('an unknown action', 'F7', { level: 'strict', override: { expiry: 'warn' } }),
  level('revocation skipped', 'F7', { level: 'strict', override: { revocation: 'skip' } }, ACCEPTED),
  level('an empty override', 'F7', { level: 'strict', override: {} }, ACCEPTED),
  level(
    'all that may be overridden',
    'F7',
    {
      level: 'audit',
      override: { authenticity: 'enforce', expiry: 'enforce', authenticTimestamp: 'enforce', revocation: 'log' },
    },
    ACCEPTED,
  ),
  level('verifyTimestamp always', 'F8', { level: 'strict', verifyTimestamp: 'always' }, ACCEPTED),
  level('verifyTimestamp afterCertExpiry', 'F8', { level: 'strict', verifyTimestamp: 'afterCertExpiry' }, ACCEPTED),
  level('verifyTimestamp never', 'F8', { level: 'strict', verifyTimestamp: 'never' }),
  level(
    'an empty verifyTimestamp',
    'F8',
    { level: 'strict', verifyTimestamp: '' },
    stricter('a value is one of two, or absent'),
  ),
  // Skip.
  statement('skip for one repository', 'F7', skip(), ACCEPTED),
  statement('skip with trust stores', 'F3', skip({ trustStores: ['ca:acme'] })),
  statement('skip with identities', 'F5', skip({ trustedIdentities: ['*'] })),
  statement(
    'skip with an override',
    'F7',
    skip({ signatureVerification: { level: 'skip', override: { expiry: 'log' } } }),
  ),
  statement(
    'skip for every repository',
    'F4',
    skip({ registryScopes: ['*'] }),
    stricter('it would trust every image of every registry'),
  ),
  // Identities.
  identities('none', 'F5', []),
  identities('* beside another', 'F5', ['*', 'x509.subject:C=US,ST=WA,O=Acme']),
  identities('an empty one', 'F5', ['']),
  identities('one without a prefix', 'F5', ['C=US,ST=WA,O=Acme']),
  identities('an empty DN', 'F6', ['x509.subject:']),
  identities(
    'of an unknown kind',
    'F5',
    ['x509.san:acme.example'],
    stricter('what nobody compares matches nobody, or is a slip of the pen'),
  ),
  identities('an ARN of AWS Signer', 'F5', ['arn:aws:signer:us-west-2:111122223333:/signing-profiles/acme'], ACCEPTED),
  identities(
    'an ARN of something else',
    'F5',
    ['arn:aws:iam::111122223333:role/x'],
    stricter('only AWS Signer signs images'),
  ),
  identities('the same twice', 'F6', ['x509.subject:C=US,ST=WA,O=Acme', 'x509.subject:C=US,ST=WA,O=Acme']),
  identities('one a subset of the other', 'F6', [
    'x509.subject:C=US,ST=WA,O=Acme',
    'x509.subject:C=US,ST=WA,O=Acme,CN=x',
  ]),
  identities(
    'two apart',
    'F6',
    ['x509.subject:C=US,ST=WA,O=Acme,CN=y', 'x509.subject:C=US,ST=WA,O=Acme,CN=x'],
    ACCEPTED,
  ),
  dn('without C', 'ST=WA,O=Acme'),
  dn('without ST', 'C=US,O=Acme'),
  dn('without O', 'C=US,ST=WA'),
  dn('an RDN of two values', 'C=US,ST=WA,O=Acme+CN=x'),
  dn('an attribute twice', 'C=US,ST=WA,O=Acme,O=Other'),
  dn('S beside ST', 'C=US,ST=WA,S=CA,O=Acme'),
  dn('a value in hexadecimal', 'C=US,ST=WA,O=#0c0441636d65'),
  dn('no sign of equality', 'C=US,ST=WA,O=Acme,CN'),
  dn('a comma at the end', 'C=US,ST=WA,O=Acme,'),
  dn('a backslash at the end', 'C=US,ST=WA,O=Acme\\'),
  dn('an escape that is none', 'C=US,ST=WA,O=Ac\\me'),
  dn('half an escape in hexadecimal', 'C=US,ST=WA,O=Acme\\4'),
  dn('empty mandatory values', 'C=,ST=WA,O=Acme'),
  dn('escaped characters', 'C=US,ST=WA,O=Acme\\, \\"Inc\\"\\+\\\\', ACCEPTED),
  dn('letters beyond ASCII', 'C=DE,ST=Köln,O=Müller', ACCEPTED),
  dn('all of the usual types', 'CN=a,SERIALNUMBER=1,C=US,L=b,ST=WA,STREET=c,O=d,OU=e,POSTALCODE=f', ACCEPTED),
  dn('a space escaped at the end', 'C=US,ST=WA,O=Acme\\ ', ACCEPTED),
  dn('an equals sign in a value', 'C=US,ST=WA,O=a=b', ACCEPTED),
  dn('types in small letters', 'c=US,st=WA,o=Acme', wider(TYPES_IGNORE_CASE)),
  dn(
    'types as OIDs',
    '2.5.4.6=US,2.5.4.8=WA,2.5.4.10=Acme',
    wider('RFC 4514 §2.3: an OID names a type as well as its short name'),
  ),
  dn(
    'semicolons for commas',
    'C=US;ST=WA;O=Acme',
    stricter('RFC 4514 §2.4: a semicolon is escaped, and separates nothing'),
  ),
  dn(
    'quotes that are not escaped',
    'C=US,ST=WA,O="Acme"',
    stricter('RFC 4514 §2.4: quotes are escaped; older syntax read them otherwise'),
  ),
  dn('an unknown type', 'C=US,ST=WA,O=Acme,XX=y', stricter('a type that no certificate can have matches nobody')),
  dn('an empty value', 'C=US,ST=WA,O=Acme,OU=', stricter('an attribute without a value is a slip of the pen')),
  dn('bytes that are no UTF-8', 'C=US,ST=WA,O=\\ff', stricter('RFC 4514 §2.4: escaped bytes are UTF-8')),
];
