/**
 * Strict JSON for signed content (notary.md B1): what two parsers could read differently is refused, so that no
 * verifier sees another document than the signer meant. Linear in the input.
 */

const MAX_DEPTH = 32;

export type JsonObject = { readonly [key: string]: unknown };

/**
 * Parses a JSON object.
 * @param text the document
 * @param foldedDepth objects at this depth or above it (1: the document itself) may not hold keys that differ only in case
 * @returns the object, or a sentence that says what is wrong
 */
export function parseStrictObject(text: string, foldedDepth: number): JsonObject | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is not a JSON object';
  return findAmbiguousKey(text, foldedDepth) ?? (value as JsonObject);
}

/** Looks for keys given twice. The text is known to be valid JSON. */
function findAmbiguousKey(text: string, foldedDepth: number): string | undefined {
  const scopes: (Set<string> | undefined)[] = [];
  let i = 0;
  while (i < text.length) {
    const character = text[i];
    if (character === '{' || character === '[') {
      scopes.push(character === '{' ? new Set() : undefined);
      if (scopes.length > MAX_DEPTH) return `it is nested deeper than ${MAX_DEPTH} levels`;
    } else if (character === '}' || character === ']') {
      scopes.pop();
    } else if (character === '"') {
      const end = endOfString(text, i);
      const keys = scopes.at(-1);
      if (keys !== undefined && isKey(text, end)) {
        const key = String(JSON.parse(text.slice(i, end)));
        if (key === '__proto__') return 'it holds the key __proto__';
        const folded = scopes.length <= foldedDepth ? key.toLowerCase() : key;
        if (keys.has(folded)) return `it holds the key ${JSON.stringify(key)} twice, or once more in other case`;
        keys.add(folded);
      }
      i = end;
      continue;
    }
    i += 1;
  }
  return undefined;
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

function isKey(text: string, afterString: number): boolean {
  let i = afterString;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i += 1;
  return text[i] === ':';
}
