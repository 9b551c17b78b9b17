import { basename, dirname, resolve } from 'node:path';
import { ecrCredentials } from '../aws/index.ts';
import { toldAsRegistryFault } from '../controllers/registry-clients.ts';
import type { Descriptor } from '../notary/index.ts';
import {
  type ArtifactStore,
  type CredentialProvider,
  chainCredentials,
  isDigest,
  loginCredentials,
  OciLayout,
  parseReference,
  type Reference,
  RegistryClient,
  repositoryName,
} from '../oci/index.ts';
import { USER_AGENT } from '../version.ts';
import { dispatcherToNamedHosts } from './dispatcher.ts';
import { dockerConfigOf } from './docker-config.ts';
import { UsageError } from './failure.ts';
import { readUserFile } from './files.ts';
import { type Io, warn } from './io.ts';
import { readPassword } from './password.ts';
import type { Progress } from './progress.ts';

/** The flags that say where an image is, and how to get at it. */
export interface TargetOptions {
  /** The folder of a layout; absent: a registry. */
  readonly ociLayout?: string;
  /** What stands for a layout in trust policies. */
  readonly scope?: string;
  readonly plainHttp?: boolean;
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly caFile?: string;
  readonly allowAddresses?: readonly string[];
  /** The command writes there: ECR Public asks for credentials then. */
  readonly pushes?: boolean;
}

/** An image that a command is about, and where it is. */
export interface Target {
  readonly store: ArtifactStore;
  /** By tag or digest, as it was given. */
  readonly reference: Reference;
  /** Names the image by what it was asked for, or by a digest: `registry/repository@sha256:…`, `folder@sha256:…`. */
  readonly nameOf: (digest?: string) => string;
  readonly close: () => Promise<void>;
}

/** For one operation on a registry, with all its attempts. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** Opens the registry or layout of an image. Nothing is asked of a registry yet. @throws UsageError; OciError */
export async function openTarget(text: string, options: TargetOptions, io: Io, progress: Progress): Promise<Target> {
  return options.ociLayout === undefined
    ? openRegistry(text, options, io, progress)
    : openLayout(text, options.ociLayout, options.scope);
}

async function openLayout(text: string, folder: string, scope: string | undefined): Promise<Target> {
  if (text === '' || text.length > 1_024)
    throw new UsageError('REF: with --oci-layout, expected a tag or a digest of the layout');
  const named = isDigest(text) ? { digest: text } : { tag: text };
  if (named.tag !== undefined && /^[a-z0-9]+:[0-9a-f]{32,}$/.test(named.tag))
    throw new UsageError(
      `REF: expected a sha256, sha384 or sha512 digest, found ${JSON.stringify(text.slice(0, 200))}`,
    );
  const path = resolve(folder);
  const store = await OciLayout.open(path);
  const slash = scope?.indexOf('/') ?? -1;
  return {
    store,
    // A layout has no name of its own: without a scope, messages name its folder.
    reference: {
      registry: scope?.slice(0, slash) ?? dirname(path),
      repository: scope?.slice(slash + 1) ?? basename(path),
      ...named,
    },
    nameOf: (digest = named.digest) => (digest === undefined ? `${folder}:${text}` : `${folder}@${digest}`),
    close: async () => undefined,
  };
}

async function openRegistry(text: string, options: TargetOptions, io: Io, progress: Progress): Promise<Target> {
  const reference = parseReference(text);
  const isPlain = (host: string): boolean => options.plainHttp === true && host === reference.registry;
  const { store, close } = await openRegistries(options, isPlain, io, progress);
  return {
    store,
    reference,
    nameOf: (digest = reference.digest) =>
      digest === undefined ? `${repositoryName(reference)}:${reference.tag}` : `${repositoryName(reference)}@${digest}`,
    close,
  };
}

/**
 * A client for any registry, with the credentials of the flags or else the user's own.
 * @param isPlain whether plain HTTP is spoken with a host
 */
export async function openRegistries(
  options: Omit<TargetOptions, 'ociLayout' | 'scope' | 'plainHttp'>,
  isPlain: (host: string) => boolean,
  io: Io,
  progress: Pick<Progress, 'say'>,
): Promise<{ readonly store: RegistryClient; readonly close: () => Promise<void> }> {
  const ca = options.caFile === undefined ? undefined : await readCA(options.caFile);
  const credentials = await credentialsOf(options, io);
  const dispatcher = dispatcherToNamedHosts(io.env, options.allowAddresses, ca);
  const store = new RegistryClient({
    dispatcher,
    credentials,
    plainHTTPHosts: isPlain,
    userAgent: USER_AGENT,
    maxAttempts: 3,
    timeoutMs: REQUEST_TIMEOUT_MS,
    onRequest: ({ registry, operation }) => progress.say(`${registry} was asked for ${WORDS[operation] ?? operation}`),
  });
  return { store, close: () => dispatcher.close() };
}

/** What the registry client calls its requests, for people. */
const WORDS: Readonly<Record<string, string>> = {
  manifest: 'a manifest',
  blob: 'a blob',
  referrers: 'the list of signatures',
  token: 'a token',
  'push-blob': 'an upload',
  'push-manifest': 'an upload of a manifest',
};

/** Reads --ca-file. @throws UsageError */
export async function readCA(path: string): Promise<string> {
  const pem = (await readUserFile(path, '--ca-file')).toString('utf8');
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw new UsageError(`--ca-file: ${path}: expected PEM certificates, found none`);
  return pem;
}

/** By flags; else those of Docker's config, then of Amazon ECR by the AWS SDK's chain. */
async function credentialsOf(
  options: Pick<TargetOptions, 'username' | 'passwordStdin' | 'pushes'>,
  io: Io,
): Promise<CredentialProvider> {
  const { username, passwordStdin = false } = options;
  if (username !== undefined || passwordStdin) {
    if (username === undefined || !passwordStdin)
      throw new UsageError('--username and --password-stdin go together: give both, or sealwatch login before');
    if (username.includes(':')) throw new UsageError('--username: expected no colon');
    const password = await readPassword(io);
    return { credentialsFor: async () => loginCredentials(username, password) };
  }
  const docker = await dockerConfigOf(io.env);
  const publicRegistry = options.pushes === true ? 'authenticated' : 'anonymous';
  const authorization = ecrCredentials({ requestTimeoutMs: REQUEST_TIMEOUT_MS, env: io.env });
  const ecr = toldAsRegistryFault(authorization.as({ publicRegistry }));
  return chainCredentials(...(docker === undefined ? [ecr] : [docker, ecr]));
}

/** What a reference names now, resolved once; a tag is told, since it may name another image the next time. */
export async function resolveOnce(target: Target, io: Io, progress: Progress): Promise<Descriptor> {
  progress.say(`resolves ${target.nameOf()}`);
  const subject = await target.store.resolve(target.reference, io.signal);
  if (target.reference.digest === undefined) {
    progress.done();
    warn(io, `${target.nameOf()} is a tag, which may move: it names ${subject.digest} now; use the digest to be sure`);
  }
  return subject;
}
