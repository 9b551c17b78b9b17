import { describe, expect, it } from 'vitest';
import { parseSettings, SettingsError } from '../../../src/settings/index.ts';

describe('logLevel', () => {
  it.each(['trace', 'debug', 'info', 'warn', 'error'])('may be %s', (level) => {
    expect(parseSettings(`logLevel: ${level}`).logLevel).toBe(level);
  });

  it('may be absent: the flag counts', () => {
    expect(parseSettings('signing: {}')).not.toHaveProperty('logLevel');
    expect(parseSettings('logLevel:')).not.toHaveProperty('logLevel');
  });

  it.each([
    ['verbose', 'logLevel: expected trace, debug, info, warn, error; found "verbose"'],
    ['3', 'logLevel: expected trace, debug, info, warn, error; found number'],
    ['[debug]', 'logLevel: expected trace, debug, info, warn, error; found object'],
  ])('%s is refused', (value, message) => {
    expect(() => parseSettings(`logLevel: ${value}`)).toThrow(new SettingsError(message));
  });
});
