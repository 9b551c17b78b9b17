import { describe, expect, it } from 'vitest';
import { PODS, TRUST_STORES } from '../../../src/api/group.ts';
import { collectionPath, objectPath, withQuery } from '../../../src/kubernetes/paths.ts';

describe('paths', () => {
  it.each([
    [collectionPath(PODS), '/api/v1/pods'],
    [collectionPath(PODS, 'team'), '/api/v1/namespaces/team/pods'],
    [collectionPath(TRUST_STORES), '/apis/sealwatch.dev/v1alpha1/truststores'],
    [objectPath(PODS, 'team/web', 'status'), '/api/v1/namespaces/team/pods/web/status'],
    [objectPath(TRUST_STORES, 'acme'), '/apis/sealwatch.dev/v1alpha1/truststores/acme'],
    [withQuery('/api', { a: 'x y&z', b: undefined, c: 1 }), '/api?a=x+y%26z&c=1'],
    [withQuery('/api', { b: undefined }), '/api'],
  ])('%s', (path, expected) => {
    expect(path).toBe(expected);
  });

  it('escapes a name, so that it cannot lead to another path', () => {
    expect(objectPath(PODS, 'team/../../secrets?x#y')).toBe('/api/v1/namespaces/team/pods/..%2F..%2Fsecrets%3Fx%23y');
    expect(collectionPath(PODS, 'a/b')).toBe('/api/v1/namespaces/a%2Fb/pods');
  });

  it.each(['team/..', 'team/.', 'team/', '../pod'])(
    'refuses the key %s, which a URL parser would resolve away',
    (key) => {
      expect(() => objectPath(PODS, key)).toThrow('cannot be the name of a Kubernetes object');
    },
  );

  it.each([
    [PODS, 'web', 'must be "namespace/name", found "web"'],
    [TRUST_STORES, 'team/acme', 'must be "name", found "team/acme"'],
  ])('refuses a key of the wrong scope', (type, key, message) => {
    expect(() => objectPath(type, key)).toThrow(message);
  });
});
