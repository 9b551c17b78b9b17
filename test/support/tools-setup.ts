import { TOOLS } from '../../hack/tools/catalog.ts';
import { ensureTool } from '../../hack/tools/ensure.ts';

/** Makes all tools before the first test, so that no test's deadline pays for a build. */
export async function setup(): Promise<void> {
  for (const { name } of TOOLS) await ensureTool(name);
}
