import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { eraseFromHelper, type HelperOptions, storeInHelper } from './credential-helper.ts';
import { dockerConfigPath, helperFor, membersOf, parseDockerConfig, registryOfKey, serverOf } from './docker-config.ts';
import { UsageError } from './failure.ts';
import { readUserFileIfThere, systemCode } from './files.ts';

/** Where a login was put. */
export interface StoredLogin {
  readonly path: string;
  /** The helper that keeps it; absent: it stands in the file, readable by whoever may read that. */
  readonly helper?: string;
}

/**
 * Keeps a login as Docker does: in the helper that the config names for the registry, else in the config itself.
 * Whatever else the config holds stays.
 * @throws UsageError when the config cannot be read or written; OciError when the helper fails
 */
export async function storeLogin(
  registry: string,
  login: { readonly username: string; readonly secret: string },
  options: HelperOptions,
): Promise<StoredLogin> {
  const { path, config } = await load(options.env);
  const helper = helperFor(config, registry);
  if (helper !== undefined) await storeInHelper(helper, serverOf(registry), login, options);
  const auths = new Map([...membersOf(config.get('auths'))].filter(([key]) => registryOfKey(key) !== registry));
  // Beside a helper, an empty entry says that there is a login.
  auths.set(serverOf(registry), helper === undefined ? entryOf(login) : {});
  await save(path, new Map([...config, ['auths', Object.fromEntries(auths)]]));
  return { path, ...(helper === undefined ? {} : { helper }) };
}

/** Forgets a login, in the helper and in the config. @returns whether the config had an entry for it */
export async function eraseLogin(registry: string, options: HelperOptions): Promise<boolean> {
  const { path, config } = await load(options.env);
  const helper = helperFor(config, registry);
  if (helper !== undefined) await eraseFromHelper(helper, serverOf(registry), options);
  const before = membersOf(config.get('auths'));
  const auths = new Map([...before].filter(([key]) => registryOfKey(key) !== registry));
  if (auths.size === before.size) return false;
  await save(path, new Map([...config, ['auths', Object.fromEntries(auths)]]));
  return true;
}

function entryOf({ username, secret }: { readonly username: string; readonly secret: string }): object {
  if (username === '<token>') return { identitytoken: secret };
  return { auth: Buffer.from(`${username}:${secret}`, 'utf8').toString('base64') };
}

async function load(
  env: NodeJS.ProcessEnv,
): Promise<{ readonly path: string; readonly config: ReadonlyMap<string, unknown> }> {
  const named = dockerConfigPath(env);
  if (named === undefined) throw new UsageError('expected HOME or DOCKER_CONFIG to say where the Docker config is');
  // A link to a file elsewhere stays a link.
  const path = await realpath(named).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return named;
    throw new UsageError(`Docker config: cannot read ${named}: ${systemCode(error)}`, { cause: error });
  });
  const bytes = await readUserFileIfThere(path, 'Docker config');
  return { path, config: bytes === undefined ? new Map() : parseDockerConfig(bytes.toString('utf8'), path) };
}

/** Writes the whole file or nothing, for nobody else to read. */
async function save(path: string, config: ReadonlyMap<string, unknown>): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    {
      await using file = await open(temporary, 'wx', 0o600);
      await file.writeFile(`${JSON.stringify(Object.fromEntries(config), undefined, '\t')}\n`);
      await file.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new UsageError(`Docker config: cannot write ${path}: ${systemCode(error)}`, { cause: error });
  }
}
