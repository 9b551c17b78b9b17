import { loginCredentials, OciError, parseReference, RegistryClient } from '../oci/index.ts';
import { USER_AGENT } from '../version.ts';
import { dispatcherToNamedHosts } from './dispatcher.ts';
import { eraseLogin, storeLogin } from './docker-config-file.ts';
import { EXIT, type ExitCode, UsageError } from './failure.ts';
import { type Io, warn } from './io.ts';
import { readPassword } from './password.ts';
import { REQUEST_TIMEOUT_MS, readCA, type TargetOptions } from './target.ts';
import { quote } from './words.ts';

export type LoginOptions = Pick<
  TargetOptions,
  'plainHttp' | 'username' | 'passwordStdin' | 'caFile' | 'allowAddresses'
>;

/** `sealwatch login HOST`: the credentials are kept only once the registry took them. */
export async function loginCommand(host: string, options: LoginOptions, io: Io): Promise<ExitCode> {
  const registry = registryOf(host);
  const { username, passwordStdin = false } = options;
  if (username === undefined || !passwordStdin)
    throw new UsageError(
      'login: give --username and --password-stdin, such as: printf %s "$PASSWORD" | sealwatch login HOST -u NAME --password-stdin; for an identity token NAME is \'<token>\'',
    );
  if (username.includes(':')) throw new UsageError('--username: expected no colon');
  const ca = options.caFile === undefined ? undefined : await readCA(options.caFile);
  const secret = await readPassword(io);
  const dispatcher = dispatcherToNamedHosts(io.env, options.allowAddresses, ca);
  try {
    const client = new RegistryClient({
      dispatcher,
      credentials: { credentialsFor: async () => loginCredentials(username, secret) },
      plainHTTPHosts: (name) => options.plainHttp === true && name === registry,
      userAgent: USER_AGENT,
      maxAttempts: 3,
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
    const wasAsked = await client.checkLogin(registry, io.signal);
    if (!wasAsked) warn(io, `${registry} asks for no credentials: whether these hold is not known`);
  } finally {
    await dispatcher.close();
  }
  const { path, helper } = await storeLogin(registry, { username, secret }, { env: io.env, signal: io.signal });
  if (helper === undefined)
    warn(
      io,
      `the password stands unencrypted in ${path}: set credsStore or credHelpers there to have a helper keep it`,
    );
  const where = helper === undefined ? path : `docker-credential-${helper}`;
  io.stdout.write(`logged in to ${registry} as ${username}; kept in ${where}\n`);
  return EXIT.done;
}

/** `sealwatch logout HOST`. */
export async function logoutCommand(host: string, io: Io): Promise<ExitCode> {
  const registry = registryOf(host);
  const was = await eraseLogin(registry, { env: io.env, signal: io.signal });
  io.stdout.write(was ? `logged out of ${registry}\n` : `there was no login to ${registry}\n`);
  return EXIT.done;
}

/** Reads a host as references name it. @throws UsageError */
function registryOf(host: string): string {
  const expected = `HOST: expected a registry such as registry.example.com:5000, found ${quote(host)}`;
  try {
    const { registry, repository } = parseReference(`${host}/x/y`);
    if (repository === 'x/y') return registry;
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
  }
  throw new UsageError(expected);
}
