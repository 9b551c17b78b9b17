import { ensureTool } from '../../hack/tools/ensure.ts';

/** Makes what conformance tests start: the registries, a client that pushes images, and notation-go as the judge. */
export async function setup(): Promise<void> {
  for (const name of ['referrers-registry', 'registry', 'oras', 'notation-judge']) await ensureTool(name);
}
