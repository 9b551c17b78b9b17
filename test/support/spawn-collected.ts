import { spawn } from 'node:child_process';

const DEADLINE_MS = 60_000;

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with this environment alone (and where Node keeps what it compiled), and collects what it prints. */
export function spawnCollected(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: { readonly stdin?: string; readonly onStart?: (kill: () => void) => void } = {},
): Promise<CliResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CliResult>();
  const NODE_COMPILE_CACHE = process.env['NODE_COMPILE_CACHE'];
  const child = spawn(command, args, { env: { NODE_COMPILE_CACHE, ...env }, timeout: DEADLINE_MS });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  child.once('error', reject);
  child.once('close', (code) => resolve({ code, stdout, stderr }));
  // It may end without reading what it is given.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  options.onStart?.(() => child.kill('SIGINT'));
  return promise;
}
