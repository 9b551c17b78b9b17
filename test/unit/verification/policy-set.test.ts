import { describe, expect, it } from 'vitest';
import type { TrustPolicyStatement } from '../../../src/api/trust-policy.ts';
import { createPolicySet, type PolicySet } from '../../../src/verification/index.ts';

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
  return { metadata: { name, uid: name, generation: 1, creationTimestamp }, spec: { version: '1.0', trustPolicies } };
}

/** The same object, edited. */
function edited(before: Policy, generation: number, ...trustPolicies: TrustPolicyStatement[]): Policy {
  return { metadata: { ...before.metadata, generation }, spec: { version: '1.0', trustPolicies } };
}

/** What applies to a repository: `policy/statement`, with `invalid` before it where its policy is. */
function applies(set: PolicySet, repository: string): string | undefined {
  const selected = set.select(repository);
  return selected?.kind === 'invalid' ? `invalid ${selected.name}` : selected?.name;
}

describe('createPolicySet', () => {
  it('an exact scope beats *, whichever object is older (notary.md F2)', () => {
    const set = createPolicySet([
      policy('all', OLD, statement('any', '*')),
      policy('team', NEW, statement('app', 'r.example/team/app')),
    ]);
    expect(set.select('r.example/team/app')?.name).toBe('team/app');
    expect(set.select('r.example/team/app2')?.name).toBe('all/any');
    expect(set.select('r.example/team/App')?.name).toBe('all/any');
  });

  it("a scope holds for every spelling of its host; of two, the older object's (notary.md F2; faults.md 48)", () => {
    const set = createPolicySet([
      policy('star', '2026-01-01T00:00:00Z', statement('lax', '*')),
      policy('younger', '2026-01-03T00:00:00Z', statement('b', 'Registry.example.com/app')),
      policy('older', '2026-01-02T00:00:00Z', statement('a', 'registry.example.com:443/app')),
      policy('broken', '2026-01-04T00:00:00Z', { ...statement('c', 'Other.example.com/app'), trustStores: ['x'] }),
    ]);
    expect(applies(set, 'registry.example.com/app')).toBe('older/a');
    expect(applies(set, 'registry.example.com:0443/app')).toBe('older/a');
    expect(applies(set, 'registry.example.com:5000/app')).toBe('star/lax');
    expect(set.select('other.example.com:443/app')).toMatchObject({ kind: 'invalid', name: 'broken/c' });
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

  it('a policy with a bad statement is not in force at all: its images are Unknown, not Uncovered', () => {
    const set = createPolicySet([
      policy('half', OLD, statement('good', 'r.example/app'), statement('bad', 'https://r.example/app')),
    ]);
    expect(applies(set, 'r.example/app')).toBe('invalid half/good');
    expect(applies(set, 'r.example/other')).toBeUndefined();
    expect(set.states.get('half')?.invalid).toBeDefined();
  });
});

describe('a policy that is edited into something invalid', () => {
  const good = policy('p', OLD, statement('app', 'r.example/app'));
  const bad = { ...statement('app', 'r.example/other'), trustedIdentities: [] };

  it('keeps its last valid statements, however often it is edited, and says of which generation (F1)', () => {
    let set = createPolicySet([edited(good, 4, ...good.spec.trustPolicies)]);
    for (const generation of [5, 6]) {
      set = createPolicySet([edited(good, generation, bad)], set);
      expect(applies(set, 'r.example/app')).toBe('p/app');
      expect(applies(set, 'r.example/other')).toBeUndefined();
      expect(set.states.get('p')).toMatchObject({ valid: { generation: 4 }, invalid: expect.stringContaining('F5') });
    }
    set = createPolicySet([edited(good, 7, statement('app', 'r.example/other'))], set);
    expect([applies(set, 'r.example/app'), applies(set, 'r.example/other')]).toEqual([undefined, 'p/app']);
    expect(set.states.get('p')?.invalid).toBeUndefined();
  });

  it('goes on holding its scopes against younger objects (faults.md 48)', () => {
    const rival = policy('rival', NEW, statement('mine', 'r.example/app'));
    const set = createPolicySet([edited(good, 2, bad), rival], createPolicySet([good, rival]));
    expect(applies(set, 'r.example/app')).toBe('p/app');
    expect(set.states.get('rival')?.conflicts.map(({ claimedBy }) => claimedBy)).toEqual(['p']);
  });

  it('inherits nothing from another object of its name, nor from itself once it was deleted', () => {
    const reborn = { ...edited(good, 1, bad), metadata: { ...good.metadata, uid: 'other' } };
    expect(applies(createPolicySet([reborn], createPolicySet([good])), 'r.example/app')).toBeUndefined();
    const deleted = createPolicySet([], createPolicySet([good]));
    expect(applies(createPolicySet([edited(good, 2, bad)], deleted), 'r.example/app')).toBeUndefined();
  });

  it.each<[string, readonly Policy[], string | undefined]>([
    [
      'its own scope, over * of another, which may be laxer',
      [policy('all', OLD, statement('any', '*'))],
      'invalid bad/s',
    ],
    ['not a scope that a valid policy names too', [policy('v', NEW, statement('s', 'r.example/app'))], 'v/s'],
  ])('without a valid version claims as Unknown: %s', (_name, others, expected) => {
    const set = createPolicySet([
      policy('bad', OLD, { ...bad, name: 's', registryScopes: ['r.example/app'] }),
      ...others,
    ]);
    expect(applies(set, 'r.example/app')).toBe(expected);
  });

  it('without a valid version claims * as Unknown, behind every valid statement', () => {
    const everything = policy('bad', OLD, { ...bad, name: 's', registryScopes: ['*'] });
    const exact = policy('v', NEW, statement('s', 'r.example/app'));
    const set = createPolicySet([everything, exact]);
    expect([applies(set, 'r.example/app'), applies(set, 'r.example/x')]).toEqual(['v/s', 'invalid bad/s']);
    const other = createPolicySet([everything, policy('w', NEW, statement('s', '*'))]);
    expect(applies(other, 'r.example/x')).toBe('w/s');
  });

  it.each<[string, unknown]>([
    ['no list', {}],
    ['statements that are none', { trustPolicies: [null, 7, { registryScopes: 'r.example/app' }] }],
    ['scopes that are none', { trustPolicies: [{ registryScopes: [null, {}, 7] }] }],
  ])('of which no scope can be read claims nothing: %s', (_name, spec) => {
    const set = createPolicySet([{ metadata: good.metadata, spec: spec as Policy['spec'] }]);
    expect(applies(set, 'r.example/app')).toBeUndefined();
    expect(set.states.get('p')?.invalid).toBeDefined();
  });
});
