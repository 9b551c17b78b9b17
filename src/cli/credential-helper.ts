import { type ExecFileException, execFile } from 'node:child_process';
import { OciError } from '../oci/index.ts';
import { printable } from '../transport/index.ts';

/** What a program `docker-credential-NAME` was asked to do. */
export type HelperAction = 'get' | 'store' | 'erase';

/** Credentials as a helper gives them. A user name of `<token>` makes the secret an identity token. */
export interface HelperCredentials {
  readonly username: string;
  readonly secret: string;
}

export interface HelperOptions {
  /** The environment that it runs in; PATH says where it is looked for. */
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Default 60 s: a person may have to unlock a key ring. */
  readonly timeoutMs?: number;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024;
/** What every helper says where it has none (docker-credential-helpers). */
const NOT_FOUND = 'credentials not found in native keychain';

/**
 * The credentials that a helper keeps for a server.
 * @returns undefined when it has none
 * @throws OciError Unauthorized, which says what is wrong with the helper, and Timeout; never with what it keeps
 */
export async function getFromHelper(
  name: string,
  server: string,
  options: HelperOptions,
): Promise<HelperCredentials | undefined> {
  const output = await runHelper(name, 'get', server, options);
  if (output === undefined) return undefined;
  const { Username: username, Secret: secret } = parse(output);
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw failure(name, 'get', 'expected JSON with Username and Secret on its standard output');
  return secret === '' ? undefined : { username, secret };
}

/** Hands credentials to a helper to keep. @throws OciError */
export async function storeInHelper(
  name: string,
  server: string,
  { username, secret }: HelperCredentials,
  options: HelperOptions,
): Promise<void> {
  await runHelper(name, 'store', JSON.stringify({ ServerURL: server, Username: username, Secret: secret }), options);
}

/** Lets a helper forget a server; one that it does not know is fine. @throws OciError */
export async function eraseFromHelper(name: string, server: string, options: HelperOptions): Promise<void> {
  await runHelper(name, 'erase', server, options);
}

/** Runs a helper, without a shell. @returns its output; undefined when it says that it has no such credentials */
function runHelper(
  name: string,
  action: HelperAction,
  input: string,
  { env, signal, timeoutMs = TIMEOUT_MS }: HelperOptions,
): Promise<string | undefined> {
  // The name comes from a file, and becomes part of a program's.
  if (!NAME.test(name))
    throw new OciError('Unauthorized', `credential helper ${JSON.stringify(name.slice(0, 100))}: expected a name`);
  const program = `docker-credential-${name}`;
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const child = execFile(
    program,
    [action],
    { env, signal, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES, encoding: 'utf8' },
    (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (stdout.trim() === NOT_FOUND) resolve(undefined);
      else if (signal.aborted) reject(new OciError('Timeout', `${program} ${action}: not done in time`));
      else reject(failure(name, action, reasonOf(error, `${stdout} ${stderr}`, timeoutMs)));
    },
  );
  // It may end without reading.
  child.stdin?.on('error', () => undefined).end(input);
  return promise;
}

function reasonOf(error: ExecFileException, said: string, ms: number): string {
  if (error.code === 'ENOENT') return 'there is no such program on the PATH: install it';
  if (error.code === 'EACCES') return 'it may not be executed';
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `it printed more than ${MAX_OUTPUT_BYTES} bytes`;
  if (error.killed === true) return `it did not end within ${ms / 1000} s`;
  // Helpers print what went wrong; JSON would be credentials.
  const text = said.includes('{') ? '' : printable(said);
  return `it failed with exit code ${String(error.code)}${text === '' ? '' : `: ${text}`}`;
}

function failure(name: string, action: HelperAction, problem: string): OciError {
  return new OciError('Unauthorized', `credential helper docker-credential-${name} ${action}: ${problem}`);
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
