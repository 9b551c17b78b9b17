import { type Mirror, Mirrors, OciError, parseReference, repositoryName } from '../oci/index.ts';
import { fields, SettingsError } from './fields.ts';

/**
 * Reads the section `registry`.
 * @param path of the section, for messages
 * @throws SettingsError
 */
export function parseMirrors(value: unknown, path: string): Mirrors {
  const section = value === undefined ? {} : fields(value, path, ['mirrors']);
  const list = section['mirrors'] ?? [];
  if (!Array.isArray(list)) throw new SettingsError(`${path}.mirrors: expected a list`);
  const mirrors = list.map((entry: unknown, i) => parseMirror(entry, `${path}.mirrors[${i}]`));
  const seen = new Map<string, number>();
  for (const [i, { prefix }] of mirrors.entries()) {
    const first = seen.get(prefix);
    if (first !== undefined)
      throw new SettingsError(`${path}.mirrors[${i}].prefix: ${prefix} stands at ${first} already; remove one`);
    seen.set(prefix, i);
  }
  return new Mirrors(mirrors);
}

function parseMirror(value: unknown, path: string): Mirror {
  const entry = fields(value, path, ['prefix', 'mirror']);
  const prefix = parseName(entry['prefix'], `${path}.prefix`, 'docker.io/library');
  const mirror = parseName(entry['mirror'], `${path}.mirror`, 'mirror.example.com/dockerhub');
  // The prefix may be a whole name: then nothing is left that could name a repository at the mirror.
  if (prefix.includes('/') && !mirror.includes('/'))
    throw new SettingsError(`${path}.mirror: expected a path too, since the prefix has one; found ${mirror}`);
  return { prefix, mirror };
}

/** A host, with a path or without, in the form that names of images have after parsing. */
function parseName(value: unknown, path: string, example: string): string {
  const wrong = (found: string): SettingsError =>
    new SettingsError(
      `${path}: expected a registry's host, with a path or without, such as ${example}; found ${found.slice(0, 200)}`,
    );
  if (typeof value !== 'string') throw wrong(value === undefined ? 'nothing' : typeof value);
  const host = value.split('/')[0] ?? '';
  const isHost = host.includes('.') || host.includes(':') || host === 'localhost';
  // A digest, a tag or an end slash is refused by the name that comes out: it is not what went in.
  if (!isHost || value.endsWith('/') || value.includes('@')) throw wrong(JSON.stringify(value));
  try {
    // One more component makes a name of a host alone, and of Docker Hub's no short one.
    const name = repositoryName(parseReference(`${value}/x/y`));
    return name.slice(0, -'/x/y'.length);
  } catch (error) {
    if (error instanceof OciError) throw wrong(JSON.stringify(value));
    throw error;
  }
}
