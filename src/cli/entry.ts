import { UndeterminedError } from './failure.ts';
import { type CommandName, runCommand } from './program.ts';

/** The command, of this process: its exit code. @param name what a person called it by */
export async function main(name: CommandName = 'sealwatch'): Promise<number> {
  const argv = process.argv.slice(2);
  // A reader that has seen enough (`sealwatch list … | head`) is no error. Nor is it an answer: the command goes on to its
  // own exit code, for to end here could be 0 for an image that is not trusted.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  if (argv[0] === 'operator') {
    // The operator is loaded for itself only: the commands start without it.
    const { operatorCommand } = await import('./operator-command.ts');
    return operatorCommand(argv.slice(1), process.env);
  }
  const interruption = new AbortController();
  // What is under way ends, and takes its lock and temporary files with it; the second time the process just ends.
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => interruption.abort(new UndeterminedError('Interrupted', `interrupted by ${name}`)));
  const { signal } = interruption;
  const { stdout, stderr, stdin, env } = process;
  return runCommand(argv, { stdout, stderr, stdin, env, clock: () => new Date(), signal }, name);
}
