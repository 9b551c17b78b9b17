import { isRoleArn } from '../aws/index.ts';
import { fields, SettingsError } from './fields.ts';

/** By account: the role by which the operator uses that account's registries of Amazon ECR. */
export type EcrRoles = ReadonlyMap<string, string>;

export const NO_ECR_ROLES: EcrRoles = new Map();

/**
 * Reads the section `ecr`.
 * @param path of the section, for messages
 * @throws SettingsError
 */
export function parseEcrRoles(value: unknown, path: string): EcrRoles {
  const ecr = value === undefined ? {} : fields(value, path, ['roles']);
  const list = ecr['roles'] ?? [];
  if (!Array.isArray(list)) throw new SettingsError(`${path}.roles: expected a list`);
  const roles = new Map<string, string>();
  for (const [i, item] of list.entries()) {
    const at = `${path}.roles[${i}]`;
    const { account, roleArn } = fields(item, at, ['account', 'roleArn']);
    if (typeof account !== 'string' || !/^\d{12}$/.test(account))
      throw new SettingsError(`${at}.account: expected the twelve digits of an AWS account, in quotes`);
    if (typeof roleArn !== 'string' || !isRoleArn(roleArn))
      throw new SettingsError(`${at}.roleArn: expected arn:<partition>:iam::<account>:role/<name>`);
    if (roles.has(account)) throw new SettingsError(`${at}.account: ${account} stands there twice; keep one`);
    roles.set(account, roleArn);
  }
  return roles;
}
