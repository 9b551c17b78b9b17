import { inject } from 'vitest';
import { type ControlPlaneAddress, ControlPlaneClient } from './control-plane-client.ts';

declare module 'vitest' {
  interface ProvidedContext {
    controlPlane: ControlPlaneAddress;
  }
}

/** The control plane that all integration tests share: each file works in namespaces and under names of its own. */
export function sharedControlPlane(): ControlPlaneClient {
  return new ControlPlaneClient(inject('controlPlane'));
}
