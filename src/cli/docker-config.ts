import { join } from 'node:path';
import {
  type Candidate,
  type CredentialProvider,
  type Credentials,
  candidatesOf,
  dockerConfigCredentials,
  loginCredentials,
  OciError,
  parseKey,
} from '../oci/index.ts';
import { getFromHelper } from './credential-helper.ts';
import { UsageError } from './failure.ts';
import { readUserFileIfThere } from './files.ts';

const ANONYMOUS: Credentials = { kind: 'anonymous' };
const MAX_KEY_LENGTH = 1024;

/** The file that `docker login` writes: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
export function dockerConfigPath(env: NodeJS.ProcessEnv): string | undefined {
  const { DOCKER_CONFIG: folder, HOME: home } = env;
  const base = folder !== undefined && folder !== '' ? folder : home === undefined ? undefined : join(home, '.docker');
  return base === undefined ? undefined : join(base, 'config.json');
}

/**
 * The credentials of Docker's config: its own, and those that its credential helpers keep.
 * @returns undefined when there is no such file
 * @throws UsageError when it cannot be read
 */
export async function dockerConfigOf(env: NodeJS.ProcessEnv): Promise<CredentialProvider | undefined> {
  const path = dockerConfigPath(env);
  const bytes = path === undefined ? undefined : await readUserFileIfThere(path, 'Docker config');
  return path === undefined || bytes === undefined
    ? undefined
    : dockerConfigProvider(bytes.toString('utf8'), path, env);
}

/**
 * The helper that credHelpers names for a registry comes first, then what `auths` holds, then credsStore. Each is asked
 * once. What is wrong with a helper is told where nothing else serves.
 * @param path for messages
 */
export function dockerConfigProvider(text: string, path: string, env: NodeJS.ProcessEnv): CredentialProvider {
  const config = parseDockerConfig(text, path);
  const { ofRegistry, ofAll } = helpersOf(config);
  const own = ownCredentials(config, path);
  const answers = new Map<string, Promise<Credentials>>();
  const ask = (helper: string, registry: string, signal: AbortSignal): Promise<Credentials> => {
    const key = `${helper} ${registry}`;
    const answer = answers.get(key) ?? fromHelper(helper, registry, path, env, signal);
    answers.set(key, answer);
    return answer;
  };
  const candidatesFor = async function* (
    registry: string,
    repository: string,
    signal: AbortSignal,
  ): AsyncGenerator<Candidate> {
    const helper = ofRegistry.get(registry);
    const ofHelper = (name: string): CredentialProvider => ({ credentialsFor: () => ask(name, registry, signal) });
    if (helper !== undefined) yield* candidatesOf(ofHelper(helper), registry, repository, signal);
    yield* candidatesOf(own, registry, repository, signal);
    if (helper === undefined && ofAll !== undefined) yield* candidatesOf(ofHelper(ofAll), registry, repository, signal);
  };
  return {
    candidatesFor,
    credentialsFor: async (registry, repository, signal) => {
      for await (const candidate of candidatesFor(registry, repository, signal)) {
        if (candidate.kind === 'unavailable') throw candidate.error;
        return candidate;
      }
      return ANONYMOUS;
    },
  };
}

async function fromHelper(
  helper: string,
  registry: string,
  path: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Credentials> {
  try {
    const found = await getFromHelper(helper, serverOf(registry), { env, signal });
    return found === undefined ? ANONYMOUS : loginCredentials(found.username, found.secret);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    const message = `${path} keeps the credentials of ${registry} in a helper: ${error.message}; or give --username and --password-stdin`;
    throw new OciError(error.code, message, { cause: error });
  }
}

function ownCredentials(config: ReadonlyMap<string, unknown>, path: string): CredentialProvider {
  try {
    return dockerConfigCredentials(JSON.stringify({ auths: config.get('auths') ?? {} }));
  } catch (error) {
    if (error instanceof OciError) throw new UsageError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The helper that keeps the credentials of a registry, if one does. */
export function helperFor(config: ReadonlyMap<string, unknown>, registry: string): string | undefined {
  const { ofRegistry, ofAll } = helpersOf(config);
  return ofRegistry.get(registry) ?? ofAll;
}

/** What names a registry to Docker and to its helpers. */
export function serverOf(registry: string): string {
  return registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
}

/** The registry that a key of a Docker config names; undefined for none, and for a path of one. */
export function registryOfKey(key: string): string | undefined {
  const parsed = key.length > MAX_KEY_LENGTH ? undefined : parseKey(key);
  return parsed?.path === '' ? parsed.host : undefined;
}

function helpersOf(config: ReadonlyMap<string, unknown>): {
  readonly ofRegistry: ReadonlyMap<string, string>;
  readonly ofAll?: string;
} {
  const ofRegistry = new Map<string, string>();
  for (const [key, helper] of membersOf(config.get('credHelpers'))) {
    const registry = registryOfKey(key);
    if (registry !== undefined && typeof helper === 'string' && helper !== '') ofRegistry.set(registry, helper);
  }
  const store = config.get('credsStore');
  return { ofRegistry, ...(typeof store === 'string' && store !== '' ? { ofAll: store } : {}) };
}

/** The members of a Docker config. @throws UsageError, which quotes nothing of it */
export function parseDockerConfig(text: string, path: string): ReadonlyMap<string, unknown> {
  try {
    return membersOf(JSON.parse(text));
  } catch (cause) {
    // What the parser says may quote a password.
    throw new UsageError(`${path}: expected a Docker config in JSON`, { cause });
  }
}

/** The members of an object; none of anything else. */
export function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : new Map();
}
