import { NotaryError } from '../error.ts';
import { quote } from '../quote.ts';
import { foldCase } from '../strict-json.ts';
import { checkTrustedIdentities } from './identity.ts';
import { applyOverrides, isLevel } from './levels.ts';
import { canonicalScope } from './scope.ts';
import type {
  Statement,
  TrustPolicyDocument,
  TrustPolicyStatementDocument,
  TrustStoreKind,
  TrustStoreReference,
} from './statement.ts';

const REGISTRY =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::\d{1,5})?$/;
const IPV6_REGISTRY = /^\[[0-9A-Fa-f:]{2,39}\](?::\d{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const STORE = /^(ca|signingAuthority|tsa):([A-Za-z0-9_.-]+)$/;
const MAX_SCOPE_LENGTH = 512;
const DOCUMENT_FIELDS = ['version', 'trustPolicies'] as const;
const STATEMENT_FIELDS = [
  'name',
  'registryScopes',
  'signatureVerification',
  'trustStores',
  'trustedIdentities',
] as const satisfies (keyof TrustPolicyStatementDocument)[];
const VERIFICATION_FIELDS = ['level', 'override', 'verifyTimestamp'] as const;

/**
 * Reads a trust policy document (notary.md F).
 * @throws NotaryError InvalidTrustPolicy, naming statement, field, what was expected and found
 */
export function parseTrustPolicyDocument(document: TrustPolicyDocument): readonly Statement[] {
  if (!isObject(document)) throw invalid('F1', 'expected a document with version and trustPolicies');
  refuseMisspeltFields(document, DOCUMENT_FIELDS, '');
  if (document.version !== '1.0') {
    throw invalid('F1', `version: expected "1.0"; found ${show(document.version)}`);
  }
  if (!Array.isArray(document.trustPolicies) || document.trustPolicies.length === 0) {
    throw invalid('F1', 'trustPolicies: expected at least one statement; found none');
  }
  const names = new Set<string>();
  const scopes = new Map<string, string>();
  return document.trustPolicies.map((statement, i) => {
    if (!isObject(statement))
      throw invalid('F1', `trustPolicies[${i}]: expected a statement; found ${show(statement)}`);
    const label =
      typeof statement.name !== 'string' || statement.name === ''
        ? `trustPolicies[${i}]`
        : `statement ${quote(statement.name)}`;
    if (typeof statement.name !== 'string' || statement.name === '')
      throw invalid('F1', `${label}.name: expected a name; found ${show(statement.name)}`);
    refuseMisspeltFields(statement, STATEMENT_FIELDS, `${label}: `);
    if (names.has(statement.name)) throw invalid('F1', `${label}: the name stands twice; rename one`);
    names.add(statement.name);
    for (const scope of checkScopes(statement.registryScopes, label)) {
      const holder = scopes.get(scope);
      if (holder !== undefined)
        throw invalid('F2', `${label}: registryScopes: ${scope} already stands in statement "${holder}"`);
      scopes.set(scope, statement.name);
    }
    return parseStatement(statement, label);
  });
}

/** Notation reads a field in any case: here it would be ignored, and what was meant to be enforced only logged. */
function refuseMisspeltFields(object: object, fields: readonly string[], label: string): void {
  const folded = new Map(fields.map((field) => [foldCase(field), field]));
  for (const key of Object.keys(object)) {
    const meant = fields.includes(key) ? undefined : folded.get(foldCase(key));
    if (meant !== undefined) throw invalid('F1', `${label}expected the field ${meant}; found ${quote(key)}`);
  }
}

/** The statement for `registry/repository`: an exact scope, else the same in another spelling, else `*`, else none (F2). */
export function selectStatement(statements: readonly Statement[], repository: string): Statement | undefined {
  const canonical = canonicalScope(repository);
  return (
    statements.find(({ registryScopes }) => registryScopes.includes(repository)) ??
    statements.find(({ registryScopes }) => registryScopes.some((scope) => canonicalScope(scope) === canonical)) ??
    statements.find(({ registryScopes }) => registryScopes.includes('*'))
  );
}

function parseStatement(statement: TrustPolicyStatementDocument, label: string): Statement {
  if (!isObject(statement.signatureVerification)) {
    throw invalid('F7', `${label}: signatureVerification: expected an object with level; found none`);
  }
  refuseMisspeltFields(statement.signatureVerification, VERIFICATION_FIELDS, `${label}: signatureVerification: `);
  const { level, override = {}, verifyTimestamp = 'always' } = statement.signatureVerification;
  if (typeof level !== 'string' || !isLevel(level)) {
    throw invalid(
      'F7',
      `${label}: signatureVerification.level: expected strict, permissive, audit or skip; found ${show(level)}`,
    );
  }
  if (!isObject(override)) throw invalid('F7', `${label}: signatureVerification.override: expected an object`);
  const actions = applyOverrides(level, override);
  if (typeof actions === 'string') throw invalid('F7', `${label}: signatureVerification.${actions}`);
  if (verifyTimestamp !== 'always' && verifyTimestamp !== 'afterCertExpiry') {
    throw invalid(
      'F8',
      `${label}: signatureVerification.verifyTimestamp: expected always or afterCertExpiry; found ${show(verifyTimestamp)}`,
    );
  }
  if (level === 'skip' && statement.registryScopes.includes('*')) {
    throw invalid('F4', `${label}: level skip with the scope "*" would trust every image; name the repositories`);
  }
  const trustStores = checkStores(statement.trustStores ?? [], level === 'skip', label);
  return {
    name: statement.name,
    registryScopes: [...statement.registryScopes],
    level,
    actions,
    verifyTimestamp,
    trustStores,
    trustedIdentities: checkIdentities(statement.trustedIdentities ?? [], level === 'skip', label),
  };
}

function checkScopes(scopes: readonly string[] | undefined, label: string): readonly string[] {
  if (!isTexts(scopes) || scopes.length === 0) {
    throw invalid('F2', `${label}: registryScopes: expected a list of at least one; found ${show(scopes)}`);
  }
  if (scopes.includes('*') && scopes.length > 1) {
    throw invalid('F2', `${label}: registryScopes: "*" must stand alone; remove it or the others`);
  }
  for (const scope of scopes) {
    if (scope !== '*' && !isRepositoryScope(scope)) {
      throw invalid(
        'F2',
        `${label}: registryScopes: expected "*" or registry/repository without scheme, tag or digest; found ${quote(scope)}${scopeAdvice(scope)}`,
      );
    }
  }
  const twice = scopes.find((scope, i) => scopes.indexOf(scope) !== i);
  if (twice !== undefined) throw invalid('F2', `${label}: registryScopes: ${twice} stands twice; remove one`);
  return scopes;
}

/** Whether a text is a scope that names one repository: `registry/repository` (F2). */
export function isRepositoryScope(scope: string): boolean {
  const slash = scope.indexOf('/');
  if (slash === -1 || scope.length > MAX_SCOPE_LENGTH) return false;
  const registry = scope.slice(0, slash);
  return (REGISTRY.test(registry) || IPV6_REGISTRY.test(registry)) && REPOSITORY.test(scope.slice(slash + 1));
}

function scopeAdvice(scope: string): string {
  if (scope.length > 200) return '';
  if (scope.includes('*')) return '; patterns are not supported, name each repository';
  const bare = scope
    .replace(/^[a-z]+:\/\//, '')
    .replace(/@.*$/, '')
    .replace(/:[^/]*$/, '');
  const named = bare.includes('/') ? bare : `docker.io/library/${bare}`;
  return isRepositoryScope(named) ? `; did you mean ${named}?` : '';
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: readonly string[] | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** A value of unknown type for a message. */
function show(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? quote(value) : quote(JSON.stringify(value));
}

function checkStores(stores: readonly string[], skip: boolean, label: string): readonly TrustStoreReference[] {
  if (!isTexts(stores)) throw invalid('F3', `${label}: trustStores: expected a list of names; found ${show(stores)}`);
  if (skip && stores.length > 0) throw invalid('F3', `${label}: trustStores: not allowed with level skip; remove them`);
  if (!skip && stores.length === 0)
    throw invalid('F3', `${label}: trustStores: expected at least one, such as ca:my-store; found none`);
  return stores.map((store) => {
    const match = STORE.exec(store);
    const [type, name] = [match?.[1], match?.[2]];
    if (type === undefined || name === undefined || name === '.' || name === '..') {
      throw invalid(
        'F3',
        `${label}: trustStores: expected ca:, signingAuthority: or tsa: and a name of letters, digits, "_", "." and "-"; found ${quote(store)}`,
      );
    }
    return { type: type as TrustStoreKind, name };
  });
}

function checkIdentities(identities: readonly string[], skip: boolean, label: string): readonly string[] {
  if (!isTexts(identities)) {
    throw invalid('F5', `${label}: trustedIdentities: expected a list; found ${show(identities)}`);
  }
  if (skip) {
    if (identities.length > 0)
      throw invalid('F5', `${label}: trustedIdentities: not allowed with level skip; remove them`);
    return [];
  }
  try {
    checkTrustedIdentities(identities);
  } catch (error) {
    if (!(error instanceof NotaryError)) throw error;
    throw new NotaryError('InvalidTrustPolicy', `trust policy: ${label}: trustedIdentities: ${error.message}`, {
      rule: error.rule ?? 'F5',
      cause: error,
    });
  }
  return [...identities];
}

function invalid(rule: string, message: string): NotaryError {
  return new NotaryError('InvalidTrustPolicy', `trust policy: ${message} (notary.md ${rule})`, { rule });
}
