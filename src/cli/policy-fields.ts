import { quote } from './words.ts';

const DOCUMENT = ['version', 'trustPolicies'] as const;
const STATEMENT = ['name', 'registryScopes', 'signatureVerification', 'trustStores', 'trustedIdentities'] as const;
const VERIFICATION = ['level', 'override', 'verifyTimestamp'] as const;

/**
 * The fields of a trust policy that mean nothing: notation and Sealwatch ignore them, and a slip of the pen in
 * `override` would go unnoticed. One sentence each.
 */
export function unknownFields(document: unknown): readonly string[] {
  const statements = memberOf(document, 'trustPolicies');
  return [
    ...unknownIn(document, DOCUMENT, 'the document'),
    ...(Array.isArray(statements) ? statements : []).flatMap((statement: unknown) => {
      const where = `statement ${quote(String(memberOf(statement, 'name') ?? ''))}`;
      return [
        ...unknownIn(statement, STATEMENT, where),
        ...unknownIn(memberOf(statement, 'signatureVerification'), VERIFICATION, `${where}, signatureVerification`),
      ];
    }),
  ];
}

function unknownIn(value: unknown, known: readonly string[], where: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => `${where}: the field ${quote(key)} means nothing and is ignored; expected ${known.join(', ')}`);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
