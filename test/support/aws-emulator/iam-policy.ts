/** A policy document of IAM, as in config/iam. */
export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly PolicyStatement[];
}

interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** What is asked for: an action on a resource; `*` where the service knows no resource for the action. */
export interface Access {
  readonly action: string;
  readonly resource: string;
  /** Condition keys, such as `signer:ProfileVersion`. */
  readonly context?: Readonly<Record<string, string>>;
}

export type Decision = 'allow' | 'deny' | 'silent';

const KNOWN_FIELDS = ['Sid', 'Effect', 'Action', 'Resource', 'Condition'];

/**
 * Decides by IAM's rules: an explicit denial, else an allowance, else nothing is said, which denies as well.
 * @throws Error for what this evaluation does not know: it must never allow by misreading
 */
export function evaluate(documents: readonly PolicyDocument[], access: Access): Decision {
  const effects = documents.flatMap((document) => {
    if (document.Version !== '2012-10-17') throw new Error(`policy: expected Version 2012-10-17`);
    return document.Statement.filter((statement) => applies(statement, access)).map(({ Effect }) => Effect);
  });
  if (effects.includes('Deny')) return 'deny';
  return effects.includes('Allow') ? 'allow' : 'silent';
}

function applies(statement: PolicyStatement, access: Access): boolean {
  const unknown = Object.keys(statement).find((field) => !KNOWN_FIELDS.includes(field));
  if (unknown !== undefined) throw new Error(`policy: the emulator does not know the element ${unknown}`);
  return (
    list(statement.Action).some((pattern) => matches(pattern.toLowerCase(), access.action.toLowerCase())) &&
    list(statement.Resource).some((pattern) => matches(pattern, access.resource)) &&
    conditionsHold(statement.Condition ?? {}, access.context ?? {})
  );
}

function conditionsHold(
  conditions: NonNullable<PolicyStatement['Condition']>,
  context: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(conditions).every(([operator, keys]) => {
    if (operator !== 'StringEquals' && operator !== 'StringLike')
      throw new Error(`policy: the emulator does not know the condition operator ${operator}`);
    return Object.entries(keys).every(([key, values]) => {
      const found = context[key];
      if (found === undefined) return false;
      return list(values).some((value) => (operator === 'StringLike' ? matches(value, found) : value === found));
    });
  });
}

/** With `*` and `?`, over the whole text. */
function matches(pattern: string, text: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`, 's').test(text);
}

function list(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}
