import { describe, expect, it } from 'vitest';
import { createPolicySet } from '../../../src/verification/index.ts';

const STATEMENT = {
  name: 's',
  registryScopes: ['r.example.com/a'],
  signatureVerification: { level: 'strict' as const },
  trustStores: ['ca:x'],
  trustedIdentities: ['*'],
};

function policy(name: string, day: number, registryScopes: readonly string[], change: object = {}) {
  return {
    metadata: { name, creationTimestamp: `2026-01-0${day}T00:00:00Z` },
    spec: { version: '1.0', trustPolicies: [{ ...STATEMENT, registryScopes, ...change }] },
  };
}

describe('the statements of all policies', () => {
  it('an exact scope beats *, across objects (F2)', () => {
    const set = createPolicySet([policy('all', 1, ['*']), policy('one', 2, ['r.example.com/a'])]);
    expect(set.select('r.example.com/a')?.name).toBe('one/s');
    expect(set.select('r.example.com/b')?.name).toBe('all/s');
    expect(set.select('R.example.com/a')?.name).toBe('all/s');
  });

  it('none applies where none has the scope', () => {
    expect(createPolicySet([policy('one', 1, ['r.example.com/a'])]).select('r.example.com/a/b')).toBeUndefined();
  });

  it('the older object wins a scope, whatever the order they come in, and both say so (faults.md 48)', () => {
    const [older, younger] = [
      policy('z-older', 1, ['r.example.com/a']),
      policy('a-younger', 2, ['r.example.com/a', 'r.example.com/b']),
    ];
    for (const order of [
      [older, younger],
      [younger, older],
    ]) {
      const set = createPolicySet(order);
      expect(set.select('r.example.com/a')?.policy).toBe('z-older');
      expect(set.select('r.example.com/b')?.policy).toBe('a-younger');
      expect(set.states.get('a-younger')?.conflicts).toEqual([
        { scope: 'r.example.com/a', statement: 's', claimedBy: 'z-older' },
      ]);
      expect(set.states.get('z-older')?.wins).toEqual([
        { scope: 'r.example.com/a', statement: 's', claimedBy: 'a-younger' },
      ]);
    }
  });

  it('of the same age, the name decides', () => {
    const set = createPolicySet([policy('b', 1, ['*']), policy('a', 1, ['*'])]);
    expect(set.select('r.example.com/x')?.policy).toBe('a');
  });

  it('one bad policy never disables another, and says what is wrong', () => {
    const set = createPolicySet([
      policy('bad', 1, ['r.example.com/a'], { trustStores: ['ca:..'] }),
      policy('good', 2, ['r.example.com/a']),
    ]);
    expect(set.select('r.example.com/a')?.policy).toBe('good');
    expect(set.states.get('bad')?.invalid).toContain('F3');
    expect(set.states.get('good')?.conflicts).toEqual([]);
  });
});
