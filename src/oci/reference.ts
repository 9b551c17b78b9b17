import { OciError } from './error.ts';

/** What names an image: a repository, and a tag or a digest. */
export interface Reference {
  /** Host, with port where one is given. Docker Hub is `docker.io`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  /** Wins over the tag. */
  readonly digest?: string;
}

const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
const MAX_LENGTH = 1024;
const MAX_REPOSITORY_LENGTH = 255;

/**
 * Reads an image reference. Docker's short names are expanded as kubelet does: `nginx` is
 * `docker.io/library/nginx:latest` (notary.md F2).
 * @throws OciError InvalidReference
 */
export function parseReference(text: string): Reference {
  const invalid = (problem: string): OciError =>
    new OciError('InvalidReference', `image reference ${JSON.stringify(text.slice(0, 200))}: ${problem}`);
  if (text === '' || text.length > MAX_LENGTH)
    throw invalid('expected registry/repository:tag or registry/repository@sha256:…');
  if (text.includes('://')) throw invalid('expected no scheme; remove what stands before ://');
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest))
    throw invalid('expected a digest such as sha256: and 64 lower-case hex digits behind @');
  const name = at === -1 ? text : text.slice(0, at);
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  const tag = hasTag ? name.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) throw invalid('expected a tag of letters, digits, "_", "." and "-"');
  const { registry, repository } = splitName(hasTag ? name.slice(0, colon) : name);
  if (!HOST.test(registry) || !URL.canParse(`https://${registry}`))
    throw invalid(`expected a registry host, found ${JSON.stringify(registry)}`);
  if (repository.length > MAX_REPOSITORY_LENGTH)
    throw invalid(`expected a repository name of at most ${MAX_REPOSITORY_LENGTH} characters`);
  if (!REPOSITORY.test(repository))
    throw invalid(`expected a lower-case repository name, found ${JSON.stringify(repository)}`);
  if (digest !== undefined) return { registry, repository, digest, ...(tag === undefined ? {} : { tag }) };
  return { registry, repository, tag: tag ?? 'latest' };
}

function splitName(name: string): { readonly registry: string; readonly repository: string } {
  const slash = name.indexOf('/');
  // In lower case, as DNS takes it: another spelling of a host must not slip past a scope that names it.
  const first = slash === -1 ? '' : name.slice(0, slash).toLowerCase();
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  if (!isHost) return { registry: 'docker.io', repository: slash === -1 ? `library/${name}` : name };
  const rest = name.slice(slash + 1);
  const registry = first === 'index.docker.io' ? 'docker.io' : first;
  return { registry, repository: registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest };
}

/** `registry/repository`: what scopes of trust policies name. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** The reference as text, by digest where it has one. */
export function formatReference(reference: Reference): string {
  const name = repositoryName(reference);
  return reference.digest === undefined ? `${name}:${reference.tag ?? 'latest'}` : `${name}@${reference.digest}`;
}

/** Whether a text is a digest that can be verified. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}
