import { TABLES } from './cases/all.ts';
import { POLICIES } from './cases/policies.ts';

/** A deliberate difference from notation-go: each is asked of both by the suite. */
export interface Difference {
  readonly rule: string;
  readonly name: string;
  readonly why: string;
}

function differences(kind: 'stricter' | 'wider'): readonly Difference[] {
  const policies = POLICIES.map((each) => ({ ...each, name: `a policy: ${each.name}` }));
  return [...TABLES.flatMap(([, cases]) => cases), ...policies]
    .flatMap(({ rule, name, expected }) => (expected.kind === kind ? [{ rule, name, why: expected.why }] : []))
    .sort((a, b) => (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0));
}

/** What notation-go accepts and Sealwatch refuses, by rule. */
export const STRICTER: readonly Difference[] = differences('stricter');
/** What notation-go refuses although the specification allows it. */
export const WIDER: readonly Difference[] = differences('wider');

/** docs/conformance.md, whole. */
export function conformancePage(judge: string): string {
  return `# Where Sealwatch differs from notation-go

Sealwatch is compared with ${judge}, the library behind the notation command, by
\`./hack/test conformance\`. The suite has both sign and both verify: every key type, in both formats, on registries with
and without the Referrers API and on an OCI image layout. It asks both about some hundred envelopes, certificates and
policies that are wrong in one way, or odd and right. They agree, but for what is listed here. This page is written by
the suite, which fails when it is out of date.

Rules are those of [notary.md](notary.md).

## Refused, although notation-go accepts it

${tableOf(STRICTER)}

## Accepted, although notation-go refuses it

None of these makes a signature count that does not verify, or a signer that no policy names.

${tableOf(WIDER)}
`;
}

function tableOf(rows: readonly Difference[]): string {
  const lines = rows.map(({ rule, name, why }) => `| ${rule} | ${cell(name)} | ${cell(why)} |`);
  return ['| Rule | What | Why |', '| --- | --- | --- |', ...lines].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*');
}
