import type { ControlPlane } from '../../test/support/control-plane.ts';
import { waitFor } from '../../test/support/processes.ts';
import { narrator } from './narrator.ts';

const CONDITION = 'sealwatch.dev/ImagesTrusted';

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: { readonly conditions?: readonly PodCondition[] };
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

function quoted(argument: string): string {
  return /[\s*?{}()[\]|&;<>$"]/.test(argument) ? `'${argument}'` : argument;
}

/**
 * Does a kubelet's part for the one pod of a Deployment: there is none here, so its status is set as one would.
 * @returns the pod's name
 */
export async function runPodOf(
  plane: ControlPlane,
  app: string,
  repository: string,
  digest: string,
  container = app,
): Promise<string> {
  const name = await waitFor(`a pod of Deployment ${app}`, async () => {
    const { items } = await plane.get<{ readonly items: readonly Pod[] }>('pods', '-n', 'shop', '-l', `app=${app}`);
    return items[0]?.metadata.name;
  });
  const status = {
    phase: 'Running',
    containerStatuses: [
      {
        name: container,
        image: repository,
        imageID: `${repository}@${digest}`,
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: `${new Date().toISOString().slice(0, 19)}Z` } },
      },
    ],
  };
  await plane.ok(['patch', 'pod', name, '-n', 'shop', '--subresource=status', '-p', JSON.stringify({ status })]);
  return name;
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
  const by = `?(@.type=="${CONDITION}")`;
  return show(
    plane,
    'get',
    'pods',
    '-n',
    'shop',
    '-o',
    `custom-columns=POD:.metadata.name,IMAGE:.spec.containers[0].image,IMAGES-TRUSTED:.status.conditions[${by}].status,REASON:.status.conditions[${by}].reason`,
  );
}

/** The newest events of one reason about an object. */
export async function showEvents(plane: ControlPlane, reason: string): Promise<string> {
  return waitFor(`an event ${reason}`, async () => {
    const args = [
      'get',
      'events',
      '-n',
      'shop',
      '--field-selector',
      `reason=${reason}`,
      '-o',
      'custom-columns=TYPE:.type,REASON:.reason,KIND:.involvedObject.kind,OBJECT:.involvedObject.name,MESSAGE:.message',
    ];
    const output = await plane.ok(args);
    if (output.trim().split('\n').length < 2) return undefined;
    narrator.command(`kubectl ${args.map(quoted).join(' ')}`, output);
    return output;
  });
}
