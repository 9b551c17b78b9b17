import { TOOLS } from './catalog.ts';
import { ensureTool } from './ensure.ts';

// Prints the path of each tool named, or of all.
const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : TOOLS.map((tool) => tool.name)) {
  process.stdout.write(`${await ensureTool(name)}\n`);
}
