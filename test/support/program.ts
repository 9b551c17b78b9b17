import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { ensureTool } from '../../hack/tools/ensure.ts';

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly stdin?: string;
  /** Beside this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Runs a tool of the catalog to its end; never rejects for what it refuses. */
export async function runTool(name: string, args: readonly string[], options?: ProgramOptions): Promise<ProgramResult> {
  return runProgram(await ensureTool(name), args, options);
}

/** Runs a program to its end; never rejects for what it refuses. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const closed = Promise.withResolvers<number | null>();
  child.once('error', closed.reject);
  child.once('close', closed.resolve);
  // A program that ends before it has read all is judged by its exit code.
  child.stdin.once('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  const [stdout, stderr, code] = await Promise.all([buffer(child.stdout), buffer(child.stderr), closed.promise]);
  return { code, stdout: stdout.toString('utf8'), stderr: stderr.toString('utf8') };
}

/** The same, for what must succeed. @throws Error with what the program complains of */
export async function toolOutput(...args: Parameters<typeof runTool>): Promise<string> {
  const { code, stdout, stderr } = await runTool(...args);
  if (code !== 0) throw new Error(`${args[0]} ${args[1].join(' ')}: ${stderr || stdout}`);
  return stdout;
}
