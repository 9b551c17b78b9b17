/** A rule of docs/notary.md. */
export interface Rule {
  /** `B4`; the letter alone for a section that is prose. */
  readonly id: string;
  readonly text: string;
}

const SECTION = /^## ([A-I])\. (.+)$/;
const BULLET = /^- \*\*([A-I]\d{1,2})\*\* (.+)$/;
/** Sections that the specification has as a table or as prose: rules without numbers. */
const PROSE: ReadonlySet<string> = new Set(['D', 'G', 'I']);

/** Reads the rules out of docs/notary.md: its numbered bullets, and the sections of prose as one rule each. */
export function rulesOf(markdown: string): readonly Rule[] {
  const lines = markdown.split('\n');
  const numbered = lines.flatMap((line): Rule[] => {
    const [, id, text] = BULLET.exec(line) ?? [];
    return id === undefined || text === undefined ? [] : [{ id, text }];
  });
  return lines.flatMap((line): readonly Rule[] => {
    const [, letter, title] = SECTION.exec(line) ?? [];
    if (letter === undefined || title === undefined) return [];
    const own = numbered.filter(({ id }) => id.startsWith(letter));
    return PROSE.has(letter) && own.length === 0 ? [{ id: letter, text: title }] : own;
  });
}

/** The rules that a test's title names, in parentheses: `(B4)`, `(A2 b, A8)`, `(notary.md D)`, `(A6; faults.md 25)`. */
export function rulesNamedIn(title: string): ReadonlySet<string> {
  const named = [...title.matchAll(/\(([^()]*)\)/g)].flatMap(([, list = '']) => list.split(/[,;]/));
  return new Set(named.flatMap((part) => /^(?:notary\.md )?([A-I]\d{0,2})(?: [a-z])?$/.exec(part.trim())?.[1] ?? []));
}
