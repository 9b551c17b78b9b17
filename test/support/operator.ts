import { join } from 'node:path';
import { ManagedProcess, waitFor } from './processes.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

export interface OperatorOptions {
  readonly kubeconfigPath: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What Node runs, with the arguments before the operator's own; default the source. */
  readonly entry?: readonly string[];
  /** A command that runs the operator as its arguments, and becomes it: `unshare -rm`; default none. */
  readonly within?: readonly string[];
  /** Waits until it is ready; default true. */
  readonly waitForReady?: boolean;
}

/** The operator as a process of its own, as a cluster would run it. */
export class OperatorProcess {
  readonly process: ManagedProcess;
  readonly #port: () => number;

  constructor(process: ManagedProcess, port: () => number) {
    this.process = process;
    this.#port = port;
  }

  /** Of its server, on 127.0.0.1. */
  get port(): number {
    return this.#port();
  }

  /** GETs a path of its server. */
  async fetch(path: string): Promise<{ readonly status: number; readonly text: string }> {
    // A connection of its own, as a kubelet's probe has: one that is kept may be cut off between two requests.
    const headers = { connection: 'close' };
    const response = await fetch(`http://127.0.0.1:${this.#port()}${path}`, { headers });
    return { status: response.status, text: await response.text() };
  }

  /** The value of a metric whose line begins so; undefined when there is none. */
  async metric(prefix: string): Promise<number | undefined> {
    const { text } = await this.fetch('/metrics');
    const line = text.split('\n').find((candidate) => candidate.startsWith(prefix));
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  /** Its log, a JSON object a line. */
  logs(): readonly Readonly<Record<string, unknown>>[] {
    return this.process.output.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Readonly<Record<string, unknown>>];
      } catch {
        return [];
      }
    });
  }

  stop(): Promise<number | string> {
    return this.process.stop();
  }
}

/** Starts the operator against a cluster, serving on a free port. */
export async function startOperator(options: OperatorOptions): Promise<OperatorProcess> {
  const [command = '', ...before] = [...(options.within ?? []), globalThis.process.execPath];
  const process = new ManagedProcess({
    name: 'sealwatch',
    command,
    args: [...before, ...(options.entry ?? [MAIN]), '--listen-address', '127.0.0.1:0', ...(options.args ?? [])],
    env: { KUBECONFIG: options.kubeconfigPath, NO_PROXY: '127.0.0.1,localhost', ...options.env },
  });
  const [, port] = await process.waitForOutput(/"address":\{"host":"127\.0\.0\.1","port":(\d+)\}/);
  const operator = new OperatorProcess(process, () => Number(port));
  if (options.waitForReady !== false) {
    await waitFor('the operator to be ready', async () => {
      if (process.hasExited) throw new Error(`the operator ended:\n${process.output}`);
      return (await operator.fetch('/readyz')).status === 200;
    });
  }
  return operator;
}
