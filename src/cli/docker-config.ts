import { join } from 'node:path';
import { type CredentialProvider, dockerConfigCredentials, OciError } from '../oci/index.ts';
import { UsageError } from './failure.ts';
import { readUserFileIfThere } from './files.ts';

/**
 * The credentials that `docker login` left: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. For a registry
 * whose credentials a helper keeps, asking for them rejects and says so: helpers are not run.
 * @returns undefined when there is no such file
 * @throws UsageError when it cannot be read
 */
export async function dockerConfigOf(env: NodeJS.ProcessEnv): Promise<CredentialProvider | undefined> {
  const { DOCKER_CONFIG: folder, HOME: home } = env;
  const base = folder !== undefined && folder !== '' ? folder : home === undefined ? undefined : join(home, '.docker');
  if (base === undefined) return undefined;
  const path = join(base, 'config.json');
  const bytes = await readUserFileIfThere(path, 'Docker config');
  return bytes === undefined ? undefined : dockerConfigProvider(bytes.toString('utf8'), path);
}

/** @param path for messages */
export function dockerConfigProvider(text: string, path: string): CredentialProvider {
  const config = parse(text, path);
  const helpers = helpersOf(config);
  let own: CredentialProvider;
  try {
    own = dockerConfigCredentials(JSON.stringify({ auths: config.get('auths') ?? {} }));
  } catch (error) {
    if (error instanceof OciError) throw new UsageError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
  return {
    credentialsFor: async (registry, repository, signal) => {
      const found = await own.credentialsFor(registry, repository, signal);
      const helper = helpers.get(registry);
      if (found.kind !== 'anonymous' || helper === undefined) return found;
      throw new OciError(
        'Unauthorized',
        `${path} keeps the credentials of ${registry} in the credential helper ${JSON.stringify(helper)}, which is not run: give --username and --password-stdin`,
      );
    },
  };
}

/** Registries whose credentials a helper keeps: those of credHelpers; with credsStore, those that someone logged in to. */
function helpersOf(config: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> {
  const helpers = new Map<string, string>();
  const store = config.get('credsStore');
  if (typeof store === 'string' && store !== '')
    for (const key of membersOf(config.get('auths')).keys()) helpers.set(hostOf(key), store);
  for (const [key, helper] of membersOf(config.get('credHelpers')))
    if (typeof helper === 'string' && helper !== '') helpers.set(hostOf(key), helper);
  return helpers;
}

function hostOf(key: string): string {
  const host = (key.slice(0, 1_024).toLowerCase().split('://').at(-1) ?? '').split('/')[0] ?? '';
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

function parse(text: string, path: string): ReadonlyMap<string, unknown> {
  try {
    return membersOf(JSON.parse(text));
  } catch (cause) {
    // What the parser says may quote a password.
    throw new UsageError(`${path}: expected a Docker config in JSON`, { cause });
  }
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : new Map();
}
