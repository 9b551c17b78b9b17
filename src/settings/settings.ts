import { parse, YAMLError } from 'yaml';
import type { LogLevel } from '../api/log-level.ts';
import { type Mirrors, NO_MIRRORS } from '../oci/index.ts';
import { NO_GRANTS, type SigningGrants } from '../signing/grants.ts';
import { fields, SettingsError } from './fields.ts';
import { type EcrRoles, NO_ECR_ROLES, parseEcrRoles } from './parse-ecr-roles.ts';
import { parseGrants } from './parse-grants.ts';
import { parseLogLevel } from './parse-log-level.ts';
import { parseMirrors } from './parse-mirrors.ts';

/** What the operator's configuration file holds. */
export interface Settings {
  readonly grants: SigningGrants;
  readonly mirrors: Mirrors;
  readonly ecrRoles: EcrRoles;
  /** Goes before --log-level. */
  readonly logLevel?: LogLevel;
}

export const NO_SETTINGS: Settings = { grants: NO_GRANTS, mirrors: NO_MIRRORS, ecrRoles: NO_ECR_ROLES };

/**
 * Reads the operator's configuration file.
 * @throws SettingsError
 */
export function parseSettings(text: string): Settings {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 10 });
  } catch (error) {
    if (error instanceof YAMLError) throw new SettingsError(`expected YAML: ${error.message.split('\n')[0]}`);
    throw error;
  }
  if (document === null || document === undefined) return NO_SETTINGS;
  const root = fields(document, '', ['signing', 'registry', 'ecr', 'logLevel']);
  const logLevel = parseLogLevel(root['logLevel'], 'logLevel');
  return {
    grants: parseGrants(root['signing'], 'signing'),
    mirrors: parseMirrors(root['registry'], 'registry'),
    ecrRoles: parseEcrRoles(root['ecr'], 'ecr'),
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}
