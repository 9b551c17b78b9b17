import type { FindTrustStore, TrustStoreCertificates, TrustStoreKind } from '../notary/index.ts';

/** The trust stores in force, by type and name; each is put there by the TrustStore object that owns the name. */
export class TrustStoreSet {
  readonly #stores = new Map<string, { readonly owner: string; readonly store: TrustStoreCertificates }>();
  #changed = new Set<string>();

  /**
   * Puts a store in force.
   * @param owner metadata.name of the TrustStore object
   * @returns whether anything changed
   */
  put(owner: string, store: TrustStoreCertificates): boolean {
    const key = `${store.type}:${store.name}`;
    const old = this.#stores.get(key);
    this.#removeOthers(owner, key);
    if (old !== undefined && old.owner === owner && sameCertificates(old.store, store)) return false;
    this.#stores.set(key, { owner, store });
    this.#changed.add(key);
    return true;
  }

  /** Takes what an object had put in force away again. Returns whether there was anything. */
  remove(owner: string): boolean {
    return this.#removeOthers(owner, undefined);
  }

  /** The stores (`type:name`) that changed since this was last asked. */
  takeChanged(): ReadonlySet<string> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** The object that holds a type and name, if any. */
  ownerOf(type: TrustStoreKind, name: string): string | undefined {
    return this.#stores.get(`${type}:${name}`)?.owner;
  }

  /** The certificates in force, by the object that put them there. */
  *certificates(): Iterable<readonly [owner: string, certificates: TrustStoreCertificates['certificates']]> {
    for (const { owner, store } of this.#stores.values()) yield [owner, store.certificates];
  }

  readonly find: FindTrustStore = (type, name) => this.#stores.get(`${type}:${name}`)?.store;

  #removeOthers(owner: string, keep: string | undefined): boolean {
    let removed = false;
    for (const [key, entry] of this.#stores) {
      if (entry.owner !== owner || key === keep) continue;
      this.#stores.delete(key);
      this.#changed.add(key);
      removed = true;
    }
    return removed;
  }
}

function sameCertificates(a: TrustStoreCertificates, b: TrustStoreCertificates): boolean {
  return (
    a.certificates.length === b.certificates.length &&
    a.certificates.every((certificate, i) => b.certificates[i]?.raw.equals(certificate.raw) === true)
  );
}
