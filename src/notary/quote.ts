const MAX_LENGTH = 200;

/**
 * Quotes foreign text for a message: cut, and anything but printable ASCII escaped, so that it can neither flood nor
 * disguise a status or a log line.
 */
export function quote(text: string): string {
  const cut = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}...` : text;
  return JSON.stringify(cut).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
