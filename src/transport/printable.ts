/**
 * Text of a foreign host, made fit for a log or a status: control, formatting and bidirectional characters become one
 * space, and the rest is cut.
 * @param maxLength characters at most, the sign of the cut included
 */
export function printable(text: string, maxLength = 200): string {
  // Four times the length is enough to fill it; a longer text is never worked through.
  const clean = text
    .slice(0, maxLength * 4)
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return clean.length <= maxLength ? clean : `${clean.slice(0, maxLength - 1).toWellFormed()}…`;
}
