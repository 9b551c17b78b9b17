import { execFile, spawn } from 'node:child_process';
import { access, constants, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { moduleFolder, type Tool, toolNamed } from './catalog.ts';
import { download } from './download.ts';
import { withLock } from './lock.ts';

const run = promisify(execFile);
const PROGRESS_MS = 15_000;

/** Once a host did not answer, no tool waits for one again. */
let isOffline = false;

/** Tells people what goes on; standard output stays free for paths. */
function tell(message: string): void {
  process.stderr.write(`tools: ${message}\n`);
}

/** Where tools are kept between runs. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sealwatch', 'tools');
}

/**
 * The path of a tool of the pinned version: from KUBEBUILDER_ASSETS or PATH where it fits, the cache, the project's
 * own archive checked against its published hash, or a Go build.
 * @throws Error that says what would help
 */
export async function ensureTool(name: string): Promise<string> {
  const tool = toolNamed(name);
  const cached = join(cacheFolder(), `${tool.name}-${tool.version}`, tool.name);
  const found = (await fromEnvironment(tool)) ?? ((await isExecutable(cached)) ? cached : undefined);
  if (found !== undefined) return found;
  const lock = join(cacheFolder(), '.lock');
  return withLock(lock, (pid) => tell(`waiting for process ${pid}, which makes tools`), async () => {
    if (!(await isExecutable(cached))) await make(tool, cached);
    return cached;
  });
}

async function make(tool: Tool, target: string): Promise<void> {
  await mkdir(join(target, '..'), { recursive: true });
  if (!isOffline && tool.prebuilt !== undefined) {
    const result = await download(tool, target);
    if (result.kind === 'done') {
      tell(`${tool.name} ${tool.version}: downloaded, hash checked`);
      return;
    }
    if (result.kind === 'refused') tell(`${tool.name} ${tool.version}: the download was refused: ${result.reason}; building it instead`);
    else isOffline = true;
  }
  await build(tool, target);
}

async function build(tool: Tool, target: string): Promise<void> {
  const started = Date.now();
  const seconds = (): number => Math.round((Date.now() - started) / 1000);
  tell(`${tool.name} ${tool.version}: building with Go (about ${tool.coldBuild} the first time)`);
  const progress = setInterval(() => tell(`${tool.name}: still building, ${seconds()} s`), PROGRESS_MS);
  // Named apart until it is whole: an interrupted build is never taken for a finished one.
  const partial = `${target}.partial-${process.pid}`;
  try {
    await go(['build', '-trimpath', '-ldflags', tool.ldflags, '-o', partial, tool.package], moduleFolder(tool));
    await rename(partial, target);
    tell(`${tool.name} ${tool.version}: built in ${seconds()} s`);
  } finally {
    clearInterval(progress);
    await rm(partial, { force: true });
  }
}

function go(parameters: readonly string[], folder: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn('go', parameters, { cwd: folder, env: { ...process.env, CGO_ENABLED: '0' }, stdio: ['ignore', 2, 2] });
  child.once('error', (error) => {
    const missing = 'code' in error && error.code === 'ENOENT';
    const help = 'install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl of the pinned versions';
    reject(missing ? new Error(`go is not on the PATH: ${help}`) : error);
  });
  child.once('exit', (code, signal) => {
    if (code === 0) resolve();
    else reject(new Error(`go ${parameters[0]} in ${folder} ended with ${code ?? signal}`));
  });
  return promise;
}

async function fromEnvironment(tool: Tool): Promise<string | undefined> {
  if (tool.versionArguments === undefined) return undefined;
  const folders = [process.env['KUBEBUILDER_ASSETS'], ...(process.env['PATH'] ?? '').split(delimiter)];
  for (const folder of folders) {
    if (folder === undefined || folder === '') continue;
    const path = join(folder, tool.name);
    if ((await isExecutable(path)) && (await printsVersion(path, tool.versionArguments, tool.version))) return path;
  }
  return undefined;
}

async function printsVersion(path: string, parameters: readonly string[], version: string): Promise<boolean> {
  try {
    const { stdout, stderr } = await run(path, parameters, { timeout: 10_000 });
    return new RegExp(`(?:^|[^0-9.])v?${version.replaceAll('.', '\\.')}(?![0-9.])`).test(stdout + stderr);
  } catch {
    // A program that cannot say its version is not the one that is looked for.
    return false;
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
