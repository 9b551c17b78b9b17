import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unwatch, watch } from './watchdog.ts';

export interface TemporaryFolder {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** A fresh folder, which goes with this process, however this one ends. */
export async function temporaryFolder(purpose: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), `sealwatch-${purpose}-`));
  watch('folder', path);
  return {
    path,
    remove: async () => {
      await rm(path, { recursive: true, force: true });
      unwatch('folder', path);
    },
  };
}
