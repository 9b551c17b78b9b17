import { CONDITIONS, type Condition } from '../api/conditions.ts';
import type { ResourceType } from '../api/group.ts';
import type { KubernetesObject } from '../api/object.ts';
import type { EventInput } from '../kubernetes/index.ts';
import type { ControllerContext } from './context.ts';

interface WithConditions {
  readonly conditions?: readonly Condition[];
}

/** Writes the status of one of Sealwatch's own objects, and tells a change of its `Ready` by an event on it. */
export async function writeAndTell(
  context: Pick<ControllerContext, 'status' | 'events'>,
  type: ResourceType,
  object: KubernetesObject & { readonly status?: WithConditions },
  status: WithConditions,
): Promise<void> {
  const written = await context.status.write(type, object, status);
  const event = readyEvent(object.status?.conditions ?? [], status.conditions ?? []);
  if (!written || event === undefined) return;
  const { name, namespace, uid } = object.metadata;
  const regarding = {
    apiVersion: `${type.group}/${type.version}`,
    kind: type.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    uid,
  };
  context.events.record({ regarding, ...event });
}

/**
 * The event that an object's `Ready` is worth: once when it turns False, or is False for another reason or a newer spec,
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
