import { describe, expect, it } from 'vitest';
import { parseTarget } from '../../../../src/cli/kubectl/pretended.ts';
import { isHit, type NamedSignature, previewOf } from '../../../../src/cli/signer-preview.ts';
import { request } from './objects.ts';

const PREFIX = 'arn:aws:signer:us-west-2:111122223333:';
const PROFILE = `${PREFIX}/signing-profiles/shop`;
const VERSION = `${PROFILE}/ABCDEFGHIJ`;
const JOB = `${PREFIX}/signing-jobs/6f1fe3a5-2d0e-4c5f-8d3a-000000000000`;
const HEX = 'ab'.repeat(32);
const SIGNED: NamedSignature = { jobArn: JOB, profileVersionArn: VERSION, signedAt: '2026-02-01T00:00:00Z' };

describe('what may be revoked', () => {
  it.each([
    ['as sealwatch inspect prints it', HEX],
    ['as openssl prints it', HEX.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:')],
    ['with its algorithm', `sha256:${HEX}`],
    ['as openssl prints it with its algorithm', `SHA256=${HEX}`],
  ])('a certificate by its fingerprint, %s', (_, text) => {
    expect(parseTarget(text, undefined)).toEqual({ kind: 'certificate', sha256: HEX });
  });

  it.each<[string, string, Date | undefined, boolean]>([
    ['its job', JOB, undefined, true],
    ['another job', JOB.replace('0000', '1111'), undefined, false],
    ['its version', VERSION, undefined, true],
    ['another version', `${PROFILE}/KLMNOPQRST`, undefined, false],
    ['its profile', PROFILE, undefined, true],
    ['a profile whose name begins so', PROFILE.slice(0, -1), undefined, false],
    ['its version from then on', VERSION, new Date('2026-02-01T00:00:00Z'), true],
    ['its version from later on', VERSION, new Date('2026-02-01T00:00:01Z'), false],
    ['its profile from later on', PROFILE, new Date('2026-02-01T00:00:01Z'), false],
  ])('a signature is hit by %s: %s, %o: %s', (_, text, from, expected) => {
    const target = parseTarget(text, from);
    if (target.kind === 'certificate') throw new Error('expected an ARN');
    expect(isHit(target, SIGNED)).toBe(expected);
    const signature = { digest: HEX, verdict: 'Trusted' as const, checks: [], ...SIGNED };
    const status = request('web', [{ signatures: [signature as never] }]);
    expect(previewOf(target, [status], [], []).signatures).toHaveLength(expected ? 1 : 0);
  });
});
