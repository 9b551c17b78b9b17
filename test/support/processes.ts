import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { unwatch, watch } from './watchdog.ts';

const MAX_OUTPUT = 64 * 1024;
const LAST_WORDS_MS = 1_000;
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const running = new Set<ManagedProcess>();

export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly onOutput?: (text: string) => void;
}

/** A process that is stopped with this one, however this one ends. */
export class ManagedProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  /** The exit code, or the signal's name; `error` when it could not be started. */
  readonly exited: Promise<number | string>;
  #output = '';
  #failed = false;

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#child = spawn(options.command, options.args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: string): void => {
      this.#output = (this.#output + chunk).slice(-MAX_OUTPUT);
      options.onOutput?.(chunk);
    };
    this.#child.stdout?.setEncoding('utf8').on('data', take);
    this.#child.stderr?.setEncoding('utf8').on('data', take);
    const { promise, resolve } = Promise.withResolvers<number | string>();
    this.exited = promise;
    this.#child.once('exit', (code, signal) => {
      // Its id may be another's soon.
      this.#forget();
      const end = (): void => resolve(code ?? signal ?? 'unknown');
      // Its last words come before `close`, which waits for whatever processes it has left behind.
      this.#child.once('close', end);
      setTimeout(end, LAST_WORDS_MS).unref();
    });
    this.#child.once('error', (error) => {
      this.#forget();
      this.#failed = true;
      this.#output += `${options.command}: ${error.message}\n`;
      resolve('error');
    });
    if (this.#child.pid !== undefined) {
      running.add(this);
      watch('process', this.#child.pid);
    }
  }

  /** The last output, standard output and error together. */
  get output(): string {
    return this.#output;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasExited(): boolean {
    return this.#failed || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** @throws Error with the last output when the process is no more */
  assertRunning(): void {
    if (this.hasExited) throw new Error(`${this.name} ended:\n${this.#output.slice(-4_000)}`);
  }

  /** Waits for a line of output. @throws Error with the output when the process ends, or the time is over, before */
  async waitForOutput(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpMatchArray> {
    return waitFor(
      `${this.name} to print ${pattern}`,
      () => {
        const match = pattern.exec(this.#output);
        if (match === null) this.assertRunning();
        return match ?? undefined;
      },
      timeoutMs,
    );
  }

  /** SIGTERM, and SIGKILL after a while. */
  async stop(graceMs = 10_000): Promise<number | string> {
    if (this.hasExited) return this.exited;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #forget(): void {
    running.delete(this);
    if (this.#child.pid !== undefined) unwatch('process', this.#child.pid);
  }
}

/** Waits until a condition gives something. @throws Error that names what was waited for */
export async function waitFor<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
  intervalMs = 50,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

process.on('exit', () => {
  for (const each of running) each.kill();
});
for (const signal of ENDING_SIGNALS) {
  // A signal that nobody else handles ends this process as it would have, but through `exit`, so that the others end.
  process.once(signal, () => {
    if (process.listenerCount(signal) === 0) process.exit(128 + constants.signals[signal]);
  });
}
