const HTTPS_PORT = '443';
const DOCKER_HUB: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io']);

/**
 * A scope, or the repository of an image, with its host in the one spelling that all others mean: lower case, as DNS
 * takes it; without the port of HTTPS, which is asked anyway; Docker Hub by its short name. Whoever runs an image
 * chooses how its host is spelt, and must not slip past a scope to a laxer one (notary.md F2).
 */
export function canonicalScope(scope: string): string {
  const slash = scope.indexOf('/');
  if (slash === -1) return scope;
  const host = scope.slice(0, slash).toLowerCase();
  const colon = host.lastIndexOf(':');
  const port = host.endsWith(']') || colon === -1 ? '' : host.slice(colon + 1).replace(/^0+(?=\d)/, '');
  const name = port === '' ? host : host.slice(0, colon);
  const bare = port === '' || port === HTTPS_PORT ? name : `${name}:${port}`;
  const registry = DOCKER_HUB.has(bare) ? 'docker.io' : bare;
  const repository = scope.slice(slash + 1);
  return `${registry}/${registry === 'docker.io' && !repository.includes('/') ? 'library/' : ''}${repository}`;
}
