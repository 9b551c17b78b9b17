import type { ControlPlane } from '../../test/support/control-plane.ts';
import { waitFor } from '../../test/support/processes.ts';
import { narrator } from './narrator.ts';

const CONDITION = 'sealwatch.dev/ImagesTrusted';

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: { readonly phase?: string; readonly conditions?: readonly PodCondition[] };
}

export interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** Runs kubectl, and shows the command with what it printed. */
export async function show(plane: ControlPlane, ...args: readonly string[]): Promise<string> {
  const output = await plane.ok(args);
  narrator.command(`kubectl ${args.map(quoted).join(' ')}`, output);
  return output;
}

/** Applies a manifest, and shows it as one would type it. */
export async function showApply(plane: ControlPlane, manifest: string): Promise<void> {
  const output = await plane.ok(['apply', '-f', '-'], manifest);
  narrator.command(`kubectl apply -f - <<EOF\n${manifest.trim()}\nEOF`, output);
}

function quoted(argument: string): string {
  return /[\s*?{}()[\]|&;<>$"]/.test(argument) ? `'${argument}'` : argument;
}

/** Waits until the one pod of a Deployment runs; gives its name. */
export async function runningPodOf(plane: ControlPlane, app: string): Promise<string> {
  return waitFor(`a pod of Deployment ${app} to run`, async () => {
    const { items } = await plane.get<{ readonly items: readonly Pod[] }>('pods', '-n', 'shop', '-l', `app=${app}`);
    return items.find(({ status }) => status.phase === 'Running')?.metadata.name;
  });
}

/** Waits until a pod's condition has a status and reason; gives the condition. */
export async function waitForPod(
  plane: ControlPlane,
  pod: string,
  status: 'True' | 'False',
  reason: string,
): Promise<PodCondition> {
  return waitFor(
    `pod ${pod} to have ${CONDITION}=${status}, reason ${reason}`,
    async () => {
      const { status: found } = await plane.get<Pod>('pod', pod, '-n', 'shop');
      return found.conditions?.find(
        (condition) => condition.type === CONDITION && condition.status === status && condition.reason === reason,
      );
    },
    60_000,
    100,
  );
}

/** The pods of the shop, with what Sealwatch says of them. */
export function showPods(plane: ControlPlane): Promise<string> {
  return show(plane, 'get', 'pods', '-n', 'shop', '-o', 'custom-columns-file=config/samples/pods.columns');
}

/** The events of one reason, about whatever object. */
export async function showEvents(plane: ControlPlane, reason: string, atLeast: number): Promise<string> {
  const args = ['get', 'events', '-n', 'shop', '--field-selector', `reason=${reason}`];
  const output = await waitFor(`${atLeast} events ${reason}`, async () => {
    const text = await plane.ok(args);
    return text.trim().split('\n').length > atLeast ? text : undefined;
  });
  narrator.command(`kubectl ${args.join(' ')}`, output);
  return output;
}
