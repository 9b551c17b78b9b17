import { describe, expect, it } from 'vitest';
import { parseSettings, SettingsError } from '../../../src/settings/index.ts';
import type { SigningGrants } from '../../../src/signing/grants.ts';
import { NO_GRANTS } from '../../../src/signing/grants.ts';

const parseGrants = (text: string): SigningGrants => parseSettings(text).grants;
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
    ['no role that it does not name', { ...ASK, roleArns: ['arn:aws:iam::111122223333:role/sign'] }, false],
    ['a namespace by its labels', PLATFORM, true],
    [
      'several roles, one of which it does not name',
      {
        ...PLATFORM,
        roleArns: ['arn:aws:iam::111122223333:role/sign', 'arn:aws:iam::111122223333:role/other'],
      },
      false,
    ],
    ['a role that it names', { ...PLATFORM, roleArns: ['arn:aws:iam::111122223333:role/sign'] }, true],
    [
      'no namespace that an expression leaves out',
      { ...PLATFORM, namespaceLabels: { team: 'platform', env: 'test' } },
      false,
    ],
    ['no parts of two grants put together', { ...ASK, repository: 'registry.example.com/base' }, false],
    ['no namespace without the label', { ...PLATFORM, namespaceLabels: {} }, false],
    ['a namespace that it names, although its labels are not known', { ...ASK, namespaceLabels: undefined }, true],
    ['no profile in other letters', { ...ASK, profileArn: PROFILE.toUpperCase() }, false],
    ['no namespace that only begins the same', { ...ASK, namespace: 'sho' }, false],
    ['a path below the path', { ...ASK, repository: 'registry.example.com/shop/a/b' }, true],
  ])('%s', (_name, request, granted) => {
    expect(GRANTS.check(request as typeof ASK).granted).toBe(granted);
  });

  it.each(['NotIn, values: [a]', 'DoesNotExist'])(
    'by labels left out (%s) covers no namespace that is not known',
    (rule) => {
      const grants = parseGrants(`
signing:
  grants:
    - namespaceSelector: {matchExpressions: [{key: tenant, operator: ${rule}}]}
      profileArns: ["*"]
      repositories: ["*"]`);
      expect(grants.check({ ...ASK, namespaceLabels: {} }).granted).toBe(true);
      expect(grants.check({ ...ASK, namespaceLabels: undefined }).granted).toBe(false);
      expect(grants.check({ ...ASK, namespaceLabels: { tenant: 'a' } }).granted).toBe(false);
    },
  );

  it('a label key named like an inherited property is no label', () => {
    const grants = parseGrants(
      'signing: {grants: [{namespaceSelector: {matchExpressions: [{key: constructor, operator: Exists}]}, profileArns: ["*"], repositories: ["*"]}]}',
    );
    expect(grants.check(ASK).granted).toBe(false);
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
    ['signing: {grants: [{namespaces: [a], repositories: ["r.example.com/team*"]}]}', 'behind a slash'],
    ['signing: {grants: [{namespaces: [a], repositories: ["**"]}]}', 'behind a slash'],
    ['signing: {grants: [{namespaces: [a], repositories: ["*/*"]}]}', 'behind a slash'],
    ['signing: {grants: [{namespaces: ["team-*"], repositories: ["*"]}]}', 'use namespaceSelector for several'],
    [
      'signing: {grants: [{namespaces: [a], profileArns: ["arn:aws:signer:*:111122223333:/signing-profiles/x"], repositories: ["*"]}]}',
      'signing.grants[0].profileArns: "*" may stand at the end only',
    ],
    [
      'signing: {grants: [{namespaces: [a], roleArns: ["arn:aws:iam::*:role/x"], repositories: ["*"]}]}',
      'signing.grants[0].roleArns: "*" may stand at the end only',
    ],
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
    expect(() => parseGrants(text)).toThrow(SettingsError);
    expect(() => parseGrants(text)).toThrow(message);
  });

  it('an empty file grants nothing', () => {
    expect(parseGrants('').check(ASK).granted).toBe(false);
  });
});
