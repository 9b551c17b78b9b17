import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { parse, YAMLError } from 'yaml';

/** The grants file is wrong: the message names the field. */
export class GrantsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GrantsError';
  }
}

interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

interface Grant {
  readonly namespaces: readonly string[];
  readonly selector: readonly LabelRequirement[] | undefined;
  readonly profileArns: readonly string[];
  readonly roleArns: readonly string[];
  readonly repositories: readonly string[];
}

/** Who asks for what. */
export interface GrantRequest {
  readonly namespace: string;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  readonly profileArn?: string;
  readonly roleArn?: string;
  /** `registry/repository`. */
  readonly repository: string;
}

export type GrantAnswer = { readonly granted: true } | { readonly granted: false; readonly message: string };

/** Who may have what signed with which identity (design.md, "Signing grants"). Nothing is granted by default. */
export class SigningGrants {
  readonly #grants: readonly Grant[];

  constructor(grants: readonly Grant[]) {
    this.#grants = grants;
  }

  /** Whether one grant covers all of a request. The answer names what would be needed, never what others have. */
  check(request: GrantRequest): GrantAnswer {
    const granted = this.#grants.some(
      (grant) =>
        coversNamespace(grant, request) &&
        (request.profileArn === undefined || matchesAny(grant.profileArns, request.profileArn)) &&
        (request.roleArn === undefined || matchesAny(grant.roleArns, request.roleArn)) &&
        grant.repositories.some((pattern) => coversRepository(pattern, request.repository)),
    );
    if (granted) return { granted: true };
    const parts = [
      `namespace ${request.namespace}`,
      ...(request.profileArn === undefined ? [] : [`profileArns ${request.profileArn}`]),
      ...(request.roleArn === undefined ? [] : [`roleArns ${request.roleArn}`]),
      `repositories ${request.repository}`,
    ];
    return {
      granted: false,
      message: `no signing grant covers this: whoever runs the operator must add to signing.grants one with ${parts.join(', ')}`,
    };
  }
}

/** Nothing is granted. */
export const NO_GRANTS = new SigningGrants([]);

function coversNamespace({ namespaces, selector }: Grant, { namespace, namespaceLabels }: GrantRequest): boolean {
  if (namespaces.includes(namespace) || namespaces.includes('*')) return true;
  return selector?.every((requirement) => meets(requirement, namespaceLabels)) === true;
}

function meets({ key, operator, values }: LabelRequirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** Exact, or a prefix that ends with `*`. */
function matchesAny(patterns: readonly string[], arn: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? arn.startsWith(pattern.slice(0, -1)) : pattern === arn));
}

/** Exact, or everything below a path that ends with a slash and a star; a star alone is everything. */
function coversRepository(pattern: string, repository: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('/*') ? repository.startsWith(pattern.slice(0, -1)) : pattern === repository;
}

/**
 * Reads the operator's configuration file.
 * @throws GrantsError
 */
export function parseGrants(text: string): SigningGrants {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 10 });
  } catch (error) {
    if (error instanceof YAMLError) throw new GrantsError(`expected YAML: ${error.message.split('\n')[0]}`);
    throw error;
  }
  if (document === null || document === undefined) return NO_GRANTS;
  const root = fields(document, '', ['signing']);
  const signing = root['signing'] === undefined ? {} : fields(root['signing'], 'signing', ['grants']);
  const grants = signing['grants'] ?? [];
  if (!Array.isArray(grants)) throw new GrantsError('signing.grants: expected a list');
  return new SigningGrants(grants.map((grant: unknown, i) => parseGrant(grant, `signing.grants[${i}]`)));
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
  const star = repositories.find((pattern) => pattern !== '*' && pattern.slice(0, -2).includes('*'));
  if (star !== undefined)
    throw new GrantsError(
      `${path}.repositories: "*" may stand at the end only, behind a slash; found ${JSON.stringify(star)}`,
    );
  return {
    namespaces,
    selector,
    profileArns: strings(grant['profileArns'], `${path}.profileArns`),
    roleArns: strings(grant['roleArns'], `${path}.roleArns`),
    repositories,
  };
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

const POLL_MS = 2_000;

/** The grants file, read again when it changes; a bad new one leaves the last good grants in force. */
export class GrantsFile {
  readonly #path: string | undefined;
  #text: string | undefined;
  #grants: SigningGrants = NO_GRANTS;
  #timer: NodeJS.Timeout | undefined;

  /** @param path absent: nothing is granted */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  current(): SigningGrants {
    return this.#grants;
  }

  /** Reads the file now. @throws GrantsError, or the file system's error */
  async load(): Promise<void> {
    if (this.#path === undefined) return;
    const text = await readFile(this.#path, 'utf8');
    this.#grants = parseGrants(text);
    this.#text = text;
  }

  /** Looks at the file every 2 s: a mounted ConfigMap is swapped as a whole, which watching the file would miss. */
  start(onChange: () => void, logger: Logger): void {
    if (this.#path === undefined) return;
    this.#timer = setInterval(() => {
      this.#reload(onChange, logger).catch((error: unknown) => {
        logger.error(
          { err: error, file: this.#path },
          'the signing grants could not be read again; the last good ones stay in force',
        );
      });
    }, POLL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #reload(onChange: () => void, logger: Logger): Promise<void> {
    const text = await readFile(this.#path ?? '', 'utf8');
    if (text === this.#text) return;
    this.#text = text;
    this.#grants = parseGrants(text);
    logger.info({ file: this.#path }, 'the signing grants were read again');
    onChange();
  }
}
