import { describe, expect, it } from 'vitest';
import { AwsError } from '../../../src/aws/aws-error.ts';
import { type AuthorizationToken, RefreshedToken } from '../../../src/aws/ecr-token.ts';

const HOUR_MS = 3_600_000;

/** What AWS gives is `t1`, `t2` and so on, or this failure. */
function world() {
  const state = { now: Date.parse('2026-01-01T00:00:00Z'), calls: 0, failure: undefined as Error | undefined };
  const fetch = async (): Promise<AuthorizationToken> => {
    state.calls += 1;
    const password = `t${state.calls}`;
    await Promise.resolve();
    if (state.failure !== undefined) throw state.failure;
    return { username: 'AWS', password, expiresAt: new Date(state.now + 12 * HOUR_MS) };
  };
  return { state, token: new RefreshedToken(fetch, () => new Date(state.now)) };
}

describe('a token that a registry refuses before its time (faults.md 23, 24)', () => {
  it('is asked for anew, once for all who were refused', async () => {
    const { state, token } = world();
    const { password } = await token.token('host');
    state.now += HOUR_MS;
    const renewed = await Promise.all([1, 2, 3].map(() => token.renewed(password, 'host')));
    expect(renewed.map((each) => each?.password)).toEqual(['t2', 't2', 't2']);
    expect([state.calls, (await token.token('host')).password]).toEqual([2, 't2']);
    // One who was refused with the old one too, and comes late.
    expect((await token.renewed(password, 'host'))?.password).toBe('t2');
    expect(state.calls).toBe(2);
  });

  it('is not asked for anew where it is a minute old at most: then it is about rights', async () => {
    const { state, token } = world();
    const { password } = await token.token('host');
    state.now += 59_999;
    expect(await token.renewed(password, 'host')).toBeUndefined();
    expect(state.calls).toBe(1);
    state.now += 1;
    expect((await token.renewed(password, 'host'))?.password).toBe('t2');
  });

  it('stays where AWS gives no other, and AWS is asked once a minute at most', async () => {
    const { state, token } = world();
    const { password } = await token.token('host');
    state.now += HOUR_MS;
    state.failure = new AwsError('AccessDenied', 'no');
    expect(await token.renewed(password, 'host')).toBeUndefined();
    expect(await token.renewed(password, 'host')).toBeUndefined();
    expect([state.calls, (await token.token('host')).password]).toEqual([2, 't1']);
    state.now += 60_000;
    state.failure = undefined;
    expect((await token.renewed(password, 'host'))?.password).toBe('t3');
  });

  it('rejects with what is no answer of AWS: a defect', async () => {
    const { state, token } = world();
    const { password } = await token.token('host');
    state.now += HOUR_MS;
    state.failure = new TypeError('a defect');
    await expect(token.renewed(password, 'host')).rejects.toBe(state.failure);
  });
});
