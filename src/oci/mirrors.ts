import { type Reference, repositoryName } from './reference.ts';

/** Repositories below a prefix are asked for elsewhere. */
export interface Mirror {
  /** `registry`, or `registry/path`: whole components of names. */
  readonly prefix: string;
  /** What stands in the prefix's place. */
  readonly mirror: string;
}

/**
 * Where repositories are asked for in place of their own registries. Of several prefixes the longest holds. Names stay
 * what they are everywhere else: a mirror is a place, and policies, grants and verdicts are about names.
 */
export class Mirrors {
  readonly #mirrors: readonly Mirror[];

  constructor(mirrors: readonly Mirror[]) {
    this.#mirrors = mirrors.toSorted((a, b) => b.prefix.length - a.prefix.length);
  }

  /** The same image at its mirror, or the reference as it is. */
  locate(reference: Reference): Reference {
    const name = repositoryName(reference);
    const found = this.#mirrors.find(({ prefix }) => name === prefix || name.startsWith(`${prefix}/`));
    if (found === undefined) return reference;
    const place = `${found.mirror}${name.slice(found.prefix.length)}`;
    const slash = place.indexOf('/');
    return { ...reference, registry: place.slice(0, slash), repository: place.slice(slash + 1) };
  }
}

export const NO_MIRRORS = new Mirrors([]);
