/** What a registry asks for with 401 (RFC 9110 §11.6.1; distribution-spec, token authentication). */
export type Challenge = { readonly kind: 'basic' } | BearerChallenge;

export interface BearerChallenge {
  readonly kind: 'bearer';
  /** Where a token is to be had: absolute, without credentials. */
  readonly realm: URL;
  readonly service?: string;
  readonly scope?: string;
}

interface RawChallenge {
  /** In lower case. */
  readonly scheme: string;
  /** By names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_HEADER_LENGTH = 8 * 1024;
const MAX_CHALLENGES = 8;
const MAX_PARAMETERS = 16;
const MAX_REALM_LENGTH = 2_000;

// Sticky, and none of them can read a character in two ways: the time is linear in the header.
const SEPARATORS = /[ \t,]*/y;
const SPACES = /[ \t]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\[\t -~])*)"/y;

/**
 * Reads a WWW-Authenticate header, which may hold several challenges: the bearer one where there is one that can do,
 * else the basic one.
 * @returns undefined when it asks for neither, or is malformed
 */
export function parseChallenge(header: string): Challenge | undefined {
  const challenges = parseAll(header) ?? [];
  for (const { scheme, parameters } of challenges) {
    const challenge = scheme === 'bearer' ? bearerOf(parameters) : undefined;
    if (challenge !== undefined) return challenge;
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { kind: 'basic' } : undefined;
}

function bearerOf(parameters: ReadonlyMap<string, string>): BearerChallenge | undefined {
  const text = parameters.get('realm') ?? '';
  const realm = text.length <= MAX_REALM_LENGTH && URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined || (realm.protocol !== 'https:' && realm.protocol !== 'http:')) return undefined;
  if (realm.username !== '' || realm.password !== '') return undefined;
  realm.hash = '';
  const [service, scope] = [parameters.get('service'), parameters.get('scope')];
  return {
    kind: 'bearer',
    realm,
    ...(service === undefined ? {} : { service }),
    ...(scope === undefined ? {} : { scope }),
  };
}

/** All challenges; undefined when the header breaks the grammar or a bound. */
function parseAll(header: string): readonly RawChallenge[] | undefined {
  if (header.length > MAX_HEADER_LENGTH) return undefined;
  const reader = new Reader(header);
  const challenges: RawChallenge[] = [];
  reader.skip(SEPARATORS);
  while (!reader.isAtEnd) {
    const scheme = reader.read(TOKEN)?.[0];
    if (scheme === undefined || challenges.length >= MAX_CHALLENGES) return undefined;
    const parameters = parametersOf(reader);
    if (parameters === undefined) return undefined;
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    reader.skip(SEPARATORS);
  }
  return challenges;
}

/** The parameters behind a scheme; those of token68, as Negotiate has, are nothing to us. */
function parametersOf(reader: Reader): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  const spaces = reader.skip(SPACES);
  if (reader.isAtEnd || reader.isAt(',')) return parameters;
  if (spaces === 0) return undefined;
  if (reader.read(TOKEN68) !== undefined) return parameters;
  for (let isFirst = true; ; isFirst = false) {
    const start = reader.position;
    const name = reader.read(TOKEN)?.[0].toLowerCase();
    if (name === undefined) return reader.isAtEnd ? parameters : undefined;
    if (reader.read(EQUALS) === undefined) {
      // The scheme of the next challenge.
      reader.position = start;
      return isFirst ? undefined : parameters;
    }
    const quoted = reader.read(QUOTED)?.[1];
    const value = quoted?.replaceAll(/\\(.)/g, '$1') ?? reader.read(TOKEN)?.[0];
    if (value === undefined || parameters.has(name) || parameters.size >= MAX_PARAMETERS) return undefined;
    parameters.set(name, value);
    reader.skip(SPACES);
    if (!reader.isAtEnd && !reader.isAt(',')) return undefined;
    reader.skip(SEPARATORS);
  }
}

/** A place in a text, from which patterns are read. */
class Reader {
  readonly #text: string;
  position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.position >= this.#text.length;
  }

  isAt(character: string): boolean {
    return this.#text[this.position] === character;
  }

  /** @param pattern sticky */
  read(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.#text) ?? undefined;
    if (match !== undefined) this.position += match[0].length;
    return match;
  }

  /** @returns how many characters were skipped */
  skip(pattern: RegExp): number {
    return this.read(pattern)?.[0].length ?? 0;
  }
}
