import type { CheckAction } from '../outcome.ts';
import { quote } from '../quote.ts';
import type { PolicyCheckType, VerificationLevel } from './statement.ts';

type Actions = Readonly<Record<PolicyCheckType, CheckAction>>;

/** What each level does with a failed check (notary.md F7). */
export const LEVELS: Readonly<Record<VerificationLevel, Actions>> = {
  strict: {
    integrity: 'enforce',
    authenticity: 'enforce',
    authenticTimestamp: 'enforce',
    expiry: 'enforce',
    revocation: 'enforce',
  },
  permissive: {
    integrity: 'enforce',
    authenticity: 'enforce',
    authenticTimestamp: 'log',
    expiry: 'log',
    revocation: 'log',
  },
  audit: { integrity: 'enforce', authenticity: 'log', authenticTimestamp: 'log', expiry: 'log', revocation: 'log' },
  skip: { integrity: 'skip', authenticity: 'skip', authenticTimestamp: 'skip', expiry: 'skip', revocation: 'skip' },
};

/** Whether a text names a level. */
export function isLevel(text: string): text is VerificationLevel {
  return Object.hasOwn(LEVELS, text);
}

/**
 * Joins a level with its overrides (F7): never with skip, integrity never, skip only for revocation.
 * @returns the actions, or a sentence that says what is wrong
 */
export function applyOverrides(level: VerificationLevel, override: Readonly<Record<string, string>>): Actions | string {
  const entries = Object.entries(override);
  if (entries.length > 0 && level === 'skip') return 'override is not allowed with level skip; remove it';
  let actions = LEVELS[level];
  for (const [check, action] of entries) {
    if (!Object.hasOwn(actions, check)) {
      return `override: expected authenticity, authenticTimestamp, expiry or revocation; found ${quote(check)}`;
    }
    if (check === 'integrity') return 'override.integrity: integrity is always enforced; remove it';
    if (action !== 'enforce' && action !== 'log' && action !== 'skip') {
      return `override.${check}: expected enforce, log or, for revocation, skip; found ${typeof action === 'string' ? quote(action) : typeof action}`;
    }
    if (action === 'skip' && check !== 'revocation')
      return `override.${check}: only revocation may be skipped; use enforce or log`;
    actions = { ...actions, [check]: action };
  }
  return actions;
}
