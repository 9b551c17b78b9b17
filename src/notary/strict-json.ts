import { NotaryError } from './error.ts';
import { quote } from './quote.ts';

/** JSON whose objects are maps: no prototype, no key lost, the order as written. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** Deeper values than this are refused. An envelope needs four levels. */
const MAX_DEPTH = 32;
/** An envelope needs less than a hundred; 32 MiB of empty objects would take 2 GiB of memory. */
const MAX_VALUES = 100_000;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const NUMBER = /-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?/y;

/**
 * Parses JSON by RFC 8259 and refuses what parsers read differently: duplicate keys at any depth, lone surrogates,
 * a byte order mark, invalid UTF-8 (notary.md B1). One pass, bounded in depth and in number of values.
 * @param what names the text in messages: "the envelope"
 * @throws NotaryError MalformedEnvelope, rule B1
 */
export function parseStrictJson(bytes: Uint8Array, what: string): JsonValue {
  const text = decodeUtf8(bytes, what);
  const scanner = new Scanner(text, what);
  const value = scanner.value(0);
  scanner.end();
  return value;
}

/**
 * Refuses keys that are a known name in other case: some parsers read them as that name (notary.md B1). Go's does by
 * Unicode, in which the long s and the sign of Kelvin are letters of these names too.
 * @throws NotaryError MalformedEnvelope, rule B1
 */
export function refuseMisspelt(object: JsonObject, names: ReadonlySet<string>, what: string): void {
  const folded = new Map([...names].map((name) => [foldCase(name), name]));
  for (const key of object.keys()) {
    const meant = names.has(key) ? undefined : folded.get(foldCase(key));
    if (meant !== undefined) {
      throw malformed(`${what} has the key ${quote(key)}, which differs from ${meant} only in case`);
    }
  }
}

/** Whatever some case of a letter is becomes one letter: capitals first, for the long s has no other small form. */
export function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}

/** Decodes UTF-8, refusing invalid bytes. */
function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw malformed(`${what} is not valid UTF-8`, cause);
  }
}

class Scanner {
  readonly #text: string;
  readonly #what: string;
  #at = 0;
  #values = 0;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.#error(`is nested deeper than ${MAX_DEPTH} levels`);
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw this.#error(`has more than ${MAX_VALUES} values`);
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true', true);
      case 'f':
        return this.#literal('false', false);
      case 'n':
        return this.#literal('null', null);
      default:
        return this.#number();
    }
  }

  end(): void {
    this.#skipSpace();
    if (this.#at !== this.#text.length) throw this.#error('has bytes after its end');
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#at++;
    if (this.#taken('}')) return members;
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#error('is not JSON: expected a key');
      const key = this.#string();
      if (members.has(key)) throw this.#error(`has the key ${quote(key)} twice in one object`);
      if (!this.#taken(':')) throw this.#error('is not JSON: expected a colon');
      members.set(key, this.value(depth + 1));
    } while (this.#taken(','));
    if (!this.#taken('}')) throw this.#error('is not JSON: expected a comma or the end of an object');
    return members;
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at++;
    if (this.#taken(']')) return items;
    do items.push(this.value(depth + 1));
    while (this.#taken(','));
    if (!this.#taken(']')) throw this.#error('is not JSON: expected a comma or the end of an array');
    return items;
  }

  #string(): string {
    const start = this.#at++;
    let escaped = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit === 0x22) {
        this.#at++;
        return this.#unescape(start, escaped);
      }
      if (unit < 0x20) throw this.#error('is not JSON: a control character in a string');
      if (unit === 0x5c) {
        escaped = true;
        this.#at++;
      }
    }
    throw this.#error('is not JSON: a string does not end');
  }

  #unescape(start: number, escaped: boolean): string {
    if (!escaped) return this.#text.slice(start + 1, this.#at - 1);
    let value: unknown;
    try {
      value = JSON.parse(this.#text.slice(start, this.#at));
    } catch {
      throw this.#error('is not JSON: an unknown escape in a string');
    }
    if (typeof value !== 'string' || !value.isWellFormed()) throw this.#error('has a lone surrogate in a string');
    return value;
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const literal = NUMBER.exec(this.#text)?.[0];
    if (literal === undefined) throw this.#error('is not JSON: expected a value');
    this.#at += literal.length;
    const value = Number(literal);
    // 1e2, 1.0 and -0 are integers to some parsers and not to others.
    if (!Number.isFinite(value) || (Number.isInteger(value) && String(value) !== literal)) {
      throw this.#error(`writes a number as ${literal}`);
    }
    return value;
  }

  #literal<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error('is not JSON: expected a value');
    this.#at += word.length;
    return value;
  }

  #taken(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at++;
    }
  }

  #error(found: string): NotaryError {
    return malformed(`${this.#what} ${found}, at character ${this.#at}`);
  }
}

function malformed(message: string, cause?: unknown): NotaryError {
  return new NotaryError('MalformedEnvelope', `${message} (notary.md B1)`, { rule: 'B1', cause });
}
