import { describe, expect, it } from 'vitest';
import { parseSettings, SettingsError } from '../../../src/settings/index.ts';

describe('roles for the registries of Amazon ECR (aws.md, "Amazon ECR")', () => {
  it('are one for each account', () => {
    const { ecrRoles, grants } = parseSettings(
      'ecr: {roles: [{account: "444455556666", roleArn: "arn:aws:iam::444455556666:role/pull"}]}',
    );
    expect([...ecrRoles]).toEqual([['444455556666', 'arn:aws:iam::444455556666:role/pull']]);
    // A role for the operator's own pulls grants nobody anything.
    expect(grants.check({ namespace: 'a', namespaceLabels: {}, repository: 'r/x', roleArns: [] }).granted).toBe(false);
  });

  it.each([
    ['', []],
    ['signing: {grants: []}', []],
    ['ecr: {}', []],
  ])('none by %j', (text, expected) => {
    expect([...parseSettings(text).ecrRoles]).toEqual(expected);
  });

  it.each([
    ['ecr: []', 'ecr: expected a mapping'],
    ['ecr: {roles: {}}', 'ecr.roles: expected a list'],
    ['ecr: {role: []}', 'ecr.role: no such field'],
    ['ecr: {roles: [{account: 444455556666, roleArn: "arn:aws:iam::444455556666:role/pull"}]}', 'in quotes'],
    ['ecr: {roles: [{account: "444455556666", roleArn: "pull"}]}', 'ecr.roles[0].roleArn: expected arn:'],
    [
      'ecr: {roles: [{account: "444455556666", roleArn: "arn:aws:iam::444455556666:role/a"}, {account: "444455556666", roleArn: "arn:aws:iam::444455556666:role/b"}]}',
      'ecr.roles[1].account: 444455556666 stands there twice',
    ],
  ])('are refused with the field: %s', (text, message) => {
    expect(() => parseSettings(text)).toThrow(SettingsError);
    expect(() => parseSettings(text)).toThrow(message);
  });
});
