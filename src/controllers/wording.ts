/** `2 images`, `1 image`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** Cuts a text to a number of characters, and shows that it was cut. */
export function cut(text: string, max = 300): string {
  // A cut within a surrogate pair would leave half a character, which comes back changed from the API server.
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Whole seconds, as the API's times are. */
export function rfc3339(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
