import type { TestProject } from 'vitest/node';

import { startControlPlane } from './control-plane.ts';
import { setup as setupTools } from './tools-setup.ts';

/** Once for all integration tests: makes the tools, and starts a control plane for each worker. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await setupTools();
  const planes = await Promise.all(
    Array.from({ length: project.config.maxWorkers }, async () => {
      const plane = await startControlPlane({ controllerManager: true, auditLog: true });
      await plane.installCrds();
      return plane;
    }),
  );
  project.provide(
    'controlPlanes',
    planes.map(({ address }) => address),
  );
  return async () => {
    await Promise.all(planes.map((plane) => plane.stop()));
  };
}
