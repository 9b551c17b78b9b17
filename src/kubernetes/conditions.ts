import type { Condition } from '../api/conditions.ts';

/** Characters of a message in status (design.md, "Status stays small"). */
export const MAX_MESSAGE_CHARACTERS = 1024;

/**
 * Gives the conditions with one of them set, in the order they stand in; a new one goes to the end.
 *
 * lastTransitionTime becomes `now` only where the status differs from before; the message is cut to 1,024 characters.
 * Nothing is changed in place.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: Date,
): Condition[] {
  const held = conditions ?? [];
  const before = held.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : toTime(now);
  const set: Condition = { ...condition, message: cutMessage(condition.message), lastTransitionTime };
  return before === undefined ? [...held, set] : held.map((each) => (each === before ? set : each));
}

/** Gives the conditions without one; `Reconciling` and `Stalled` are there only while they hold (kstatus). */
export function removeCondition(conditions: readonly Condition[] | undefined, type: string): Condition[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}

/** Cuts a message to what a status may hold, and shows that it was cut. */
export function cutMessage(message: string): string {
  if (message.length <= MAX_MESSAGE_CHARACTERS) {
    return message;
  }
  // A cut within a surrogate pair would leave half a character.
  return `${message.slice(0, MAX_MESSAGE_CHARACTERS - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** metav1.Time: RFC 3339 in whole seconds. */
function toTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
