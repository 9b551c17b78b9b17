import { afterAll, beforeAll, expect, it } from 'vitest';
import { NotaryError, parseTrustPolicyDocument, selectStatement } from '../../../src/notary/index.ts';
import { type Judge, startJudge } from '../../support/judge.ts';
import { POLICIES, type PolicyCase } from './cases/policies.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;
let judge: Judge;

beforeAll(async () => {
  judge = await startJudge();
});
afterAll(() => judge?.stop());

/** As it comes from a file or from the API server: JSON, of whatever shape. */
type Document = Parameters<typeof parseTrustPolicyDocument>[0];

function ourAnswer({ document, applies }: PolicyCase): { readonly error?: NotaryError; readonly statement?: string } {
  try {
    const statements = parseTrustPolicyDocument(JSON.parse(JSON.stringify(document)) as Document);
    const statement = applies === undefined ? undefined : selectStatement(statements, applies.to)?.name;
    return statement === undefined ? {} : { statement };
  } catch (error) {
    if (error instanceof NotaryError) return { error };
    throw error;
  }
}

it.each(POLICIES)('$name: $expected.kind ($rule)', async (each) => {
  const { document, applies, expected, rule } = each;
  const ours = ourAnswer(each);
  const theirs = await judge.ask({ operation: 'policy', policy: document });
  const accepted = { ours: ours.error === undefined, theirs: theirs.ok };
  const should = {
    ours: ['accepted', 'wider'].includes(expected.kind),
    theirs: ['accepted', 'stricter'].includes(expected.kind),
  };
  expect({ ...accepted, told: [ours.error?.message, theirs.error] }).toMatchObject(should);
  if (ours.error !== undefined) {
    expect(ours.error).toMatchObject({ code: 'InvalidTrustPolicy', rule });
    expect(ours.error.message).toContain(`(notary.md ${rule})`);
  }
  if (applies !== undefined) {
    const { statement } = await judge.ask({
      operation: 'policy',
      policy: document,
      reference: `${applies.to}@${DIGEST}`,
    });
    const { statement: theirs } = applies.theirs ?? applies;
    expect({ ours: ours.statement, theirs: statement }).toEqual({ ours: applies.statement, theirs });
  }
});
