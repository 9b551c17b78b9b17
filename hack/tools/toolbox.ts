import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Prebuilt, type Tool, toolNamed } from './catalog.ts';
import { download } from './download.ts';
import { GoMissingError, goBuild } from './go-build.ts';
import { findInstalled, isExecutable } from './installed.ts';
import { withLock } from './lock.ts';
import { goVersion } from './versions.ts';

/** Unfinished work is kept apart under this name, and is never taken for finished. */
const UNFINISHED = '.making-';

export interface ToolboxOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Tells people what goes on. */
  readonly tell: (message: string) => void;
}

/** Finds, fetches or builds the programs of the catalog, and keeps them between runs. */
export class Toolbox {
  readonly #env: NodeJS.ProcessEnv;
  readonly #tell: (message: string) => void;
  readonly #paths = new Map<string, Promise<string>>();
  /** Hosts that did not answer: no other tool waits for them. */
  readonly #unreachable = new Set<string>();

  constructor({ env, tell }: ToolboxOptions) {
    this.#env = env;
    this.#tell = tell;
  }

  /** Where programs are kept. */
  get cacheFolder(): string {
    return join(this.#env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sealwatch', 'tools');
  }

  /**
   * The path of a tool of the pinned version: from KUBEBUILDER_ASSETS or PATH where it fits, the cache, the project's
   * own download checked against its published hash, or a Go build.
   * @throws Error that says what would help
   */
  ensure(name: string): Promise<string> {
    const known = this.#paths.get(name);
    if (known !== undefined) return known;
    const path = this.#find(toolNamed(name));
    this.#paths.set(name, path);
    // A failure is not kept: what was missing may be there the next time.
    path.catch(() => this.#paths.delete(name));
    return path;
  }

  async #find(tool: Tool): Promise<string> {
    const installed = await findInstalled(tool, this.#env);
    if (installed !== undefined) return installed;
    const cached = join(this.cacheFolder, `${tool.name}-${tool.version}`, tool.name);
    if (await isExecutable(cached)) return cached;
    const onWait = (pid: number): void => this.#tell(`${tool.name}: waiting for process ${pid}, which makes tools`);
    return withLock(join(this.cacheFolder, '.lock'), onWait, async () => {
      // Whoever held the lock may have made it.
      if (!(await isExecutable(cached))) await this.#make(tool, cached);
      return cached;
    });
  }

  /** Called under the lock: what is unfinished is of somebody who was interrupted. */
  async #make(tool: Tool, target: string): Promise<void> {
    for (const entry of await readdir(this.cacheFolder)) {
      if (entry.startsWith(UNFINISHED)) await rm(join(this.cacheFolder, entry), { recursive: true, force: true });
    }
    const folder = await mkdtemp(join(this.cacheFolder, UNFINISHED));
    try {
      const path = (await this.#download(tool, folder)) ?? (await this.#build(tool, folder));
      await mkdir(dirname(target), { recursive: true });
      // The one step that makes it finished.
      await rename(path, target);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #download(tool: Tool, folder: string): Promise<string | undefined> {
    const { prebuilt } = tool;
    if (prebuilt === undefined) return undefined;
    const base = this.#baseOf(prebuilt);
    if (this.#unreachable.has(base)) return undefined;
    const result = await download(prebuilt, base, folder);
    switch (result.kind) {
      case 'done':
        this.#tell(`${tool.name} ${tool.version}: downloaded from ${base}, hash checked`);
        return result.path;
      case 'refused':
        this.#tell(`${tool.name} ${tool.version}: the download is not used: ${result.reason}`);
        return undefined;
      case 'unreachable':
        this.#unreachable.add(base);
        this.#tell(`${base} cannot be reached`);
        return undefined;
    }
  }

  async #build(tool: Tool, folder: string): Promise<string> {
    const target = join(folder, tool.name);
    try {
      await goBuild(tool, { target, env: this.#env, tell: this.#tell });
    } catch (error) {
      throw error instanceof GoMissingError ? new Error(this.#advice(tool), { cause: error }) : error;
    }
    return target;
  }

  #advice(tool: Tool): string {
    const ways = [`install Go ${goVersion(tool.module)} or newer`];
    if (tool.versionArguments !== undefined) {
      ways.push(`put ${tool.name} ${tool.version} on the PATH or into the folder that KUBEBUILDER_ASSETS names`);
    }
    if (tool.prebuilt !== undefined) {
      ways.push(`make ${this.#baseOf(tool.prebuilt)} reachable, or name a mirror in ${tool.prebuilt.baseVariable}`);
    }
    const list = ways.map((way) => `\n  - ${way}`).join('');
    return `${tool.name} ${tool.version} is not here, and there is no go on the PATH to build it. One of these helps:${list}`;
  }

  #baseOf(prebuilt: Prebuilt): string {
    return (this.#env[prebuilt.baseVariable] || prebuilt.base).replace(/\/+$/, '');
  }
}
