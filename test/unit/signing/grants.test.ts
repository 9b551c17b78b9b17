import { describe, expect, it } from 'vitest';
import { GrantsError, NO_GRANTS, parseGrants } from '../../../src/signing/grants.ts';

const PROFILE = 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/shop';
const GRANTS = parseGrants(`
signing:
  grants:
    - namespaces: [shop]
      profileArns: ["${PROFILE}"]
      repositories: ["registry.example.com/shop/*"]
    - namespaceSelector:
        matchLabels: {team: platform}
        matchExpressions: [{key: env, operator: NotIn, values: [test]}]
      profileArns: ["arn:aws:signer:us-west-2:111122223333:/signing-profiles/*"]
      roleArns: ["arn:aws:iam::111122223333:role/sign"]
      repositories: ["registry.example.com/base"]
`);
const ASK = {
  namespace: 'shop',
  namespaceLabels: {},
  profileArn: PROFILE,
  repository: 'registry.example.com/shop/web',
};
const PLATFORM = {
  namespace: 'x',
  namespaceLabels: { team: 'platform' },
  profileArn: PROFILE,
  repository: 'registry.example.com/base',
};

describe('a signing grant', () => {
  it.each<[string, object, boolean]>([
    ['covers what it names', ASK, true],
    ['no other namespace', { ...ASK, namespace: 'shop-2' }, false],
    ['no other profile', { ...ASK, profileArn: `${PROFILE}2` }, false],
    ['no repository beside the path', { ...ASK, repository: 'registry.example.com/shop-evil/web' }, false],
    ['no repository that is the path itself', { ...ASK, repository: 'registry.example.com/shop' }, false],
    ['no other registry', { ...ASK, repository: 'evil.test/registry.example.com/shop/web' }, false],
    ['no role that it does not name', { ...ASK, roleArn: 'arn:aws:iam::111122223333:role/sign' }, false],
    ['a namespace by its labels', PLATFORM, true],
    ['a role that it names', { ...PLATFORM, roleArn: 'arn:aws:iam::111122223333:role/sign' }, true],
    [
      'no namespace that an expression leaves out',
      { ...PLATFORM, namespaceLabels: { team: 'platform', env: 'test' } },
      false,
    ],
    ['no parts of two grants put together', { ...ASK, repository: 'registry.example.com/base' }, false],
    ['a label named like an inherited property is none', { ...PLATFORM, namespaceLabels: {} }, false],
  ])('%s', (_name, request, granted) => {
    expect(GRANTS.check(request as typeof ASK).granted).toBe(granted);
  });

  it('is not there by default, and the answer names what is needed, not what others have', () => {
    const answer = NO_GRANTS.check(ASK);
    expect(answer).toMatchObject({ granted: false, message: expect.stringContaining(PROFILE) });
    const other = GRANTS.check({ ...ASK, namespace: 'other' });
    expect(JSON.stringify(other)).not.toContain('role/sign');
  });

  it.each([
    ['signing: {grants: {}}', 'signing.grants: expected a list'],
    ['signing: {grant: []}', 'signing.grant: no such field'],
    ['sign: {}', 'sign: no such field'],
    ['signing: {grants: [{repositories: ["*"]}]}', 'expected namespaces or namespaceSelector'],
    ['signing: {grants: [{namespaces: [a], repositories: ["r.example.com/*/x"]}]}', '"*" may stand at the end only'],
    [
      'signing: {grants: [{namespaces: a, repositories: ["*"]}]}',
      'signing.grants[0].namespaces: expected a list of strings',
    ],
    [
      'signing: {grants: [{namespaceSelector: {}, repositories: ["*"]}]}',
      'an empty selector would match every namespace',
    ],
    [
      'signing: {grants: [{namespaceSelector: {matchExpressions: [{key: a, operator: Is}]}, repositories: ["*"]}]}',
      'expected In, NotIn, Exists or DoesNotExist',
    ],
    ['[1, 2]', 'the file: expected a mapping'],
    ['a: [', 'expected YAML'],
  ])('file %s is refused, naming the field', (text, message) => {
    expect(() => parseGrants(text)).toThrow(GrantsError);
    expect(() => parseGrants(text)).toThrow(message);
  });

  it('an empty file grants nothing', () => {
    expect(parseGrants('').check(ASK).granted).toBe(false);
  });
});
