import { spawn } from 'node:child_process';

const DEADLINE_MS = 120_000;

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export interface KubectlOptions {
  readonly command: string;
  readonly kubeconfigPath: string;
  /** Where it keeps what it learned of the API: the ports of control planes are used anew by others. */
  readonly cacheFolder: string;
}

/** Runs kubectl for at most two minutes; never rejects for what kubectl refuses. */
export function runKubectl(options: KubectlOptions, args: readonly string[], stdin = ''): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  const child = spawn(options.command, ['--kubeconfig', options.kubeconfigPath, ...args], {
    stdio: 'pipe',
    timeout: DEADLINE_MS,
    env: { ...process.env, KUBECACHEDIR: options.cacheFolder },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  child.once('error', reject);
  child.once('close', (code, signal) => {
    if (signal !== null) stderr += `kubectl was ended by ${signal}\n`;
    resolve({ stdout, stderr, code: code ?? 1 });
  });
  // kubectl may end without reading all that it is given; its exit code says why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  return promise;
}
