import { describe, expect, it } from 'vitest';
import type { TrustStoreCertificates } from '../../../src/notary/index.ts';
import { TrustStoreSet } from '../../../src/verification/index.ts';
import { createChain } from '../../support/pki.ts';

const [one, two] = [await createChain(), await createChain()];

function store(name: string, type: TrustStoreCertificates['type'] = 'ca', from = one): TrustStoreCertificates {
  return { type, name, certificates: from.certificates.slice(-1) };
}

describe('TrustStoreSet', () => {
  it('finds a store by its type and name alone (notary.md D)', () => {
    const set = new TrustStoreSet();
    expect(set.put('object', store('acme'))).toBe(true);
    expect(set.find('ca', 'acme')?.certificates).toEqual(one.certificates.slice(-1));
    expect(set.find('signingAuthority', 'acme')).toBeUndefined();
    expect(set.find('ca', 'object')).toBeUndefined();
    expect(set.ownerOf('ca', 'acme')).toBe('object');
  });

  it('tells once which stores changed, by their type and name', () => {
    const set = new TrustStoreSet();
    set.put('object', store('acme'));
    set.put('other', store('acme', 'tsa'));
    expect([...set.takeChanged()].sort()).toEqual(['ca:acme', 'tsa:acme']);
    set.put('object', store('acme'));
    expect([...set.takeChanged()]).toEqual([]);
    // Under a new name: what named the old one is affected too.
    set.put('object', store('renamed'));
    expect([...set.takeChanged()].sort()).toEqual(['ca:acme', 'ca:renamed']);
    set.remove('other');
    expect([...set.takeChanged()]).toEqual(['tsa:acme']);
  });

  it('tells whether anything changed: by the bytes of certificates', () => {
    const set = new TrustStoreSet();
    set.put('object', store('acme'));
    expect(set.put('object', store('acme'))).toBe(false);
    expect(set.put('object', store('acme', 'ca', two))).toBe(true);
    expect(set.find('ca', 'acme')?.certificates).toEqual(two.certificates.slice(-1));
    expect(set.put('object', { ...store('acme'), certificates: one.certificates.slice(1) })).toBe(true);
  });

  it.each([
    ['name', store('other')],
    ['type', store('acme', 'signingAuthority')],
  ])('an object that changes its %s leaves nothing of the old one in force', (_, next) => {
    const set = new TrustStoreSet();
    set.put('object', store('acme'));
    expect(set.put('object', next)).toBe(true);
    expect(set.find('ca', 'acme')).toBeUndefined();
    expect(set.find(next.type, next.name)).toBeDefined();
  });

  it('removes what an object had put, and nothing of another', () => {
    const set = new TrustStoreSet();
    set.put('a', store('one'));
    set.put('b', store('two'));
    expect(set.remove('a')).toBe(true);
    expect(set.remove('a')).toBe(false);
    expect(set.find('ca', 'one')).toBeUndefined();
    expect(set.find('ca', 'two')).toBeDefined();
  });
});
