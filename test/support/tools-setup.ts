import type { TestProject } from 'vitest/node';
import { toolsOf } from '../../hack/tools/catalog.ts';
import { ensureTool } from '../../hack/tools/ensure.ts';

/** Makes all tools of a suite before its first test, so that no test's deadline pays for a build. */
export async function setup(project: TestProject): Promise<void> {
  for (const { name } of toolsOf(project.name)) await ensureTool(name);
}
