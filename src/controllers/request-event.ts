import { CONDITIONS, type Condition } from '../api/conditions.ts';
import type { EventInput } from '../kubernetes/index.ts';

/**
 * The event that a request's `Ready` is worth: once when it turns False, or is False for another reason or a newer spec,
 * and once when it is True again. Undefined: nothing new, or a person's own doing (Suspended).
 */
export function readyEvent(
  before: readonly Condition[],
  now: readonly Condition[],
): Omit<EventInput, 'regarding'> | undefined {
  const [was, is] = [before, now].map((conditions) => conditions.find(({ type }) => type === CONDITIONS.ready));
  if (is === undefined || is.reason === 'Suspended') return undefined;
  const action = 'Reconcile';
  if (is.status === 'True') {
    if (was === undefined || was.status === 'True' || was.reason === 'Suspended') return undefined;
    return { type: 'Normal', reason: is.reason, action, note: is.message };
  }
  const isKnown = was?.status === is.status && was.reason === is.reason;
  if (isKnown && was.observedGeneration === is.observedGeneration) return undefined;
  return { type: 'Warning', reason: is.reason, action, note: is.message };
}
