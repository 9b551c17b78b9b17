import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NotaryError, type Statement } from '../notary/index.ts';
import type { OutputFormat } from './arguments.ts';
import {
  defaultConfigFolder,
  findPolicyFile,
  type PolicyFile,
  policyFileToWrite,
  readPolicyFile,
  readTrustStore,
} from './config-folder.ts';
import { EXIT, type ExitCode, UsageError } from './failure.ts';
import { systemCode } from './files.ts';
import { type Io, type Paint, painter, warn, writeJson } from './io.ts';
import { unknownFields } from './policy-fields.ts';
import { renderTree, type TreeNode } from './tree.ts';

export interface PolicyOptions {
  readonly configDir?: string;
  readonly trustStoreDir?: string;
  readonly force?: boolean;
  readonly output: OutputFormat;
}

/**
 * `sealwatch policy check FILE`: whether a trust policy is valid (notary.md F); what is ignored in it, and the trust
 * stores that are not there, are warnings.
 * @returns 0 when it is valid. An invalid one throws UsageError, which says what is wrong
 */
export async function policyCheckCommand(file: string, options: PolicyOptions, io: Io): Promise<ExitCode> {
  const policy = await readPolicyFile(file);
  const warnings = [...unknownFields(policy.document), ...(await storeProblems(policy, options, io))];
  if (options.output === 'json') {
    writeJson(io, { file, valid: true, statements: policy.statements.map(({ name }) => name), warnings });
    return EXIT.done;
  }
  for (const warning of warnings) warn(io, warning);
  const paint = painter(io.stdout);
  const count = policy.statements.length;
  io.stdout.write(
    `${paint('green', '✔')} ${paint('bold', file)}: ${paint('green', 'valid')}, ${count} ${count === 1 ? 'statement' : 'statements'}\n`,
  );
  return EXIT.done;
}

/** `sealwatch policy show [FILE]`: what a trust policy says, in words; by default the one in force. */
export async function policyShowCommand(file: string | undefined, options: PolicyOptions, io: Io): Promise<ExitCode> {
  const path = file ?? (await policyInForce(options, io));
  const policy = await readPolicyFile(path);
  if (options.output === 'json') {
    writeJson(io, policy.document);
    return EXIT.done;
  }
  for (const warning of unknownFields(policy.document)) warn(io, warning);
  const paint = painter(io.stdout);
  const children = policy.statements.map((statement) => statementNode(statement, paint));
  io.stdout.write(renderTree({ label: paint('bold', path), children }));
  return EXIT.done;
}

/**
 * `sealwatch policy import FILE`: checks a trust policy, and makes it the one in force. One that is there is replaced
 * with --force only.
 */
export async function policyImportCommand(file: string, options: PolicyOptions, io: Io): Promise<ExitCode> {
  const policy = await readPolicyFile(file);
  const folder = folderOf(options, io);
  const target = await policyFileToWrite(folder);
  await writePolicy(target, `${JSON.stringify(policy.document, undefined, 2)}\n`, options.force === true);
  const warnings = [...unknownFields(policy.document), ...(await storeProblems(policy, options, io))];
  if (options.output === 'json') writeJson(io, { file, imported: target, warnings });
  else {
    for (const warning of warnings) warn(io, warning);
    io.stdout.write(`${painter(io.stdout)('green', '✔')} ${file} is the trust policy now: ${target}\n`);
  }
  return EXIT.done;
}

function folderOf({ configDir }: PolicyOptions, io: Io): string {
  return configDir ?? defaultConfigFolder(io.env);
}

async function policyInForce(options: PolicyOptions, io: Io): Promise<string> {
  const folder = folderOf(options, io);
  const path = await findPolicyFile(folder);
  if (path === undefined)
    throw new UsageError(`there is no trust policy in ${folder}: name a file, or sealwatch policy import one`);
  return path;
}

/** Without force never over a file that is there; with it, readers see the old one or the whole new one. */
async function writePolicy(target: string, text: string, force: boolean): Promise<void> {
  const written = force ? `${target}.${process.pid}.tmp` : target;
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new UsageError(`cannot write ${target}: ${systemCode(error)}`, { cause: error });
  }
  try {
    await writeFile(written, text, { flag: force ? 'w' : 'wx', mode: 0o600 });
    if (force) await rename(written, target);
  } catch (error) {
    const code = systemCode(error);
    if (force) await rm(written, { force: true });
    if (code === 'EEXIST')
      throw new UsageError(`${target} is there already: look at it, and use --force to replace it`, { cause: error });
    throw new UsageError(`cannot write ${target}: ${code}`, { cause: error });
  }
}

/** What is wrong with the stores that a policy names: sentences. */
async function storeProblems(policy: PolicyFile, options: PolicyOptions, io: Io): Promise<readonly string[]> {
  const folder = options.trustStoreDir ?? join(folderOf(options, io), 'truststore');
  const references = new Map(
    policy.statements.flatMap(({ trustStores }) => trustStores).map((store) => [`${store.type}:${store.name}`, store]),
  );
  const problems: string[] = [];
  for (const reference of references.values()) {
    try {
      const store = await readTrustStore(folder, reference);
      if (typeof store === 'string') problems.push(store);
    } catch (error) {
      if (!(error instanceof UsageError) && !(error instanceof NotaryError)) throw error;
      problems.push(error.message);
    }
  }
  return problems;
}

function statementNode(statement: Statement, paint: Paint): TreeNode {
  const { name, registryScopes, level, actions, verifyTimestamp, trustStores, trustedIdentities } = statement;
  const row = (label: string, text: string): TreeNode => ({ label: `${paint('dim', label.padEnd(10))} ${text}` });
  const list = (label: string, texts: readonly string[]): readonly TreeNode[] =>
    texts.map((text, i) => row(i === 0 ? label : '', text));
  const words = (['enforce', 'log', 'skip'] as const).flatMap((action) => {
    const checks = Object.entries(actions).flatMap(([check, does]) => (does === action ? [check] : []));
    return checks.length === 0 ? [] : [`${ACTION_WORDS[action]}: ${checks.join(', ')}`];
  });
  return {
    label: paint('bold', name),
    children: [
      ...list('scope', registryScopes),
      row('level', level),
      ...(level === 'skip'
        ? [row('', 'nothing is checked: every image of the scope is trusted')]
        : [
            ...list('checks', words),
            ...list(
              'stores',
              trustStores.map(({ type, name: store }) => `${type}:${store}`),
            ),
            ...list(
              'identities',
              trustedIdentities.map((identity) =>
                identity === '*' ? '* (whoever has a certificate of these stores)' : identity,
              ),
            ),
            ...(trustStores.some(({ type }) => type === 'tsa')
              ? [row('timestamps', TIMESTAMP_WORDS[verifyTimestamp])]
              : []),
          ]),
    ],
  };
}

const ACTION_WORDS = { enforce: 'must pass', log: 'reported only', skip: 'not checked' } as const;
const TIMESTAMP_WORDS = {
  always: 'required',
  afterCertExpiry: 'looked at where a certificate has expired',
} as const;
