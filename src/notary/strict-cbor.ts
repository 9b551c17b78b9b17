import { decode, Tokenizer } from 'cborg';
import { NotaryError } from './error.ts';

/** CBOR as COSE needs it: labels are integers or text, times stand under tag 1, and nothing is a float. */
export type CborValue = null | boolean | number | string | Date | Uint8Array | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<number | string, CborValue>;

/** Deeper values than this are refused before the decoder, which recurses, gets there. An envelope needs three levels. */
const MAX_DEPTH = 32;
/** Keys and values of one item; an envelope needs less than a hundred. */
const MAX_ITEMS = 10_000;
/** Seconds from 0000-01-01 to 9999-12-31: what RFC 3339, and so JWS, can write too. */
const MIN_SECONDS = -62_167_219_200;
const MAX_SECONDS = 253_402_300_799;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const TAG_EPOCH_TIME = 1;
const DECODER_ERROR = 'CBOR decode error: ';
const OPTIONS = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  retainStringBytes: true,
  tags: { [TAG_EPOCH_TIME]: (content: () => unknown) => epochTime(content()) },
} as const;

type Token = ReturnType<Tokenizer['next']>;

/** An array, a map or a tag whose content has not ended. */
interface Container {
  readonly kind: 'array' | 'map' | 'tag';
  /** Values still to come; of a map keys too, so that an even number means a key is next. */
  left: number;
}

/**
 * Decodes one item of CBOR (RFC 8949) and refuses what decoders read differently: indefinite lengths, integers and
 * lengths that are not minimal, duplicate labels, labels other than integers and text, floats, undefined and simple
 * values, text that is not UTF-8, bytes after the end (notary.md C1). The order of labels is free. Bounded in depth
 * and in number of items; no length is believed before the bytes are there.
 * @param what names the bytes in messages: "the envelope"
 * @param times whether values of the outermost map may be times: integers under tag 1 (notary.md C2). No other tag.
 * @throws NotaryError MalformedEnvelope, rule C1, or C2 for a bad time
 */
export function decodeStrictCbor(bytes: Uint8Array, what: string, times = false): CborValue {
  try {
    // A Buffer's own slice would be a view, by which what was decoded could change later.
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return decode(data, { ...OPTIONS, tokenizer: new StrictTokenizer(data, what, times) }) as CborValue;
  } catch (error) {
    if (error instanceof NotaryError) throw error;
    if (error instanceof Error && error.message.startsWith(DECODER_ERROR)) {
      throw malformed('C1', `${what} is not strict CBOR: ${error.message.slice(DECODER_ERROR.length)}`);
    }
    throw error;
  }
}

/** Sees every token before the decoder builds anything of it. */
class StrictTokenizer extends Tokenizer {
  readonly #what: string;
  readonly #times: boolean;
  readonly #open: Container[] = [];
  #items = 0;

  constructor(data: Uint8Array, what: string, times: boolean) {
    super(data, OPTIONS);
    this.#what = what;
    this.#times = times;
  }

  override next(): Token {
    const token = super.next();
    this.#items += 1;
    if (this.#items > MAX_ITEMS) throw this.#error(`has more than ${MAX_ITEMS} items`);
    const parent = this.#open.at(-1);
    this.#checkPlace(token, parent);
    if (parent !== undefined) parent.left -= 1;
    this.#enter(token);
    while (this.#open.at(-1)?.left === 0) this.#open.pop();
    return token.type.name === 'string' ? this.#readText(token) : token;
  }

  #checkPlace({ type: { name }, value }: Token, parent: Container | undefined): void {
    if (name === 'float') throw this.#error('has a floating-point number');
    const isInteger = name === 'uint' || name === 'negint';
    const isLabel = parent?.kind === 'map' && parent.left % 2 === 0;
    if (isLabel && !isInteger && name !== 'string') {
      throw this.#error(`has a label of the type ${name}: expected integers and text`);
    }
    if (parent?.kind === 'tag' && !isInteger) {
      throw malformed('C2', `${this.#what} has a time of the type ${name}: expected an integer under tag 1`);
    }
    const isTimePlace = this.#times && parent?.kind === 'map' && this.#open.length === 1;
    if (name === 'tag' && !(isTimePlace && value === TAG_EPOCH_TIME)) {
      throw this.#error(`has the tag ${value}, where none may be`);
    }
  }

  #enter({ type: { name }, value }: Token): void {
    if (name !== 'array' && name !== 'map' && name !== 'tag') return;
    const left = name === 'map' ? value * 2 : name === 'tag' ? 1 : value;
    if (left > this.data.length - this.pos()) throw this.#error('ends too early: a length goes beyond its end');
    if (this.#open.length >= MAX_DEPTH) throw this.#error(`is nested deeper than ${MAX_DEPTH} levels`);
    this.#open.push({ kind: name, left });
  }

  /** Decodes text again: the decoder puts U+FFFD for bad bytes and drops a byte order mark, so that two labels become one. */
  #readText(token: Token): Token {
    if (token.byteValue === undefined) return token;
    try {
      token.value = UTF8.decode(token.byteValue);
    } catch {
      throw this.#error('has text that is not valid UTF-8');
    }
    return token;
  }

  #error(found: string): NotaryError {
    return malformed('C1', `${this.#what} ${found}, at byte ${this.pos()}`);
  }
}

function epochTime(seconds: unknown): Date {
  if (typeof seconds !== 'number' || seconds < MIN_SECONDS || seconds > MAX_SECONDS) {
    throw malformed('C2', `a time of ${String(seconds)} seconds since 1970: expected one in the years 0 to 9999`);
  }
  return new Date(seconds * 1000);
}

function malformed(rule: string, message: string): NotaryError {
  return new NotaryError('MalformedEnvelope', `${message} (notary.md ${rule})`, { rule });
}
