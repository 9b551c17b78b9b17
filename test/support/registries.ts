import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureTool } from '../../hack/tools/ensure.ts';
import { freePort } from './ports.ts';
import { ManagedProcess, waitFor } from './processes.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const run = promisify(execFile);
const START_ATTEMPTS = 3;

/** `referrers`: with the Referrers API; `no-referrers`: without, so that the tag schema is used. */
export type RegistryKind = 'referrers' | 'no-referrers';

export const REGISTRY_KINDS: readonly RegistryKind[] = ['referrers', 'no-referrers'];

export interface RegistryOptions {
  /** Credentials to ask for; absent: none. */
  readonly basic?: { readonly username: string; readonly password: string };
  /** Asks for tokens of this service; only of the kind `no-referrers`. */
  readonly token?: TokenAuthentication;
  /** False: it refuses to delete manifests; only of the kind `no-referrers`. Default true. */
  readonly deletion?: boolean;
  /** Fixed, so that a registry can be started again where it was; absent: a free one. */
  readonly port?: number;
}

/** The registry's own `auth.token`. */
export interface TokenAuthentication {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** The JSON of a JWK Set with the public keys that sign tokens. */
  readonly jwks: object;
}

export interface Registry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly kind: RegistryKind;
  readonly stop: () => Promise<void>;
}

/** Starts a real registry on a free port; it forgets all when it stops. */
export async function startRegistry(kind: RegistryKind, options: RegistryOptions = {}): Promise<Registry> {
  return kind === 'referrers' ? startReferrersRegistry(options) : startDistribution(options);
}

async function startReferrersRegistry({ basic, token, port = 0 }: RegistryOptions): Promise<Registry> {
  if (token !== undefined)
    throw new Error('the registry with the Referrers API knows no tokens: see token-registry.ts');
  const credentials = basic === undefined ? [] : ['-username', basic.username, '-password', basic.password];
  const server = new ManagedProcess({
    name: 'referrers-registry',
    command: await ensureTool('referrers-registry'),
    args: ['-address', `127.0.0.1:${port}`, ...credentials],
  });
  const [, host = ''] = await server.waitForOutput(/listening on (\S+)/);
  return {
    host,
    kind: 'referrers',
    stop: async () => {
      await server.stop();
    },
  };
}

async function startDistribution(options: RegistryOptions): Promise<Registry> {
  const folder = await temporaryFolder('registry');
  for (let attempt = 1; ; attempt += 1) {
    const host = `127.0.0.1:${options.port ?? (await freePort())}`;
    const server = new ManagedProcess({
      name: 'registry',
      command: await ensureTool('registry'),
      args: ['serve', await writeConfiguration(folder, host, options)],
      // It would look for a collector of traces.
      env: { OTEL_TRACES_EXPORTER: 'none' },
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      await folder.remove();
    };
    try {
      await waitFor(`the registry at ${host}`, async () => {
        server.assertRunning();
        return (await fetch(`http://${host}/v2/`).catch(() => undefined)) !== undefined;
      });
      // Whoever answered may be another that took the port: then ours ends.
      server.assertRunning();
      return { host, kind: 'no-referrers', stop };
    } catch (error) {
      const isPortTaken = /address already in use/.test(server.output);
      if (isPortTaken && attempt < START_ATTEMPTS) continue;
      await stop();
      throw error;
    }
  }
}

async function writeConfiguration(
  folder: TemporaryFolder,
  host: string,
  { basic, token, deletion = true }: RegistryOptions,
): Promise<string> {
  const passwords = join(folder.path, 'htpasswd');
  if (basic !== undefined) await writeFile(passwords, await htpasswd(basic.username, basic.password));
  const jwks = join(folder.path, 'jwks.json');
  if (token !== undefined) await writeFile(jwks, JSON.stringify(token.jwks));
  const path = join(folder.path, 'config.yml');
  // YAML reads JSON.
  const configuration = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder.path, 'data') }, delete: { enabled: deletion } },
    http: { addr: host },
    ...(basic === undefined ? {} : { auth: { htpasswd: { realm: 'test', path: passwords } } }),
    ...(token === undefined ? {} : { auth: { token: { ...token, jwks } } }),
  };
  await writeFile(path, JSON.stringify(configuration));
  return path;
}

/** The registry reads bcrypt only, which Node does not have: the other registry's program makes the line. */
async function htpasswd(username: string, password: string): Promise<string> {
  const maker = await ensureTool('referrers-registry');
  return (await run(maker, ['-htpasswd', '-username', username, '-password', password])).stdout;
}
