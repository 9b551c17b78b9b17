import type { CheckType } from '../../../src/notary/index.ts';
import { NotaryError } from '../../../src/notary/index.ts';
import type { Judge, JudgeAnswer } from '../../support/judge.ts';
import type { Decision, Question } from './cases/case.ts';
import { NoStatementError, verifyOurs } from './ours.ts';
import { writeStores } from './trust.ts';

/** What one verifier makes of a question. */
export interface Verdict {
  readonly accepted: boolean;
  /** What refused it; `other`: notation-go tells no check. */
  readonly at?: Decision | 'other';
  readonly reason: string;
  /** Checks that failed and were only logged. */
  readonly logged: readonly string[];
}

export async function ourVerdict(question: Question, scope: string): Promise<Verdict> {
  try {
    const { verdict, decisive, checks } = await verifyOurs({ ...question, scope });
    const logged = checks.filter(
      ({ action, result }) => action === 'log' && (result === 'failed' || result === 'unknown'),
    );
    return {
      accepted: verdict === 'Trusted',
      ...(decisive === undefined ? {} : { at: decisive.type }),
      reason: decisive?.reason ?? '',
      logged: logged.map(({ type }): CheckType => type),
    };
  } catch (error) {
    if (!(error instanceof NotaryError || error instanceof NoStatementError)) throw error;
    return { accepted: false, at: 'policy', reason: error.message, logged: [] };
  }
}

/** @param folder empty; for the trust stores */
export async function theirVerdict(judge: Judge, question: Question, scope: string, folder: string): Promise<Verdict> {
  await writeStores(folder, question.stores);
  const answer = await judge.ask({
    operation: 'verify',
    reference: `${scope}@${question.subject.digest}`,
    subject: question.subject,
    signatureEnvelope: Buffer.from(question.envelope).toString('base64'),
    mediaType: question.mediaType,
    policy: question.policy,
    stores: folder,
    requiredMetadata: question.requiredMetadata,
  });
  const failed = (action: string): string[] =>
    (answer.results ?? []).filter((each) => each.action === action && each.error !== undefined).map(({ type }) => type);
  const [at] = failed('enforce');
  return {
    accepted: answer.ok,
    ...(answer.ok ? {} : { at: decisionOf(answer, at) }),
    reason: answer.error ?? '',
    logged: failed('log'),
  };
}

function decisionOf({ results }: JudgeAnswer, at: string | undefined): Decision | 'other' {
  if (at !== undefined) return at as Decision;
  return results === undefined ? 'policy' : 'other';
}
