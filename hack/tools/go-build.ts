import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Tool } from './catalog.ts';
import { moduleFolder } from './versions.ts';

const PROGRESS_MS = 15_000;
const KEPT_LINES = 40;

/** There is no `go` to build with. */
export class GoMissingError extends Error {}

export interface GoBuildOptions {
  readonly target: string;
  readonly env: NodeJS.ProcessEnv;
  readonly tell: (message: string) => void;
}

/**
 * Builds a tool with Go, and tells every 15 seconds how far it is.
 * @throws GoMissingError without `go`; Error with Go's last words when the build fails
 */
export async function goBuild(tool: Tool, { target, env, tell }: GoBuildOptions): Promise<void> {
  const began = Date.now();
  const elapsed = (): string => `${Math.round((Date.now() - began) / 1000)} s`;
  const lines: string[] = [];
  let packages = 0;
  tell(`${tool.name} ${tool.version}: building with Go, about ${tool.coldBuild} the first time`);
  const progress = setInterval(
    () => tell(`${tool.name}: still building after ${elapsed()}, ${packages} packages so far; ${lines.at(-1) ?? ''}`),
    PROGRESS_MS,
  );
  try {
    await runGo(tool, target, env, (line) => {
      // -v names each package as it is compiled.
      if (!/\s/.test(line)) packages += 1;
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
    });
  } catch (error) {
    if (error instanceof GoMissingError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${tool.name} ${tool.version} could not be built: ${reason}\n${lines.join('\n')}`);
  } finally {
    clearInterval(progress);
  }
  tell(`${tool.name} ${tool.version}: built in ${elapsed()}`);
}

function runGo(tool: Tool, target: string, env: NodeJS.ProcessEnv, onLine: (line: string) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // -buildvcs=false: the state of this repository says nothing of the program, and git may refuse to tell it.
  const args = ['build', '-v', '-trimpath', '-buildvcs=false', '-ldflags', tool.ldflags, '-o', target, tool.package];
  const child = spawn('go', args, {
    cwd: moduleFolder(tool.module),
    env: { ...env, CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stop = (): void => {
    child.kill();
  };
  process.once('exit', stop);
  createInterface({ input: child.stderr }).on('line', onLine);
  child.once('error', (error) => {
    process.removeListener('exit', stop);
    reject('code' in error && error.code === 'ENOENT' ? new GoMissingError('go is not on the PATH') : error);
  });
  child.once('close', (code, signal) => {
    process.removeListener('exit', stop);
    if (code === 0) resolve();
    else reject(new Error(`go build ended with ${code ?? signal}`));
  });
  return promise;
}
