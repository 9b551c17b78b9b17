import { OciError } from './error.ts';

/** How to authenticate to a registry. */
export type Credentials =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string };

/** Finds the credentials for a repository. The seam for Secrets, ECR and credential helpers. */
export interface CredentialProvider {
  readonly credentialsFor: (registry: string, repository: string, signal: AbortSignal) => Promise<Credentials>;
}

const MAX_KEY_LENGTH = 1024;
const ANONYMOUS: Credentials = { kind: 'anonymous' };

export const anonymous: CredentialProvider = { credentialsFor: async () => ANONYMOUS };

/** The first provider that knows credentials wins. */
export function chainCredentials(...providers: readonly CredentialProvider[]): CredentialProvider {
  return {
    credentialsFor: async (registry, repository, signal) => {
      for (const provider of providers) {
        const found = await provider.credentialsFor(registry, repository, signal);
        if (found.kind !== 'anonymous') return found;
      }
      return ANONYMOUS;
    },
  };
}

/**
 * Credentials of a Docker config (`auths` of a dockerconfigjson Secret).
 * @throws OciError InvalidReference when it cannot be read; never quoting what it holds
 */
export function dockerConfigCredentials(text: string): CredentialProvider {
  const entries = parseAuths(text);
  return {
    credentialsFor: async (registry, repository) => {
      const name = `${registry}/${repository}`;
      const matching = entries.filter(({ scope }) => name === scope || name.startsWith(`${scope}/`));
      matching.sort((a, b) => b.scope.length - a.scope.length);
      return matching[0]?.credentials ?? ANONYMOUS;
    },
  };
}

interface AuthEntry {
  /** `host` or `host/path`. */
  readonly scope: string;
  readonly credentials: Credentials;
}

function parseAuths(text: string): AuthEntry[] {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    throw invalid('expected JSON');
  }
  const auths = isObject(config) ? config['auths'] : undefined;
  if (!isObject(auths)) throw invalid('expected an object with "auths"');
  return Object.entries(auths).map(([key, value]) => {
    const credentials = parseEntry(key, value);
    return { scope: scopeOf(key), credentials };
  });
}

function parseEntry(key: string, value: unknown): Credentials {
  // A tenant chooses the key: scopeOf's patterns never see a long one.
  if (key.length > MAX_KEY_LENGTH) throw invalid(`expected keys of auths of at most ${MAX_KEY_LENGTH} characters`);
  if (!isObject(value)) throw invalid(`auths[${JSON.stringify(key)}]: expected an object`);
  const { auth, username, password, registrytoken } = value;
  if (typeof registrytoken === 'string' && registrytoken !== '') return { kind: 'bearer', token: registrytoken };
  if (typeof username === 'string' && typeof password === 'string' && username !== '')
    return { kind: 'basic', username, password };
  if (typeof auth !== 'string' || auth === '') return ANONYMOUS;
  const decoded = Buffer.from(auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon <= 0) throw invalid(`auths[${JSON.stringify(key)}].auth: expected base64 of username:password`);
  return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** Keys may carry a scheme and Docker Hub's old path. */
function scopeOf(key: string): string {
  const bare = key
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '');
  const withoutVersion = bare.replace(/\/v[12]$/, '');
  return withoutVersion === 'index.docker.io' || withoutVersion === 'registry-1.docker.io'
    ? 'docker.io'
    : withoutVersion;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(problem: string): OciError {
  return new OciError('InvalidReference', `Docker config: ${problem}`);
}
