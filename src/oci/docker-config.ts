import { type CredentialProvider, type Credentials, listedCredentials } from './credentials.ts';
import { OciError } from './error.ts';
import { compareKeys, MAX_KEY_LENGTH, matchesKey, parseKey, type RegistryKey } from './registry-key.ts';

/** `.dockerconfigjson` has entries under `auths`; `.dockercfg`, the older form, has nothing else. */
export type DockerConfigForm = 'dockerconfigjson' | 'dockercfg';

const PRINTABLE = /^[\x21-\x7e]+$/;
const MAX_ENTRIES = 1_000;
/** The user name that stands beside an identity token (Docker's protocol of credential helpers). */
const TOKEN_USERNAME = '<token>';

interface Entry {
  readonly key: RegistryKey;
  readonly credentials: Credentials;
}

/**
 * Credentials of a Docker config, by the keys that kubelet accepts. All entries that match an image may serve: hosts
 * without a wildcard first, then longer keys before shorter ones.
 * @throws OciError InvalidReference when it cannot be read; never quoting what it holds
 */
export function dockerConfigCredentials(text: string, form: DockerConfigForm = 'dockerconfigjson'): CredentialProvider {
  const entries = parseEntries(text, form).sort((a, b) => compareKeys(a.key, b.key));
  return listedCredentials((registry, repository) =>
    entries.filter(({ key }) => matchesKey(key, registry, repository)).map(({ credentials }) => credentials),
  );
}

/** The credentials that a user name and a secret are: a user name of `<token>` makes it an identity token. */
export function loginCredentials(username: string, secret: string): Credentials {
  return username === TOKEN_USERNAME
    ? { kind: 'identity', token: secret }
    : { kind: 'basic', username, password: secret };
}

function parseEntries(text: string, form: DockerConfigForm): Entry[] {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    throw invalid('expected JSON');
  }
  const auths = form === 'dockercfg' ? config : isObject(config) ? config['auths'] : undefined;
  if (!isObject(auths))
    throw invalid(form === 'dockercfg' ? 'expected an object of registries' : 'expected an object with "auths"');
  const named = Object.entries(auths);
  if (named.length > MAX_ENTRIES) throw invalid(`expected at most ${MAX_ENTRIES} entries, found ${named.length}`);
  return named.flatMap(([name, value]) => {
    // A tenant chooses the key: no pattern ever sees a long one.
    if (name.length > MAX_KEY_LENGTH)
      throw invalid(`expected keys of auths of at most ${MAX_KEY_LENGTH} characters, found ${name.length}`);
    const credentials = parseEntry(name, value);
    const key = parseKey(name);
    return key === undefined || credentials === undefined ? [] : [{ key, credentials }];
  });
}

/** Undefined for an entry that holds nothing, as helpers leave them. */
function parseEntry(key: string, value: unknown): Credentials | undefined {
  if (!isObject(value)) throw invalid(`auths[${JSON.stringify(key)}]: expected an object`);
  const { auth, username, password, registrytoken, identitytoken } = value;
  if (typeof registrytoken === 'string' && registrytoken !== '') {
    // It is sent as it is: what no header can hold would look like a registry that cannot be reached.
    if (!PRINTABLE.test(registrytoken))
      throw invalid(`auths[${JSON.stringify(key)}].registrytoken: expected printable ASCII without spaces`);
    return { kind: 'bearer', token: registrytoken };
  }
  if (typeof identitytoken === 'string' && identitytoken !== '') return { kind: 'identity', token: identitytoken };
  if (typeof username === 'string' && typeof password === 'string' && username !== '')
    return loginCredentials(username, password);
  if (typeof auth !== 'string' || auth === '') return undefined;
  const decoded = Buffer.from(auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon <= 0) throw invalid(`auths[${JSON.stringify(key)}].auth: expected base64 of username:password`);
  return loginCredentials(decoded.slice(0, colon), decoded.slice(colon + 1));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(problem: string): OciError {
  return new OciError('InvalidReference', `Docker config: ${problem}`);
}
