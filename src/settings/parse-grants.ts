import { type Grant, type LabelRequirement, SigningGrants } from '../signing/grants.ts';
import { fields, SettingsError, strings } from './fields.ts';

/**
 * Reads the section `signing`.
 * @param path of the section, for messages
 * @throws SettingsError
 */
export function parseGrants(value: unknown, path: string): SigningGrants {
  const signing = value === undefined ? {} : fields(value, path, ['grants']);
  const grants = signing['grants'] ?? [];
  if (!Array.isArray(grants)) throw new SettingsError(`${path}.grants: expected a list`);
  return new SigningGrants(grants.map((grant: unknown, i) => parseGrant(grant, `${path}.grants[${i}]`)));
}

function parseGrant(value: unknown, path: string): Grant {
  const grant = fields(value, path, ['namespaces', 'namespaceSelector', 'profileArns', 'roleArns', 'repositories']);
  const namespaces = strings(grant['namespaces'], `${path}.namespaces`);
  const selector =
    grant['namespaceSelector'] === undefined
      ? undefined
      : parseSelector(grant['namespaceSelector'], `${path}.namespaceSelector`);
  if (namespaces.length === 0 && selector === undefined)
    throw new SettingsError(`${path}: expected namespaces or namespaceSelector`);
  const repositories = strings(grant['repositories'], `${path}.repositories`);
  if (repositories.length === 0)
    throw new SettingsError(`${path}.repositories: expected at least one, such as registry.example.com/team-a/*`);
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
  if (wrong !== undefined) throw new SettingsError(`${path}: ${rule}; found ${JSON.stringify(wrong.slice(0, 200))}`);
}

function parseSelector(value: unknown, path: string): readonly LabelRequirement[] {
  const selector = fields(value, path, ['matchLabels', 'matchExpressions']);
  const labels = selector['matchLabels'] === undefined ? {} : fields(selector['matchLabels'], `${path}.matchLabels`);
  const expressions = selector['matchExpressions'] ?? [];
  if (!Array.isArray(expressions)) throw new SettingsError(`${path}.matchExpressions: expected a list`);
  const requirements = [
    ...Object.entries(labels).map(([key, label]): LabelRequirement => {
      if (typeof label !== 'string') throw new SettingsError(`${path}.matchLabels.${key}: expected a string`);
      return { key, operator: 'In', values: [label] };
    }),
    ...expressions.map((expression: unknown, i) => parseExpression(expression, `${path}.matchExpressions[${i}]`)),
  ];
  if (requirements.length === 0)
    throw new SettingsError(
      `${path}: an empty selector would match every namespace; write namespaces: ["*"] if that is meant`,
    );
  return requirements;
}

function parseExpression(value: unknown, path: string): LabelRequirement {
  const { key, operator, values } = fields(value, path, ['key', 'operator', 'values']);
  if (typeof key !== 'string' || key === '') throw new SettingsError(`${path}.key: expected a label key`);
  if (operator !== 'In' && operator !== 'NotIn' && operator !== 'Exists' && operator !== 'DoesNotExist') {
    throw new SettingsError(`${path}.operator: expected In, NotIn, Exists or DoesNotExist`);
  }
  return { key, operator, values: strings(values, `${path}.values`) };
}
