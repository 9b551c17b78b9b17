import { X509Certificate } from 'node:crypto';
import type { Config } from '../config.ts';
import { dockerConfigCredentials, OciError } from '../oci/index.ts';
import { GrantsError, parseGrants } from '../signing/parse-grants.ts';
import { UsageError } from './failure.ts';
import { readUserFile } from './files.ts';

/**
 * Reads every file that the configuration names, once, before anything is started: what is wrong is told with the name
 * of its flag. The operator reads them again when it needs them.
 * @throws UsageError
 */
export async function checkConfiguredFiles(config: Config): Promise<void> {
  await check('--config', config.configFile, parseGrants);
  await check('--registry-config', config.registryConfigFile, dockerConfigCredentials);
  await check('--registry-ca', config.registryCAFile, expectCertificates);
}

async function check(flag: string, path: string | undefined, parse: (text: string) => unknown): Promise<void> {
  if (path === undefined) return;
  const bytes = await readUserFile(path, flag);
  try {
    parse(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof GrantsError || error instanceof OciError || error instanceof UsageError)) throw error;
    throw new UsageError(`${flag} ${path}: ${error.message}`, { cause: error });
  }
}

function expectCertificates(text: string): void {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new UsageError('expected PEM certificates; found none');
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch (error) {
      throw new UsageError(`certificate ${index + 1} of ${blocks.length} cannot be read`, { cause: error });
    }
  }
}
