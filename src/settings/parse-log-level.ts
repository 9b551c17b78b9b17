import { LOG_LEVELS, type LogLevel } from '../api/log-level.ts';
import { SettingsError } from './fields.ts';

/**
 * Reads how much is logged.
 * @param path of the field, for messages
 * @returns undefined where the file does not say
 * @throws SettingsError
 */
export function parseLogLevel(value: unknown, path: string): LogLevel | undefined {
  if (value === undefined || value === null) return undefined;
  const level = LOG_LEVELS.find((candidate) => candidate === value);
  if (level === undefined) {
    const found = typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : typeof value;
    throw new SettingsError(`${path}: expected ${LOG_LEVELS.join(', ')}; found ${found}`);
  }
  return level;
}
