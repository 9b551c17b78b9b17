import { describe, expect, it } from 'vitest';
import type { TrustPolicyStatement } from '../../../src/api/trust-policy.ts';
import { createPolicySet } from '../../../src/verification/index.ts';

type Policy = Parameters<typeof createPolicySet>[0] extends Iterable<infer P> ? P : never;

const [OLD, NEW] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'];

function statement(name: string, ...registryScopes: string[]): TrustPolicyStatement {
  return {
    name,
    registryScopes,
    signatureVerification: { level: 'strict' },
    trustStores: ['ca:acme'],
    trustedIdentities: ['*'],
  };
}

function policy(name: string, creationTimestamp: string, ...trustPolicies: TrustPolicyStatement[]): Policy {
  return { metadata: { name, creationTimestamp }, spec: { version: '1.0', trustPolicies } };
}

describe('createPolicySet', () => {
  it('an exact scope beats *, whichever object is older (notary.md F2)', () => {
    const set = createPolicySet([
      policy('all', OLD, statement('any', '*')),
      policy('team', NEW, statement('app', 'r.example/team/app')),
    ]);
    expect(set.select('r.example/team/app')?.name).toBe('team/app');
    expect(set.select('r.example/team/app2')?.name).toBe('all/any');
    expect(set.select('R.example/team/app')?.name).toBe('all/any');
  });

  it('no statement applies where no scope does (notary.md F2)', () => {
    const set = createPolicySet([policy('team', OLD, statement('app', 'r.example/team/app'))]);
    expect(set.select('r.example/team')).toBeUndefined();
    expect(set.select('r.example/team/app/x')).toBeUndefined();
    expect(createPolicySet([]).select('r.example/team/app')).toBeUndefined();
  });

  it.each([
    ['exact', 'r.example/app'],
    ['wildcard', '*'],
  ])('two objects claim one %s scope: the older wins, and both are told (faults.md 48)', (_, scope) => {
    const set = createPolicySet([
      policy('younger', NEW, statement('mine', scope)),
      policy('older', OLD, statement('first', scope)),
    ]);
    expect(set.select('r.example/app')?.name).toBe('older/first');
    expect(set.states.get('younger')?.conflicts).toEqual([{ scope, statement: 'mine', claimedBy: 'older' }]);
    expect(set.states.get('older')?.conflicts).toEqual([]);
    expect(set.states.get('older')?.wins).toEqual([{ scope, statement: 'mine', claimedBy: 'younger' }]);
  });

  it('the loser of one scope keeps its others, and every loser is told to the winner', () => {
    const set = createPolicySet([
      policy('a', OLD, statement('s', 'r.example/one')),
      policy('b', NEW, statement('s', 'r.example/one', 'r.example/two')),
      policy('c', '2026-01-03T00:00:00Z', statement('s', 'r.example/one'), statement('t', 'r.example/two')),
    ]);
    expect(set.select('r.example/two')?.name).toBe('b/s');
    expect(set.states.get('a')?.wins.map(({ claimedBy }) => claimedBy)).toEqual(['b', 'c']);
    expect(set.states.get('c')?.conflicts.map(({ claimedBy }) => claimedBy)).toEqual(['a', 'b']);
  });

  it('of one age, the name decides, in whatever order they come', () => {
    const [a, b] = [policy('a', OLD, statement('s', '*')), policy('b', OLD, statement('s', '*'))];
    expect(createPolicySet([a, b]).select('r/x')?.policy).toBe('a');
    expect(createPolicySet([b, a]).select('r/x')?.policy).toBe('a');
  });

  it('a bad policy is not in force, says why, and disables no other, nor claims a scope', () => {
    const bad = policy('bad', OLD, { ...statement('s', '*'), trustedIdentities: [] });
    const set = createPolicySet([bad, policy('good', NEW, statement('s', '*'))]);
    expect(set.select('r.example/app')?.policy).toBe('good');
    expect(set.states.get('bad')?.invalid).toContain('trustedIdentities');
    expect(set.states.get('bad')?.statements).toEqual([]);
    expect(set.states.get('good')).toMatchObject({ conflicts: [], wins: [] });
  });

  it('a policy with a bad statement is not in force at all', () => {
    const set = createPolicySet([
      policy('half', OLD, statement('good', 'r.example/app'), statement('bad', 'https://r.example/app')),
    ]);
    expect(set.select('r.example/app')).toBeUndefined();
    expect(set.states.get('half')?.invalid).toBeDefined();
  });
});
