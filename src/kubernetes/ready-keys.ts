/** What comes out next. */
export interface ReadyKey {
  readonly key: string;
  readonly lane: string;
  readonly tenant: string;
  /** When it became ready. */
  readonly readyAt: number;
}

export interface KeyGroups {
  /** What a key waits for, such as the host that it asks. */
  readonly laneOf: (key: string) => string;
  /** Whose work a key is, such as its namespace. */
  readonly tenantOf: (key: string) => string;
}

type Lanes = Map<string, Map<string, number>>;

/**
 * Keys that are ready. Tenants take turns, however many keys each has; those of one tenant take turns by lanes; those of
 * one tenant and lane come in the order in which they became ready.
 */
export class ReadyKeys {
  readonly #groups: KeyGroups;
  readonly #tenants = new Map<string, Lanes>();
  /** Tenant and lane of each key, as they were when the key came. */
  readonly #keys = new Map<string, Omit<ReadyKey, 'key' | 'readyAt'>>();

  constructor(groups: KeyGroups) {
    this.#groups = groups;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Adds a key, unless it is there. @returns its tenant and lane */
  add(key: string, now: number): Pick<ReadyKey, 'lane' | 'tenant'> {
    const held = this.#keys.get(key);
    if (held !== undefined) return held;
    const place = { lane: this.#groups.laneOf(key), tenant: this.#groups.tenantOf(key) };
    this.#keys.set(key, place);
    const lanes: Lanes = this.#tenants.get(place.tenant) ?? new Map();
    const keys = lanes.get(place.lane) ?? new Map<string, number>();
    keys.set(key, now);
    lanes.set(place.lane, keys);
    this.#tenants.set(place.tenant, lanes);
    return place;
  }

  /** Takes out the first key whose tenant and lane are open; both then stand behind the others. */
  take(isOpen: (place: Pick<ReadyKey, 'lane' | 'tenant'>) => boolean): ReadyKey | undefined {
    for (const [tenant, lanes] of this.#tenants) {
      for (const [lane, keys] of lanes) {
        if (!isOpen({ lane, tenant })) continue;
        const [first] = keys;
        if (first === undefined) continue;
        const [key, readyAt] = first;
        keys.delete(key);
        this.#keys.delete(key);
        lanes.delete(lane);
        if (keys.size > 0) lanes.set(lane, keys);
        this.#tenants.delete(tenant);
        if (lanes.size > 0) this.#tenants.set(tenant, lanes);
        return { key, lane, tenant, readyAt };
      }
    }
    return undefined;
  }

  clear(): void {
    this.#tenants.clear();
    this.#keys.clear();
  }
}
