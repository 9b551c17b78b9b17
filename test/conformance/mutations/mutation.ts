import type { CheckCode, CheckType } from '../../../src/notary/index.ts';
import type { Hooks } from './forge.ts';
import type { Format, KindName } from './kinds.ts';

/** One thing that is wrong with an otherwise good envelope, and the one check that must say so. */
export interface Mutation {
  /** The rule of notary.md that is broken. */
  readonly rule: string;
  readonly name: string;
  readonly formats: readonly Format[];
  readonly kind: KindName;
  readonly hooks: Hooks;
  readonly check: CheckType;
  readonly code: CheckCode;
  /** What the reason must say: what no other mutation of its kind would be told. */
  readonly reason: RegExp;
}

export type Options = Partial<Pick<Mutation, 'formats' | 'kind' | 'check' | 'code'>>;
/** Rule, name, what is changed, what the reason says; and what differs from the table's defaults. */
export type Row = readonly [rule: string, name: string, hooks: Hooks, reason: RegExp, options?: Options];

/** The mutations of a table: plain envelopes that are malformed, unless a row says otherwise. */
export function mutationsOf(rows: readonly Row[], defaults: Options = {}): readonly Mutation[] {
  return rows.map(([rule, name, hooks, reason, options]) => ({
    formats: ['JWS', 'COSE'],
    kind: 'plain',
    check: 'integrity',
    code: 'SignatureMalformed',
    ...defaults,
    ...options,
    rule,
    name,
    hooks,
    reason,
  }));
}

/** A verdict of integrity on an envelope that is well formed. */
export const FAILS: Options = { code: 'IntegrityFailed' };

/** Replaces the first occurrence; the text must be there. */
export function swap(from: string | RegExp, to: string): (text: string) => string {
  return (text) => {
    if (typeof from === 'string' ? !text.includes(from) : !from.test(text)) throw new Error(`no ${from} to replace`);
    // By a function, since a $ in the text would mean something.
    return text.replace(from, () => to);
  };
}
