/** What an expression asks of the metrics that it names. */
export interface ExpressionUse {
  readonly metrics: readonly { readonly name: string; readonly matchers: readonly Matcher[] }[];
  /** Of `by (…)`. */
  readonly groupedBy: readonly string[];
}

interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** Words of PromQL that our expressions use; any other word is a metric. */
const WORDS = new Set(
  'absent and avg bottomk by count histogram_quantile max min on or rate sum time topk unless vector'.split(' '),
);
const WORD = /[a-z_:][a-z0-9_:]*/gi;
const MATCHER = /\s*([a-z_][a-z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)/gi;

/** Reads the metrics and labels out of a PromQL expression; promtool says whether it is one. */
export function useOf(expression: string): ExpressionUse {
  const groupedBy: string[] = [];
  const matchers = new Map<string, string>();
  const bare = expression
    .replaceAll(/\bby\s*\(([^)]*)\)/g, (_, labels: string) => {
      groupedBy.push(...(labels.match(WORD) ?? []));
      return ' ';
    })
    // A text between quotes may hold braces; those of our expressions do not.
    .replaceAll(/([a-z_:][a-z0-9_:]*)\s*\{([^}]*)\}/gi, (_, name: string, text: string) => {
      matchers.set(name, `${matchers.get(name) ?? ''}${text},`);
      return ` ${name} `;
    })
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\b\d+[a-z]*\b/g, ' ');
  const names = new Set((bare.match(WORD) ?? []).filter((word) => !WORDS.has(word)));
  return {
    groupedBy,
    metrics: [...names].map((name) => ({ name, matchers: readMatchers(matchers.get(name) ?? '') })),
  };
}

function readMatchers(text: string): readonly Matcher[] {
  return [...text.matchAll(MATCHER)].map(([, label = '', operator = '', value = '']) => ({ label, operator, value }));
}

/** Labels that a text for people has the value of put in: `{{ $labels.image }}` of alerts, `{{image}}` of Grafana. */
export function templateLabels(text: string): readonly string[] {
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_][a-z0-9_]*)\s*(?:\|[^}]*)?\}\}/gi)].map(
    ([, label = '']) => label,
  );
}
