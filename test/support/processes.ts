import { type ChildProcess, spawn } from 'node:child_process';

const MAX_OUTPUT = 64 * 1024;
const running = new Set<ManagedProcess>();

export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly onOutput?: (text: string) => void;
}

/** A process that is stopped with this one, however this one ends. */
export class ManagedProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly exited: Promise<number | string>;
  #output = '';

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#child = spawn(options.command, options.args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: Buffer): void => {
      const text = chunk.toString('utf8');
      this.#output = (this.#output + text).slice(-MAX_OUTPUT);
      options.onOutput?.(text);
    };
    this.#child.stdout?.on('data', take);
    this.#child.stderr?.on('data', take);
    const { promise, resolve } = Promise.withResolvers<number | string>();
    this.exited = promise;
    this.#child.once('exit', (code, signal) => {
      running.delete(this);
      resolve(code ?? signal ?? 'unknown');
    });
    this.#child.once('error', (error) => {
      running.delete(this);
      this.#output += error.message;
      resolve('error');
    });
    running.add(this);
  }

  /** The last output, standard output and error together. */
  get output(): string {
    return this.#output;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for a line of output. @throws Error with the output when the process ends, or the time is over, before */
  async waitForOutput(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpMatchArray> {
    return waitFor(
      `${this.name} to print ${pattern}`,
      () => {
        const match = pattern.exec(this.#output);
        if (match === null && this.hasExited) throw new Error(`${this.name} ended before:\n${this.#output.slice(-4_000)}`);
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
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Without a handler of somebody's, a signal would end this process and leave the others.
  process.once(signal, () => {
    if (process.listenerCount(signal) === 0) process.exit(128 + (signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 1));
  });
}
