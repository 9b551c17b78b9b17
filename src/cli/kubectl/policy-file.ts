import { parseAllDocuments } from 'yaml';
import { API_VERSION } from '../../api/group.ts';
import { isObjectName } from '../../api/object.ts';
import type { TrustPolicy, TrustPolicySpec } from '../../api/trust-policy.ts';
import { NotaryError, parseTrustPolicyDocument } from '../../notary/index.ts';
import { UsageError } from '../failure.ts';
import { quote } from '../words.ts';

/** A TrustPolicy as it would be applied. */
export interface NewPolicy {
  readonly name: string;
  readonly spec: TrustPolicySpec;
}

const MAX_DOCUMENTS = 100;

/**
 * Reads TrustPolicies of a manifest, YAML of one or more documents, or JSON.
 * @param path names it in messages
 * @throws UsageError that names document, field, and what was expected
 */
export function parsePolicies(text: string, path: string): readonly NewPolicy[] {
  const documents = parseAllDocuments(text);
  const list = Array.isArray(documents) ? documents : [];
  if (list.length > MAX_DOCUMENTS) throw new UsageError(`${path}: expected at most ${MAX_DOCUMENTS} documents`);
  const policies = list.flatMap((document, i): readonly NewPolicy[] => {
    const where = list.length === 1 ? path : `${path}, document ${i + 1}`;
    const [error] = document.errors;
    if (error !== undefined) throw new UsageError(`${where}: is no YAML: ${error.message}`);
    const value: unknown = contentOf(() => document.toJS({ maxAliasCount: 0 }), where);
    return value === null ? [] : [readPolicy(value, where)];
  });
  if (policies.length === 0) throw new UsageError(`${path}: expected a TrustPolicy, found nothing`);
  const twice = policies.find(({ name }, i) => policies.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) throw new UsageError(`${path}: TrustPolicy ${twice.name} is there twice: keep one`);
  return policies;
}

function contentOf(read: () => unknown, where: string): unknown {
  try {
    return read();
  } catch (error) {
    throw new UsageError(`${where}: cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function readPolicy(value: unknown, where: string): NewPolicy {
  const [apiVersion, kind] = [fieldOf(value, 'apiVersion'), fieldOf(value, 'kind')];
  if (apiVersion !== API_VERSION || kind !== 'TrustPolicy') {
    const found = `${quote(String(kind ?? 'no kind'))} of ${quote(String(apiVersion ?? 'no apiVersion'))}`;
    throw new UsageError(`${where}: expected kind TrustPolicy of apiVersion ${API_VERSION}; found ${found}`);
  }
  const name = fieldOf(fieldOf(value, 'metadata'), 'name');
  if (typeof name !== 'string' || !isObjectName(name))
    throw new UsageError(`${where}: metadata.name: expected the name of the TrustPolicy; found ${quote(String(name))}`);
  const spec = fieldOf(value, 'spec');
  try {
    parseTrustPolicyDocument(spec as TrustPolicySpec);
  } catch (error) {
    if (!(error instanceof NotaryError)) throw error;
    throw new UsageError(`${where}: TrustPolicy ${name}: ${error.message}`, { cause: error });
  }
  return { name, spec: spec as TrustPolicySpec };
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[field] : undefined;
}

/** The policies of a cluster once others are applied: a new one is its youngest, and loses where two claim a scope. */
export function changedPolicies(
  policies: readonly TrustPolicy[],
  added: readonly NewPolicy[],
  now: Date,
): readonly (Pick<TrustPolicy, 'spec'> & {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
})[] {
  const specs = new Map(added.map(({ name, spec }) => [name, spec]));
  const known = new Set(policies.map(({ metadata }) => metadata.name));
  const youngest = Math.max(
    now.getTime(),
    ...policies.map(({ metadata }) => Date.parse(metadata.creationTimestamp) + 1),
  );
  return [
    ...policies.map((policy) => ({ metadata: policy.metadata, spec: specs.get(policy.metadata.name) ?? policy.spec })),
    ...added
      .filter(({ name }) => !known.has(name))
      .map(({ name, spec }) => ({ metadata: { name, creationTimestamp: new Date(youngest).toISOString() }, spec })),
  ];
}
