import { Command, CommanderError, Option } from 'commander';
import { VERSION } from '../version.ts';
import * as parse from './arguments.ts';
import { EXIT, type ExitCode, type Failure, failureOf } from './failure.ts';
import { inspectCommand } from './inspect.ts';
import { type Io, painter, writeJson } from './io.ts';
import { addClusterCommands, CLUSTER_COMMANDS } from './kubectl/program.ts';
import { listCommand } from './list.ts';
import { type LoginOptions, loginCommand, logoutCommand } from './login.ts';
import { type PolicyOptions, policyCheckCommand, policyImportCommand, policyShowCommand } from './policy.ts';
import { type SignOptions, signCommand } from './sign.ts';
import type { SignaturesOptions } from './signatures.ts';
import { addSigner } from './signer-program.ts';
import { type VerifyOptions, verifyCommand } from './verify.ts';
import { quote } from './words.ts';

/** What the command is called: by its own name, or as a plugin of kubectl. */
export type CommandName = 'sealwatch' | 'kubectl sealwatch';

const EXIT_CODES = 'Exit codes: 0 trusted, or done; 1 not trusted; 2 could not be determined; 64 wrong usage.';
const EXAMPLES: Readonly<Record<CommandName, string>> = {
  'kubectl sealwatch': `
Examples:
  kubectl sealwatch status -A
  kubectl sealwatch why web-0 -n shop
  kubectl sealwatch expiring --within 30d -A
  kubectl sealwatch blast-radius arn:aws:signer:eu-west-1:111122223333:/signing-profiles/shop
  kubectl sealwatch preview -f policy.yaml

${EXIT_CODES}
`,
  sealwatch: `
Examples:
  sealwatch verify registry.example.com/shop/web:v1
  sealwatch verify registry.example.com/shop/web:v1 --from-cluster
  sealwatch verify v1 --oci-layout ./web --scope registry.example.com/shop/web
  sealwatch sign registry.example.com/shop/web@sha256:… --key key.pem --chain chain.pem
  sealwatch inspect registry.example.com/shop/web:v1

${EXIT_CODES}
`,
};

/**
 * Runs one command, and tells what went wrong: a line on stderr, and an object on stdout where JSON was asked for.
 * @param argv without node and script
 * @returns the exit code
 */
export async function runCommand(argv: readonly string[], io: Io, name: CommandName = 'sealwatch'): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  try {
    const program = createProgram(name, io, (code) => {
      exitCode = code;
    });
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT.usage;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    if (io.signal.aborted) return tell(failureOf(io.signal.reason), argv, io);
    return tell(error instanceof CommanderError ? usageFailure(error, argv, name) : failureOf(error), argv, io);
  }
}

function tell(failure: Failure, argv: readonly string[], io: Io): ExitCode {
  // One line, also where the message quotes a file.
  const line = failure.message.replaceAll(/[\r\n]+/g, ' ');
  io.stderr.write(`${painter(io.stderr)('red', 'sealwatch')}: ${line}\n`);
  if (wantsJson(argv)) writeJson(io, { error: { code: failure.code, message: failure.message } });
  return failure.exitCode;
}

/** Also where the arguments could not be parsed. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some((argument, i) => {
    if (argument === '--output=json' || argument === '-ojson') return true;
    return argument === 'json' && (argv[i - 1] === '--output' || argv[i - 1] === '-o');
  });
}

const INVALID = /^option '(?:-\w, )?(--[\w-]+)[^']*' argument '(.*)' is invalid\. (.*?)\.?$/s;

/** What commander says, in one line that names the flag, what was expected and what was found. */
function usageFailure({ code, message }: CommanderError, argv: readonly string[], name: CommandName): Failure {
  const line = message
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
  const [, flag, found = '', expected = ''] = INVALID.exec(line) ?? [];
  const lower = `${expected.slice(0, 1).toLowerCase()}${expected.slice(1)}`;
  const told = flag === undefined ? line : `${flag}: ${lower}; found ${quote(found)}`;
  const what = code === 'commander.help' ? 'expected a command' : told;
  return { exitCode: EXIT.usage, code: 'Usage', message: `${what}; see ${helpCommand(argv, name)}` };
}

const PLAIN_COMMANDS = ['verify', 'sign', 'inspect', 'list', 'login', 'logout', ...CLUSTER_COMMANDS];

function helpCommand([command = '', subcommand = '']: readonly string[], name: CommandName): string {
  if (command === 'policy')
    return `${name} policy ${['check', 'show', 'import'].includes(subcommand) ? `${subcommand} ` : ''}--help`;
  if (command === 'signer') return `${name} signer ${subcommand === 'profile' ? 'profile ' : ''}--help`;
  return `${name} ${PLAIN_COMMANDS.includes(command) ? `${command} ` : ''}--help`;
}

function createProgram(name: CommandName, io: Io, done: (code: ExitCode) => void): Command {
  const program = new Command(name);
  program
    .description('Signs container images, verifies them, and tells why they are trusted or not (Notary Project)')
    .version(VERSION, '-V, --version')
    // `signer profile revoke` has a --version of its own.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // Errors are told once, by whoever catches them.
      writeErr: () => undefined,
      outputError: () => undefined,
      getOutHasColors: () => false,
    })
    .showSuggestionAfterError()
    .addHelpText('after', EXAMPLES[name]);
  // What a person of kubectl looks for stands first.
  if (name === 'kubectl sealwatch') addClusterCommands(program, io, done);
  addVerify(program, (ref, options) => verifyCommand(ref, options, io).then(done));
  addSign(program, (ref, options) => signCommand(ref, options, io).then(done));
  const look = (name: string, description: string, run: typeof listCommand): void => {
    const command = program.command(name).description(description);
    withTarget(command)
      .addOption(maxSignatures())
      .addOption(output())
      .action((ref: string, options: SignaturesOptions) => run(ref, options, io).then(done));
  };
  look('inspect', 'show what the signatures of an image say, without judging them', inspectCommand);
  look('list', 'list the signatures of an image', listCommand);
  addPolicy(program, io, done);
  addSigner(program, io, done);
  addLogin(program, io, done);
  if (name === 'sealwatch') addClusterCommands(program, io, done);
  program
    .command('operator')
    .description('run the Kubernetes operator; sealwatch operator --help lists its flags')
    .allowUnknownOption()
    .helpOption(false);
  return program;
}

function addVerify(program: Command, run: (ref: string, options: VerifyOptions) => Promise<void>): void {
  const command = program.command('verify').description('verify the signatures of an image by a trust policy');
  withTarget(command)
    .option('--scope <SCOPE>', 'with --oci-layout: the registry/repository that policies know it by', parse.scope)
    .addOption(
      new Option('--policy-file <FILE>', 'the trust policy; default the one of the configuration folder').argParser(
        parse.filled,
      ),
    )
    .addOption(configDir())
    .addOption(trustStoreDir())
    .addOption(
      new Option('--from-cluster', 'use the TrustPolicies and TrustStores of the current kubeconfig context').conflicts(
        ['policyFile', 'configDir', 'trustStoreDir'],
      ),
    )
    .addOption(userMetadata('that must be signed; may be given several times'))
    .addOption(maxSignatures())
    .option('--now <TIME>', 'verify as of this time (RFC 3339); default the clock', parse.time)
    .addOption(awsEndpoint())
    .addOption(output())
    .action(run);
}

function addSign(program: Command, run: (ref: string, options: SignOptions) => Promise<void>): void {
  const command = program.command('sign').description('sign an image, and push the signature beside it');
  withTarget(command)
    .option('--key <FILE>', 'private key, PEM (PKCS#8, PKCS#1 or SEC1), not encrypted', parse.filled)
    .option('--chain <FILE>', 'its certificates, PEM, leaf first, root included', parse.filled)
    .option('--aws-profile <ARN>', 'sign with this signing profile of AWS Signer instead', parse.filled)
    .addOption(awsEndpoint())
    .option('--format <FORMAT>', 'jws or cose; default jws', parse.signatureFormat)
    .option('--expiry <DURATION>', 'how long the signature holds, such as 8760h; default for ever', parse.duration)
    .option('--timestamp-url <URL>', 'time stamping authority (RFC 3161)', parse.url)
    .option('--timestamp-root <FILE>', 'its root certificates, PEM', parse.filled)
    .option(
      '--platforms <WHICH>',
      'index: what REF names; all: also each manifest that an index lists; default index',
      parse.platformChoice,
    )
    .addOption(userMetadata('to sign along; may be given several times'))
    .addOption(output())
    .action(run);
}

function addPolicy(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const policy = program.command('policy').description('check, show or import trust policies');
  policy
    .command('check')
    .description('check a trust policy; what means nothing in it, and stores that are missing, are warnings')
    .argument('<FILE>')
    .addOption(configDir())
    .addOption(trustStoreDir())
    .addOption(output())
    .action((file: string, options: PolicyOptions) => policyCheckCommand(file, options, io).then(done));
  policy
    .command('show')
    .description('say what a trust policy means; default the one of the configuration folder')
    .argument('[FILE]')
    .addOption(configDir())
    .addOption(output())
    .action((file: string | undefined, options: PolicyOptions) => policyShowCommand(file, options, io).then(done));
  policy
    .command('import')
    .description('check a trust policy, and make it the one of the configuration folder')
    .argument('<FILE>')
    .option('--force', 'replace the one that is there')
    .addOption(configDir())
    .addOption(trustStoreDir())
    .addOption(output())
    .action((file: string, options: PolicyOptions) => policyImportCommand(file, options, io).then(done));
}

function addLogin(program: Command, io: Io, done: (code: ExitCode) => void): void {
  withRegistry(
    program
      .command('login')
      .description("check credentials with a registry, and keep them where Docker's config says")
      .argument('<HOST>'),
    'for the registry; <token> where the password is an identity token',
  ).action((host: string, options: LoginOptions) => loginCommand(host, options, io).then(done));
  program
    .command('logout')
    .description('forget the credentials of a registry')
    .argument('<HOST>')
    .action((host: string) => logoutCommand(host, io).then(done));
}

/** The argument REF, and the flags that say where it is and how to get at it. */
function withTarget(command: Command): Command {
  command
    .argument('<REF>', 'an image by tag or digest; with --oci-layout a tag or digest of that layout')
    .addOption(
      new Option('--oci-layout <FOLDER>', 'the image is in this OCI image layout, not in a registry')
        .argParser(parse.filled)
        .conflicts(['plainHttp', 'username', 'passwordStdin', 'caFile']),
    );
  return withRegistry(command, "for the registry; default the credentials of Docker's config");
}

/** The flags that say how to get at a registry. */
function withRegistry(command: Command, username: string): Command {
  return command
    .option('--plain-http', 'speak plain HTTP with the registry')
    .option('-u, --username <NAME>', username, parse.filled)
    .option('--password-stdin', 'read the password from standard input')
    .option('--ca-file <FILE>', "PEM certificates of the registry's private CA", parse.filled)
    .option(
      '--allow-addresses <CIDRS>',
      'addresses that hosts may have although they are loopback, link-local or metadata; a registry may always be on loopback',
      parse.addresses,
    );
}

function output(): Option {
  return new Option('-o, --output <FORMAT>', 'text or json').default('text').argParser(parse.outputFormat);
}

function maxSignatures(): Option {
  return new Option('--max-signatures <N>', 'signatures of the image that are looked at, at most')
    .default(100)
    .argParser(parse.signatureLimit);
}

function userMetadata(what: string): Option {
  return new Option('-m, --user-metadata <KEY=VALUE>', `metadata ${what}`).argParser(parse.metadata);
}

function configDir(): Option {
  return new Option(
    '--config-dir <FOLDER>',
    "configuration folder; default notation's own, ~/.config/notation",
  ).argParser(parse.filled);
}

function trustStoreDir(): Option {
  return new Option(
    '--trust-store-dir <FOLDER>',
    'holds x509/<type>/<name>/; default truststore in the configuration folder',
  ).argParser(parse.filled);
}

function awsEndpoint(): Option {
  return new Option('--aws-endpoint <URL>', "AWS Signer's endpoint; default AWS's own").argParser(parse.url);
}
