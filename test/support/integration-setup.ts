import type { TestProject } from 'vitest/node';

import { startControlPlane } from './control-plane.ts';
import { setup as setupTools } from './tools-setup.ts';

/** Once for all integration tests: makes the tools, and starts the control plane that files share. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await setupTools(project);
  const plane = await startControlPlane({ controllerManager: true, auditLog: true });
  await plane.installCrds();
  project.provide('controlPlane', plane.address);
  return plane.stop;
}
