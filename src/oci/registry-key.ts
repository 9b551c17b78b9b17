/** A key of a Docker config, read: which images its credentials are for. */
export interface RegistryKey {
  /** In lower case, with the port where one was given; its labels may hold `*` and `?`. */
  readonly host: string;
  /** Empty, or a path without slashes at its ends. */
  readonly path: string;
}

export const MAX_KEY_LENGTH = 1024;
const HUB = 'docker.io';
const HUB_HOSTS: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io', HUB]);

/**
 * Reads a key in a form that kubelet accepts: `host`, `host:port`, `host/path`, with wildcards in the host, after a
 * scheme, and with the version of the API before or as the path. All names of Docker Hub are `docker.io`.
 * @param text at most MAX_KEY_LENGTH characters
 * @returns undefined when it names no host
 */
export function parseKey(text: string): RegistryKey | undefined {
  const bare = text.toLowerCase().replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  const host = slash === -1 ? bare : bare.slice(0, slash);
  if (host === '') return undefined;
  const segments = slash === -1 ? [] : bare.slice(slash + 1).split('/');
  if (segments[0] === 'v1' || segments[0] === 'v2') segments.shift();
  const path = segments.filter((segment) => segment !== '').join('/');
  return { host: hostAlias(host), path };
}

/** The one name by which images of a registry go. */
export function hostAlias(host: string): string {
  return HUB_HOSTS.has(host) ? HUB : host;
}

/**
 * Whether a key is for a repository. A wildcard stands for (a part of) one label of the host, and never for a dot; ports
 * are equal; and the path is the repository or one above it, so that `team` is not for `team-b`.
 */
export function matchesKey(key: RegistryKey, registry: string, repository: string): boolean {
  if (key.path !== '' && repository !== key.path && !repository.startsWith(`${key.path}/`)) return false;
  if (key.host === registry) return true;
  if (!isWildcard(key)) return false;
  const [pattern, name] = [splitPort(key.host), splitPort(registry)];
  const [patterns, labels] = [pattern.name.split('.'), name.name.split('.')];
  return (
    pattern.port === name.port &&
    patterns.length === labels.length &&
    patterns.every((each, i) => matchesLabel(each, labels[i] ?? ''))
  );
}

/** Sorts the more exact key first. */
export function compareKeys(a: RegistryKey, b: RegistryKey): number {
  return (
    Number(isWildcard(a)) - Number(isWildcard(b)) || b.path.length - a.path.length || b.host.length - a.host.length
  );
}

function isWildcard({ host }: RegistryKey): boolean {
  return host.includes('*') || host.includes('?');
}

function splitPort(host: string): { readonly name: string; readonly port: string } {
  const colon = host.lastIndexOf(':');
  return colon === -1 ? { name: host, port: '' } : { name: host.slice(0, colon), port: host.slice(colon + 1) };
}

/** `*` is any number of characters, `?` is one. Goes back to the last `*` only: at worst pattern times label. */
function matchesLabel(pattern: string, label: string): boolean {
  let [at, from] = [0, 0];
  let star: { readonly pattern: number; label: number } | undefined;
  while (from < label.length) {
    if (pattern[at] === '*') {
      star = { pattern: at, label: from };
      at += 1;
    } else if (pattern[at] === '?' || pattern[at] === label[from]) {
      at += 1;
      from += 1;
    } else if (star !== undefined) {
      star.label += 1;
      at = star.pattern + 1;
      from = star.label;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
