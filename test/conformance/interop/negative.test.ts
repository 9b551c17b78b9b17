import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Judge, startJudge } from '../../support/judge.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';
import { TABLES } from './cases/all.ts';
import { type Case, questionOf, SCOPE } from './cases/case.ts';
import { stopRevocationSite } from './cases/revocation-site.ts';
import { ourVerdict, theirVerdict, type Verdict } from './verdicts.ts';

let judge: Judge;
let folder: TemporaryFolder;
let used = 0;

beforeAll(async () => {
  folder = await temporaryFolder('negative');
  judge = await startJudge();
});
afterAll(async () => {
  await judge?.stop();
  await stopRevocationSite();
  await folder?.remove();
});

async function bothVerdicts(each: Case): Promise<{ readonly ours: Verdict; readonly theirs: Verdict }> {
  const question = await questionOf(each);
  used += 1;
  const stores = join(folder.path, String(used));
  await mkdir(stores);
  return {
    ours: await ourVerdict(question, SCOPE),
    theirs: await theirVerdict(judge, question, SCOPE, stores),
  };
}

const ACCEPTED = { accepted: true, reason: '' };

describe.each(TABLES)('%s', (_, cases) => {
  it.each(cases)('$name is $expected.kind ($rule)', async (each) => {
    const { ours, theirs } = await bothVerdicts(each);
    const { expected } = each;
    if ('at' in expected && (expected.at === 'integrity' || expected.at === 'policy')) {
      expect(ours.reason).toMatch(expected.says ?? new RegExp(`\\(notary\\.md ${each.rule}\\)`));
    }
    switch (expected.kind) {
      case 'accepted':
        expect({ ours, theirs }).toMatchObject({ ours: ACCEPTED, theirs: ACCEPTED });
        expect({ ours: ours.logged, theirs: theirs.logged }).toEqual({
          ours: expected.logged ?? [],
          theirs: expected.logged ?? [],
        });
        break;
      case 'refused':
        expect({ ours, theirs }).toMatchObject({
          ours: { accepted: false, at: expected.at },
          theirs: { accepted: false, at: expected.theirs ?? expected.at },
        });
        break;
      case 'stricter':
        expect({ ours, theirs }).toMatchObject({ ours: { accepted: false, at: expected.at }, theirs: ACCEPTED });
        break;
      case 'wider':
        expect({ ours, theirs }).toMatchObject({ ours: ACCEPTED, theirs: { accepted: false } });
        break;
    }
  });
});
