/** One requirement of a label selector, as Kubernetes has them. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

/** One entry of signing.grants. */
export interface Grant {
  readonly namespaces: readonly string[];
  readonly selector: readonly LabelRequirement[] | undefined;
  readonly profileArns: readonly string[];
  readonly roleArns: readonly string[];
  readonly repositories: readonly string[];
}

/** Who asks for what. */
export interface GrantRequest {
  readonly namespace: string;
  /** Undefined while the namespace is not known: then no selector covers it, not even one that leaves labels out. */
  readonly namespaceLabels: Readonly<Record<string, string>> | undefined;
  readonly profileArn?: string;
  /** Every role that would be assumed. */
  readonly roleArns?: readonly string[];
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
        (request.roleArns ?? []).every((roleArn) => matchesAny(grant.roleArns, roleArn)) &&
        grant.repositories.some((pattern) => coversRepository(pattern, request.repository)),
    );
    if (granted) return { granted: true };
    const parts = [
      `namespaces ${request.namespace}`,
      ...(request.profileArn === undefined ? [] : [`profileArns ${request.profileArn}`]),
      ...(request.roleArns ?? []).map((roleArn) => `roleArns ${roleArn}`),
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
  if (selector === undefined || namespaceLabels === undefined) return false;
  return selector.every((requirement) => meets(requirement, namespaceLabels));
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
