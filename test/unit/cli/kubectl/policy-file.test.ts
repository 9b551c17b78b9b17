import { describe, expect, it } from 'vitest';
import type { TrustPolicy } from '../../../../src/api/trust-policy.ts';
import { UsageError } from '../../../../src/cli/failure.ts';
import { changedPolicies, parsePolicies } from '../../../../src/cli/kubectl/policy-file.ts';
import { createPolicySet } from '../../../../src/verification/index.ts';
import { CREATED } from './objects.ts';

const policy = (name: string, scope = 'registry.example/web', more = ''): string => `
apiVersion: sealwatch.dev/v1alpha1
kind: TrustPolicy
metadata: { name: ${name} }
spec:
  version: "1.0"
  trustPolicies:
    - name: images
      registryScopes: ["${scope}"]
      signatureVerification: { level: strict }
      trustStores: ["ca:acme"]
      trustedIdentities: ["*"]
${more}`;

describe('a file of TrustPolicies', () => {
  it('may hold several', () => {
    expect(parsePolicies(`${policy('a')}\n---\n${policy('b', '*')}\n---\n`, 'f').map(({ name }) => name)).toEqual([
      'a',
      'b',
    ]);
  });

  it.each<[string, string, RegExp]>([
    ['nothing', '', /^f: expected a TrustPolicy, found nothing/],
    ['no YAML', 'a: [', /^f: is no YAML: /],
    ['an alias', 'a: &a [x]\nb: *a', /^f: cannot be read: /],
    ['another kind', policy('a').replace('TrustPolicy', 'TrustStore'), /^f: expected kind TrustPolicy .* "TrustStore"/],
    ['a bare policy of notation', '{"version": "1.0"}', /^f: expected kind TrustPolicy .*; found "no kind"/],
    ['no name', policy('').replace('{ name:  }', '{}'), /^f: metadata.name: expected the name/],
    ['a name twice', `${policy('a')}\n---\n${policy('a')}`, /^f: TrustPolicy a is there twice/],
    [
      'an invalid one among others',
      `${policy('a')}\n---\n${policy('b').replace('strict', 'stict')}`,
      /^f, document 2: TrustPolicy b: .*level/,
    ],
  ])('%s is refused', (_, text, message) => {
    expect(() => parsePolicies(text, 'f')).toThrow(UsageError);
    expect(() => parsePolicies(text, 'f')).toThrow(message);
  });
});

describe('once it is applied', () => {
  const standing = (name: string, scope: string): TrustPolicy => ({
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: CREATED },
    spec: parsePolicies(policy(name, scope), 'f')[0]?.spec ?? { version: '', trustPolicies: [] },
  });
  const old = [standing('old', 'registry.example/web')];

  it('one of the same name takes its place, and its age', () => {
    const changed = changedPolicies(old, parsePolicies(policy('old', 'registry.example/api'), 'f'), new Date());
    expect(changed.map(({ metadata }) => metadata.creationTimestamp)).toEqual([CREATED]);
    const set = createPolicySet(changed);
    expect(set.select('registry.example/web')).toBeUndefined();
    expect(set.select('registry.example/api')).toMatchObject({ name: 'old/images' });
  });

  it('a new one loses a scope that another holds, whatever this clock says', () => {
    const added = parsePolicies(policy('a-new', 'registry.example/web'), 'f');
    const set = createPolicySet(changedPolicies(old, added, new Date(0)));
    expect(set.select('registry.example/web')).toMatchObject({ policy: 'old' });
    expect(set.states.get('a-new')?.conflicts).toMatchObject([{ claimedBy: 'old' }]);
  });
});
