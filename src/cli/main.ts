#!/usr/bin/env node
// Only what an old Node.js can load, too: what `start` loads may need a newer one.
import { start } from './start.ts';

/** The command `sealwatch`. */
process.exitCode = await start({
  version: process.versions.node,
  load: async () => (await import('./entry.ts')).main,
  stderr: process.stderr,
});
