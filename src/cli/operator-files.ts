import type { Config } from '../config.ts';
import { dockerConfigCredentials, OciError } from '../oci/index.ts';
import { parseSettings, SettingsError } from '../settings/index.ts';
import { checkCABundle } from '../transport/index.ts';
import { UsageError } from './failure.ts';
import { readUserFile } from './files.ts';

/**
 * Reads every file that the configuration names, once, before anything is started: what is wrong is told with the name
 * of its flag. The operator reads them again when it needs them.
 * @throws UsageError
 */
export async function checkConfiguredFiles(config: Config): Promise<void> {
  await check('--config', config.configFile, parseSettings);
  await check('--registry-config', config.registryConfigFile, dockerConfigCredentials);
  await check('--registry-ca', config.registryCAFile, checkCABundle);
}

async function check(flag: string, path: string | undefined, parse: (text: string) => unknown): Promise<void> {
  if (path === undefined) return;
  const bytes = await readUserFile(path, flag);
  try {
    parse(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SettingsError || error instanceof OciError || error instanceof RangeError)) throw error;
    throw new UsageError(`${flag} ${path}: ${error.message}`, { cause: error });
  }
}
