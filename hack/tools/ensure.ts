import { Toolbox } from './toolbox.ts';

// Standard output stays free for paths.
const toolbox = new Toolbox({ env: process.env, tell: (message) => void process.stderr.write(`tools: ${message}\n`) });

/** The path of a tool of the pinned version, which is made if need be. @throws Error that says what would help */
export function ensureTool(name: string): Promise<string> {
  return toolbox.ensure(name);
}
