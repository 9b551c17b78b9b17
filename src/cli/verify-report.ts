import type { Cause, VerdictType } from '../api/verdict.ts';
import { formatRfc3339, type Statement } from '../notary/index.ts';
import {
  type CheckSummary,
  type ImageEvaluation,
  type SignatureSummary,
  summarizeSignature,
} from '../verification/index.ts';
import { EXIT, type ExitCode } from './failure.ts';
import type { Paint } from './io.ts';
import { ruleOf } from './rules.ts';
import { renderTree, type TreeNode } from './tree.ts';
import { printed } from './words.ts';

/** A verdict, with all that a person or a program is told of it. */
export interface VerifyReport {
  /** As it was given. */
  readonly reference: string;
  /** By digest where that is known: the image that the verdict is on. */
  readonly name: string;
  readonly digest?: string;
  readonly evaluation: ImageEvaluation;
  /** What applies, where a valid statement does. */
  readonly statement?: Statement;
  /** Where the policy is from. */
  readonly origin: string;
  /** What a person must know beside the verdict. */
  readonly warnings: readonly string[];
}

/** What a verdict ends the command with. */
export function exitCodeOf(verdict: VerdictType): ExitCode {
  switch (verdict) {
    case 'Trusted':
      return EXIT.done;
    case 'Unknown':
      return EXIT.undetermined;
    case 'Expired':
    case 'Revoked':
    case 'Untrusted':
    case 'Unsigned':
    case 'Uncovered':
      return EXIT.notTrusted;
  }
}

/** The report for programs: docs/cli.md documents it, and every key is always there. */
export function verifyJson({ reference, digest, evaluation }: VerifyReport): object {
  const { verdict, statement, cause } = evaluation;
  return {
    reference,
    digest: digest ?? null,
    verdict,
    statement: statement?.name ?? null,
    cause: causeJson(cause),
    signatures: signaturesJson(evaluation),
  };
}

/** The signatures that were tried, for programs. */
export function signaturesJson(evaluation: ImageEvaluation): readonly object[] {
  return evaluation.signatures.map((signature) => {
    const summary = summarizeSignature(signature);
    return {
      digest: summary.digest,
      format: summary.format ?? null,
      scheme: summary.scheme ?? null,
      signedAt: summary.signedAt === undefined ? null : formatRfc3339(summary.signedAt),
      expiresAt: summary.expiresAt === undefined ? null : formatRfc3339(summary.expiresAt),
      signer: summary.signer ?? null,
      checks: summary.checks,
    };
  });
}

/** Why a verdict is what it is, for programs; null where it is Trusted. */
export function causeJson(cause: Cause | undefined): object | null {
  if (cause === undefined) return null;
  return {
    reason: cause.reason,
    rule: ruleOf(cause).id,
    message: cause.message,
    since: cause.since === undefined ? null : wholeSeconds(cause.since),
    revoked: cause.revoked ?? [],
  };
}

const HEADLINES: Readonly<Record<VerdictType, string>> = {
  Trusted: 'trusted',
  Expired: 'not trusted, the signature has expired',
  Revoked: 'not trusted, it was revoked',
  Untrusted: 'not trusted, no signature passes',
  Unsigned: 'not trusted, it has no signature',
  Unknown: 'it could not be determined whether to trust it',
  Uncovered: 'not trusted, no statement of the policy applies',
};

/** The sign before a verdict, painted. */
export function verdictSign(verdict: VerdictType, paint: Paint): string {
  const [symbol, colour] = SYMBOLS[exitCodeOf(verdict) === EXIT.done ? 'passed' : (SIGNS[verdict] ?? 'failed')];
  return paint(colour, symbol);
}

/** What there is to tell of a verdict beside its signatures: label and text. */
export function verdictRows(report: VerifyReport, paint: Paint): readonly (readonly [string, string])[] {
  const { evaluation, statement } = report;
  const { cause } = evaluation;
  const rows: [string, string][] = [];
  if (cause !== undefined) {
    const rule = ruleOf(cause);
    rows.push(['because', cause.message]);
    rows.push(['rule', `${rule.words} (notary.md ${rule.id})`]);
    if (cause.since !== undefined) rows.push(['since', wholeSeconds(cause.since)]);
    const unsaid = (cause.revoked ?? []).filter((entity) => !cause.message.includes(entity));
    if (unsaid.length > 0) rows.push(['revoked', unsaid.join(', ')]);
  } else if (statement?.level === 'skip') {
    rows.push(['because', 'the level of its statement is skip: nothing was checked']);
  }
  const logged = loggedFailures(evaluation);
  if (logged.length > 0) rows.push(['but', paint('yellow', `${logged.join(', ')}: the policy only logs that`)]);
  rows.push(['policy', policyWords(report)]);
  return rows;
}

/** The report for people: the verdict, which rule decided, and every check of every signature tried. */
export function verifyText(report: VerifyReport, paint: Paint): string {
  const { evaluation, name } = report;
  const { verdict, signatures } = evaluation;
  const rows = verdictRows(report, paint);
  const [, colour] = SYMBOLS[exitCodeOf(verdict) === EXIT.done ? 'passed' : (SIGNS[verdict] ?? 'failed')];
  const head = `${verdictSign(verdict, paint)} ${paint('bold', name)}: ${paint(colour, HEADLINES[verdict])}\n`;
  const body = rows.map(([label, text]) => `  ${paint('dim', label.padEnd(8))} ${text}\n`).join('');
  if (signatures.length === 0) return head + body;
  const trees = signatures.map((signature) => signatureNode(signature, paint));
  const more = evaluation.truncated ? ', and there are more' : '';
  const tried = `${signatures.length} ${signatures.length === 1 ? 'signature' : 'signatures'} tried${more}`;
  return `${head}${body}\n${renderTree({ label: paint('dim', tried), children: trees })}`;
}

/** What a trusted signature did not pass, and the policy forgives: "revocation is unknown". */
function loggedFailures({ verdict, signatures }: ImageEvaluation): readonly string[] {
  if (verdict !== 'Trusted') return [];
  const trusted = signatures.map(summarizeSignature).find((signature) => signature.verdict === 'Trusted');
  return (trusted?.checks ?? []).flatMap(({ type, result }) => {
    if (result === 'failed') return [`${type} failed`];
    return result === 'unknown' ? [`${type} is unknown`] : [];
  });
}

function wholeSeconds(time: string): string {
  return formatRfc3339(new Date(time));
}

function policyWords({ statement, evaluation, origin }: VerifyReport): string {
  if (statement === undefined)
    return evaluation.statement === undefined ? origin : `${evaluation.statement.name} of ${origin}`;
  const scope = statement.registryScopes.includes('*') ? '*' : evaluation.repository;
  return `statement ${evaluation.statement?.name ?? statement.name}, level ${statement.level}, scope ${scope}, of ${origin}`;
}

type Sign = 'passed' | 'failed' | 'logged' | 'unknown' | 'skipped';
const SYMBOLS = {
  passed: ['✔', 'green'],
  failed: ['✘', 'red'],
  logged: ['!', 'yellow'],
  unknown: ['?', 'yellow'],
  skipped: ['-', 'dim'],
} as const satisfies Record<Sign, readonly [string, string]>;
const SIGNS: Partial<Record<VerdictType, Sign>> = { Unknown: 'unknown' };

/** A signature with its facts and checks. */
export function signatureNode(signature: ImageEvaluation['signatures'][number], paint: Paint): TreeNode {
  const summary = summarizeSignature(signature);
  const userMetadata =
    signature.kind === 'evaluated' ? Object.entries(signature.outcome.envelope?.subject.annotations ?? {}) : [];
  const [symbol, colour] = SYMBOLS[summary.verdict === 'Trusted' ? 'passed' : (SIGNS[summary.verdict] ?? 'failed')];
  const kind = [summary.format, summary.scheme].filter((part) => part !== undefined).join(', ');
  return {
    label: `${paint(colour, symbol)} ${summary.digest}${kind === '' ? '' : ` ${paint('dim', kind)}`}`,
    children: [
      ...factNodes(summary, paint),
      ...userMetadata.map(([key, value]) => fact('metadata', `${printed(key)}=${printed(value)}`, paint)),
      ...summary.checks.map((check) => checkNode(check, paint)),
    ],
  };
}

function factNodes({ signer, signedAt, expiresAt, scheme }: SignatureSummary, paint: Paint): readonly TreeNode[] {
  const facts: TreeNode[] = [];
  if (signer !== undefined) facts.push(fact('signer', signer, paint));
  if (signedAt !== undefined) {
    const worth = scheme === 'notary.x509' ? ' (as the signer says)' : '';
    facts.push(fact('signed', `${formatRfc3339(signedAt)}${worth}`, paint));
  }
  if (expiresAt !== undefined) facts.push(fact('expires', formatRfc3339(expiresAt), paint));
  return facts;
}

function fact(label: string, text: string, paint: Paint): TreeNode {
  return { label: `  ${paint('dim', label.padEnd(18))} ${text}` };
}

function checkNode({ type, action, result, reason }: CheckSummary, paint: Paint): TreeNode {
  const sign: Sign =
    result === 'passed' || result === 'skipped'
      ? result
      : action === 'log'
        ? 'logged'
        : result === 'unknown'
          ? 'unknown'
          : 'failed';
  const [symbol, colour] = SYMBOLS[sign];
  const logged = sign === 'logged' ? ` ${paint('dim', `(${result}, but the policy only logs it)`)}` : '';
  return { label: `${paint(colour, symbol)} ${type.padEnd(18)} ${reason}${logged}` };
}
