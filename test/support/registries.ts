import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTool } from '../../hack/tools/ensure.ts';
import { freePort } from './ports.ts';
import { ManagedProcess, waitFor } from './processes.ts';

/** `referrers`: with the Referrers API; `no-referrers`: without, so that the tag schema is used. */
export type RegistryKind = 'referrers' | 'no-referrers';

export const REGISTRY_KINDS: readonly RegistryKind[] = ['referrers', 'no-referrers'];

export interface RegistryOptions {
  /** Credentials to ask for; absent: none. */
  readonly basic?: { readonly username: string; readonly password: string };
  /** Fixed, so that a registry can be started again where it was; absent: a free one. */
  readonly port?: number;
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

async function startReferrersRegistry({ basic, port = 0 }: RegistryOptions): Promise<Registry> {
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

async function startDistribution({ basic, port }: RegistryOptions): Promise<Registry> {
  const folder = await mkdtemp(join(tmpdir(), 'sealwatch-registry-'));
  const host = `127.0.0.1:${port ?? (await freePort())}`;
  const auth = basic === undefined ? '' : `auth:\n  htpasswd: {realm: test, path: ${join(folder, 'htpasswd')}}\n`;
  if (basic !== undefined) await writeFile(join(folder, 'htpasswd'), await htpasswd(basic.username, basic.password));
  const config = join(folder, 'config.yml');
  await writeFile(
    config,
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${join(folder, 'data')}}, delete: {enabled: true}}\nhttp: {addr: ${host}}\n${auth}`,
  );
  const server = new ManagedProcess({
    name: 'registry',
    command: await ensureTool('registry'),
    args: ['serve', config],
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  await waitFor(`the registry at ${host}`, async () => {
    if (server.hasExited) throw new Error(`registry ended:\n${server.output}`);
    const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
    return response !== undefined;
  });
  return {
    host,
    kind: 'no-referrers',
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The registry reads bcrypt only, which Node does not have: the other registry's program makes the line. */
async function htpasswd(username: string, password: string): Promise<string> {
  const maker = new ManagedProcess({
    name: 'htpasswd',
    command: await ensureTool('referrers-registry'),
    args: ['-htpasswd', '-username', username, '-password', password],
  });
  await maker.exited;
  return maker.output;
}
