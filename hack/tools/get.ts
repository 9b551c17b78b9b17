import { TOOLS, toolNamed } from './catalog.ts';
import { ensureTool } from './ensure.ts';

// So that a build ends with this process: it is stopped at `exit`.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const USAGE = `Usage: ./hack/get-tools [NAME...]

Makes the tools named, or all, and prints their paths: ${TOOLS.map(({ name }) => name).join(', ')}.
They are downloaded, or built with Go, once, into ~/.cache/sealwatch.
`;

const names = process.argv.slice(2);
try {
  if (names.includes('--help') || names.includes('-h')) {
    process.stdout.write(USAGE);
  } else {
    const tools = names.length > 0 ? names.map(toolNamed) : TOOLS;
    for (const { name } of tools) process.stdout.write(`${await ensureTool(name)}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
