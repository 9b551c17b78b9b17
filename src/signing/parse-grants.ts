import { parse, YAMLError } from 'yaml';
import { isRoleArn } from '../aws/index.ts';
import { type Grant, type LabelRequirement, NO_GRANTS, SigningGrants } from './grants.ts';

/** The grants file is wrong: the message names the field. */
export class GrantsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GrantsError';
  }
}

/** The operator's configuration file, read. */
export interface ConfigFile {
  readonly grants: SigningGrants;
  /** By account: the role by which the operator uses that account's registries of Amazon ECR. */
  readonly ecrRoles: ReadonlyMap<string, string>;
}

/**
 * Reads the operator's configuration file.
 * @throws GrantsError
 */
export function parseConfigFile(text: string): ConfigFile {
  const document = parseYaml(text);
  if (document === null || document === undefined) return { grants: NO_GRANTS, ecrRoles: new Map() };
  const root = fields(document, '', ['signing', 'ecr']);
  return { grants: parseSigning(root['signing']), ecrRoles: parseEcr(root['ecr']) };
}

/** The grants of the configuration file alone. @throws GrantsError */
export function parseGrants(text: string): SigningGrants {
  return parseConfigFile(text).grants;
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 10 });
  } catch (error) {
    if (error instanceof YAMLError) throw new GrantsError(`expected YAML: ${error.message.split('\n')[0]}`);
    throw error;
  }
}

function parseSigning(value: unknown): SigningGrants {
  const signing = value === undefined ? {} : fields(value, 'signing', ['grants']);
  const grants = signing['grants'] ?? [];
  if (!Array.isArray(grants)) throw new GrantsError('signing.grants: expected a list');
  return new SigningGrants(grants.map((grant: unknown, i) => parseGrant(grant, `signing.grants[${i}]`)));
}

function parseEcr(value: unknown): ReadonlyMap<string, string> {
  const ecr = value === undefined ? {} : fields(value, 'ecr', ['roles']);
  const list = ecr['roles'] ?? [];
  if (!Array.isArray(list)) throw new GrantsError('ecr.roles: expected a list');
  const roles = new Map<string, string>();
  for (const [i, item] of list.entries()) {
    const path = `ecr.roles[${i}]`;
    const { account, roleArn } = fields(item, path, ['account', 'roleArn']);
    if (typeof account !== 'string' || !/^\d{12}$/.test(account))
      throw new GrantsError(`${path}.account: expected the twelve digits of an AWS account, in quotes`);
    if (typeof roleArn !== 'string' || !isRoleArn(roleArn))
      throw new GrantsError(`${path}.roleArn: expected arn:<partition>:iam::<account>:role/<name>`);
    if (roles.has(account)) throw new GrantsError(`${path}.account: ${account} stands there twice; keep one`);
    roles.set(account, roleArn);
  }
  return roles;
}

function parseGrant(value: unknown, path: string): Grant {
  const grant = fields(value, path, ['namespaces', 'namespaceSelector', 'profileArns', 'roleArns', 'repositories']);
  const namespaces = strings(grant['namespaces'], `${path}.namespaces`);
  const selector =
    grant['namespaceSelector'] === undefined
      ? undefined
      : parseSelector(grant['namespaceSelector'], `${path}.namespaceSelector`);
  if (namespaces.length === 0 && selector === undefined)
    throw new GrantsError(`${path}: expected namespaces or namespaceSelector`);
  const repositories = strings(grant['repositories'], `${path}.repositories`);
  if (repositories.length === 0)
    throw new GrantsError(`${path}.repositories: expected at least one, such as registry.example.com/team-a/*`);
  const profileArns = strings(grant['profileArns'], `${path}.profileArns`);
  const roleArns = strings(grant['roleArns'], `${path}.roleArns`);
  refuseStars(
    namespaces,
    `${path}.namespaces`,
    /^(?:\*|[^*]+)$/,
    '"*" stands alone; use namespaceSelector for several',
  );
  refuseStars(
    repositories,
    `${path}.repositories`,
    /^(?:\*|[^*]+(?:\/\*)?)$/,
    '"*" may stand at the end only, behind a slash',
  );
  refuseStars(profileArns, `${path}.profileArns`, /^[^*]*\*?$/, '"*" may stand at the end only');
  refuseStars(roleArns, `${path}.roleArns`, /^[^*]*\*?$/, '"*" may stand at the end only');
  return { namespaces, selector, profileArns, roleArns, repositories };
}

/** A pattern that looks as if it covered something, and would cover nothing. */
function refuseStars(patterns: readonly string[], path: string, form: RegExp, rule: string): void {
  const wrong = patterns.find((pattern) => !form.test(pattern));
  if (wrong !== undefined) throw new GrantsError(`${path}: ${rule}; found ${JSON.stringify(wrong.slice(0, 200))}`);
}

function parseSelector(value: unknown, path: string): readonly LabelRequirement[] {
  const selector = fields(value, path, ['matchLabels', 'matchExpressions']);
  const labels = selector['matchLabels'] === undefined ? {} : fields(selector['matchLabels'], `${path}.matchLabels`);
  const expressions = selector['matchExpressions'] ?? [];
  if (!Array.isArray(expressions)) throw new GrantsError(`${path}.matchExpressions: expected a list`);
  const requirements = [
    ...Object.entries(labels).map(([key, label]): LabelRequirement => {
      if (typeof label !== 'string') throw new GrantsError(`${path}.matchLabels.${key}: expected a string`);
      return { key, operator: 'In', values: [label] };
    }),
    ...expressions.map((expression: unknown, i) => parseExpression(expression, `${path}.matchExpressions[${i}]`)),
  ];
  if (requirements.length === 0)
    throw new GrantsError(
      `${path}: an empty selector would match every namespace; write namespaces: ["*"] if that is meant`,
    );
  return requirements;
}

function parseExpression(value: unknown, path: string): LabelRequirement {
  const { key, operator, values } = fields(value, path, ['key', 'operator', 'values']);
  if (typeof key !== 'string' || key === '') throw new GrantsError(`${path}.key: expected a label key`);
  if (operator !== 'In' && operator !== 'NotIn' && operator !== 'Exists' && operator !== 'DoesNotExist') {
    throw new GrantsError(`${path}.operator: expected In, NotIn, Exists or DoesNotExist`);
  }
  return { key, operator, values: strings(values, `${path}.values`) };
}

function fields(value: unknown, path: string, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GrantsError(`${path || 'the file'}: expected a mapping`);
  const unknown = known === undefined ? undefined : Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new GrantsError(`${path === '' ? '' : `${path}.`}${unknown}: no such field; expected ${known?.join(', ')}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function strings(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item): item is string => typeof item === 'string' && item !== '')) {
    throw new GrantsError(`${path}: expected a list of strings`);
  }
  return value;
}
