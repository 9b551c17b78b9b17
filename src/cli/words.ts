/** Quotes foreign text for a message: cut, without control characters. */
export function quote(text: string): string {
  return JSON.stringify(printed(text.slice(0, 100)));
}

/** Foreign text, so that it can neither move the cursor nor hide what follows. */
export function printed(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
