#!/usr/bin/env node
// Only what an old Node.js can load, too: what `start` loads may need a newer one.
import { start } from './start.ts';

/** The command as a plugin: kubectl runs it as `kubectl sealwatch`, by the name of the program on the PATH. */
process.exitCode = await start({
  version: process.versions.node,
  load: async () => {
    const { main } = await import('./entry.ts');
    return () => main('kubectl sealwatch');
  },
  stderr: process.stderr,
});
