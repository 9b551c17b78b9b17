import { X509Certificate } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type FindTrustStore,
  NotaryError,
  parseTrustPolicyDocument,
  parseTrustStore,
  type Statement,
  selectStatement,
  type TrustPolicyDocument,
  type TrustStoreCertificates,
  type TrustStoreReference,
} from '../notary/index.ts';
import { UsageError } from './failure.ts';
import { readUserFile, systemCode } from './files.ts';
import type { LoadedStores, TrustSource } from './trust-source.ts';

const OCI_POLICY = 'trustpolicy.oci.json';
const POLICY = 'trustpolicy.json';
const MAX_FILES = 1_000;

/** Notation's own folder: `$XDG_CONFIG_HOME/notation`, else `~/.config/notation`. @throws UsageError without either */
export function defaultConfigFolder(env: NodeJS.ProcessEnv): string {
  const { XDG_CONFIG_HOME: xdg, HOME: home } = env;
  if (xdg !== undefined && xdg !== '') return join(xdg, 'notation');
  if (home !== undefined && home !== '') return join(home, '.config', 'notation');
  throw new UsageError('neither XDG_CONFIG_HOME nor HOME is set: give --config-dir');
}

/**
 * The trust policy file of a configuration folder, as notation finds it: trustpolicy.oci.json, else trustpolicy.json;
 * a link or a folder in its place is refused.
 * @returns undefined when there is none
 * @throws UsageError
 */
export async function findPolicyFile(folder: string): Promise<string | undefined> {
  for (const name of [OCI_POLICY, POLICY]) {
    const path = join(folder, name);
    const kind = await kindOf(path);
    if (kind === 'absent') continue;
    if (kind === 'file') return path;
    throw new UsageError(`trust policy ${path}: expected a regular file, found a ${kind}, which notation refuses too`);
  }
  return undefined;
}

/** Where a new policy goes: the file in force, else the name that every notation reads. */
export async function policyFileToWrite(folder: string): Promise<string> {
  return (await findPolicyFile(folder)) ?? join(folder, POLICY);
}

/** A trust policy file, read and checked. */
export interface PolicyFile {
  readonly path: string;
  readonly document: TrustPolicyDocument;
  readonly statements: readonly Statement[];
}

/** Reads and checks a trust policy. @throws UsageError that names the file, and what is wrong (notary.md F) */
export async function readPolicyFile(path: string): Promise<PolicyFile> {
  const text = (await readUserFile(path, 'trust policy')).toString('utf8');
  let document: TrustPolicyDocument;
  try {
    document = JSON.parse(text) as TrustPolicyDocument;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 200) : '';
    throw new UsageError(`${path}: expected a trust policy in JSON: ${why}`, { cause });
  }
  try {
    return { path, document, statements: parseTrustPolicyDocument(document) };
  } catch (error) {
    if (error instanceof NotaryError) throw new UsageError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * The trust store `type:name` of a folder `x509/<type>/<name>/`, as notation reads it: every file there is a
 * certificate, or several in PEM; links and folders are refused.
 * @param folder the truststore folder
 * @returns a sentence instead where there is no such store
 * @throws UsageError where there is one, and it cannot be used: it may have been meant to hold what is missing
 */
export async function readTrustStore(
  folder: string,
  { type, name }: TrustStoreReference,
): Promise<TrustStoreCertificates | string> {
  const path = join(folder, 'x509', type, name);
  const what = `trust store ${type}:${name}`;
  const kind = await kindOf(path);
  if (kind === 'absent')
    return `${what}: there is no folder ${path}: create it with the certificates, or correct the policy`;
  if (kind !== 'folder') throw new UsageError(`${what}: ${path}: expected a folder, found a ${kind}`);
  const names = (await readdir(path)).sort();
  if (names.length > MAX_FILES)
    throw new UsageError(`${what}: ${path}: expected at most ${MAX_FILES} files, found ${names.length}`);
  if (names.length === 0) throw new UsageError(`${what}: ${path} is empty: put the certificates there (notary.md F9)`);
  const certificates: X509Certificate[] = [];
  for (const file of names) {
    const filePath = join(path, file);
    const fileKind = await kindOf(filePath);
    if (fileKind !== 'file')
      throw new UsageError(
        `${what}: ${filePath}: expected a regular file, found a ${fileKind}, which notation refuses too`,
      );
    const bytes = await readUserFile(filePath, what);
    try {
      certificates.push(...parseTrustStore(type, name, toPem(bytes)).certificates);
    } catch (error) {
      if (!(error instanceof NotaryError)) throw error;
      throw new UsageError(`${filePath}: ${error.message}`, { cause: error });
    }
  }
  return { type, name, certificates };
}

/** PEM as it is; one certificate in DER as PEM. What is neither is left for the parser of PEM to refuse. */
function toPem(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (text.includes('-----BEGIN ')) return text;
  try {
    const certificate = new X509Certificate(bytes);
    return certificate.raw.equals(bytes) ? certificate.toString() : text;
  } catch {
    return text;
  }
}

/** A trust policy file with trust stores beside it. */
export function folderTrust(policy: PolicyFile, storeFolder: string): TrustSource {
  return {
    origin: policy.path,
    warnings: [],
    select: (repository) => {
      const statement = selectStatement(policy.statements, repository);
      return statement === undefined
        ? undefined
        : { kind: 'statement', policy: policy.path, statement, name: statement.name };
    },
    stores: (statement) => readTrustStores(storeFolder, statement),
    close: async () => undefined,
  };
}

async function readTrustStores(folder: string, statement: Statement): Promise<LoadedStores> {
  const loaded = new Map<string, TrustStoreCertificates>();
  const missing: string[] = [];
  for (const reference of statement.trustStores) {
    const store = await readTrustStore(folder, reference);
    if (typeof store === 'string') missing.push(store);
    else loaded.set(`${reference.type}:${reference.name}`, store);
  }
  const find: FindTrustStore = (type, name) => loaded.get(`${type}:${name}`);
  return { find, missing };
}

type Kind = 'absent' | 'file' | 'folder' | 'link' | 'special file';

async function kindOf(path: string): Promise<Kind> {
  try {
    const info = await lstat(path);
    if (info.isFile()) return 'file';
    if (info.isDirectory()) return 'folder';
    return info.isSymbolicLink() ? 'link' : 'special file';
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent';
    throw new UsageError(`cannot read ${path}: ${code}`, { cause: error });
  }
}
