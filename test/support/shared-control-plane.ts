import { inject } from 'vitest';
import { type ControlPlaneAddress, ControlPlaneClient } from './control-plane-client.ts';

declare module 'vitest' {
  interface ProvidedContext {
    controlPlanes: readonly ControlPlaneAddress[];
  }
}

/** The control plane that the files of one worker share: each works in namespaces and under names of its own. */
export function sharedControlPlane(): ControlPlaneClient {
  // Counts from 1, and no two files that run at once have the same.
  const worker = Number(process.env['VITEST_POOL_ID']);
  const address = inject('controlPlanes')[worker - 1];
  if (address === undefined) throw new Error(`no control plane for worker ${worker}`);
  return new ControlPlaneClient(address);
}
