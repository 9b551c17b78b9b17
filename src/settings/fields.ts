/** The operator's configuration file is wrong: the message names the field. */
export class SettingsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsError';
  }
}

/**
 * A mapping with known fields only.
 * @param path of the field, for messages; empty: the whole file
 * @throws SettingsError
 */
export function fields(value: unknown, path: string, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SettingsError(`${path || 'the file'}: expected a mapping`);
  const unknown = known === undefined ? undefined : Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new SettingsError(`${path === '' ? '' : `${path}.`}${unknown}: no such field; expected ${known?.join(', ')}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** A list of filled strings; absent: none. @throws SettingsError */
export function strings(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item): item is string => typeof item === 'string' && item !== '')) {
    throw new SettingsError(`${path}: expected a list of strings`);
  }
  return value;
}
