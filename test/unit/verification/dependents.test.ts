import { describe, expect, it } from 'vitest';
import { affectedByPolicies, affectedByStores, createPolicySet } from '../../../src/verification/index.ts';

interface Written {
  readonly name?: string;
  readonly scopes: readonly string[];
  readonly store?: string;
  readonly level?: string;
}

function policy(name: string, statements: readonly Written[], version = '1.0') {
  return {
    metadata: { name, uid: name, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      version: version as '1.0',
      trustPolicies: statements.map(({ name: statement = 'all', scopes, store = 'ca:acme', level = 'strict' }) => ({
        name: statement,
        registryScopes: [...scopes],
        signatureVerification: { level: level as 'strict' },
        trustStores: [store],
        trustedIdentities: ['*'],
      })),
    },
  };
}

const APP = 'r.example/app';
const WEB = 'r.example/web';

describe('what a change of policies affects', () => {
  const before = createPolicySet([policy('p', [{ scopes: [APP] }, { name: 'rest', scopes: ['*'] }])]);

  it.each<[string, readonly Parameters<typeof createPolicySet>[0][], boolean, boolean]>([
    ['nothing', [[policy('p', [{ scopes: [APP] }, { name: 'rest', scopes: ['*'] }])]], false, false],
    [
      'another level of one statement',
      [
        [
          policy('p', [
            { scopes: [APP], level: 'audit' },
            { name: 'rest', scopes: ['*'] },
          ]),
        ],
      ],
      true,
      false,
    ],
    [
      'another trust store of one statement',
      [[policy('p', [{ scopes: [APP] }, { name: 'rest', scopes: ['*'], store: 'ca:other' }])]],
      false,
      true,
    ],
    ['a statement that goes', [[policy('p', [{ name: 'rest', scopes: ['*'] }])]], true, false],
    ['a policy that goes', [[]], true, true],
    [
      'one more scope of a statement: only what comes under it',
      [[policy('p', [{ scopes: [APP, WEB] }, { name: 'rest', scopes: ['*'] }])]],
      false,
      true,
    ],
    [
      'another name of a statement, which is told',
      [
        [
          policy('p', [
            { name: 'app', scopes: [APP] },
            { name: 'rest', scopes: ['*'] },
          ]),
        ],
      ],
      true,
      false,
    ],
    [
      'another object that says the same',
      [[policy('q', [{ scopes: [APP] }, { name: 'rest', scopes: ['*'] }])]],
      true,
      true,
    ],
    [
      'a new policy that is invalid',
      [[policy('p', [{ scopes: [APP] }, { name: 'rest', scopes: ['*'] }]), policy('bad', [{ scopes: [WEB] }], '9')]],
      false,
      true,
    ],
  ])('%s', (_name, [now], app, web) => {
    const isAffected = affectedByPolicies(before, createPolicySet(now ?? []));
    expect([isAffected(APP), isAffected(WEB)]).toEqual([app, web]);
    expect(isAffected(APP)).toBe(app);
  });
});

describe('what a change of trust stores affects', () => {
  const policies = createPolicySet([
    policy('p', [{ scopes: [APP] }, { name: 'web', scopes: [WEB], store: 'tsa:acme' }]),
  ]);

  it('images whose statement names one of them by type and name', () => {
    const isAffected = affectedByStores(policies, new Set(['ca:acme', 'ca:other']));
    expect([APP, WEB, 'r.example/none'].map(isAffected)).toEqual([true, false, false]);
  });
});
