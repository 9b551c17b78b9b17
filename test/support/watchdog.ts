import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const SCRIPT = join(import.meta.dirname, 'watchdog.sh');
let watchdog: ChildProcess | undefined;

/**
 * Tells a process apart from this one what to clear away should this one end without doing so, also by SIGKILL:
 * it reads a pipe that the kernel closes when this process is gone.
 * @param what a process id to kill, or a temporary folder of ours to remove
 */
export function watch(kind: 'process' | 'folder', what: number | string): void {
  tell(`add ${kind} ${what}`);
}

/** Takes back what `watch` told: it is gone already. */
export function unwatch(kind: 'process' | 'folder', what: number | string): void {
  tell(`remove ${kind} ${what}`);
}

function tell(line: string): void {
  watchdog ??= start();
  watchdog.stdin?.write(`${line}\n`);
}

function start(): ChildProcess {
  // Detached: a Ctrl-C at the terminal is not for it.
  const child = spawn('sh', [SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  // Neither it nor the pipe keeps this process alive.
  child.unref();
  if (child.stdin !== null && 'unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  // Losing it loses a safety net, not a test.
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  return child;
}
