import { Writable } from 'node:stream';
import type { Io } from '../../../src/cli/io.ts';
import { runCommand } from '../../../src/cli/program.ts';

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string;
  readonly now?: Date;
  readonly signal?: AbortSignal;
}

/** Runs the command in this process, as src/cli/main.ts does, with streams of its own. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<CommandRun> {
  const [stdout, stderr] = [new Collected(), new Collected()];
  const io: Io = {
    stdout,
    stderr,
    stdin: (async function* () {
      yield Buffer.from(options.stdin ?? '');
    })(),
    // Neither the folder nor the credentials of whoever runs the tests.
    env: options.env ?? { XDG_CONFIG_HOME: '/nonexistent', DOCKER_CONFIG: '/nonexistent' },
    clock: () => options.now ?? new Date(),
    signal: options.signal ?? new AbortController().signal,
  };
  const code = await runCommand(argv, io);
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collected extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
