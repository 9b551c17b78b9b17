/** Where a key runs, and whose it is. */
export interface Place {
  readonly lane: string;
  readonly tenant: string;
}

/** So many times the concurrency may run in all lanes together: a bound on memory. */
const MAX_BUSY_LANES = 32;
/** And so many times that may wait for hosts that do not answer: they hold a connection, and little else. */
const MAX_STUCK = 3;

/** A run that holds a place. */
export interface Occupant extends Place {
  isStuck: boolean;
}

/**
 * The places in which keys run: so many of each lane, and so many of all.
 *
 * Hosts that hang must not take them all from hosts that answer (faults.md 22), nor one tenant from the others:
 * - A run that lasts long waits for somebody: it is stuck, and gives its place among all back, within a bound of its own;
 *   in its lane it still counts.
 * - Once half of the places are taken, a lane has one of them, and a tenant that has half of them gets no more.
 */
export class WorkPlaces {
  readonly #concurrency: number;
  readonly #maxActive: number;
  readonly #lanes = new Map<string, { active: number; stuck: number }>();
  readonly #tenants = new Map<string, number>();
  #active = 0;
  #stuck = 0;

  /** @param concurrency runs at once of one lane */
  constructor(concurrency: number) {
    this.#concurrency = concurrency;
    this.#maxActive = concurrency * MAX_BUSY_LANES;
  }

  /** Whether any lane could be open. */
  get hasFree(): boolean {
    return this.#active < this.#maxActive;
  }

  isOpen({ lane, tenant }: Place): boolean {
    if (!this.hasFree) return false;
    const { active, stuck } = this.#lanes.get(lane) ?? { active: 0, stuck: 0 };
    if (active + stuck >= this.#concurrency) return false;
    const isCrowded = this.#active >= this.#maxActive / 2;
    if (isCrowded && (this.#tenants.get(tenant) ?? 0) >= this.#maxActive / 2) return false;
    return !isCrowded || active === 0;
  }

  enter({ lane, tenant }: Place): Occupant {
    const counts = this.#lanes.get(lane) ?? { active: 0, stuck: 0 };
    counts.active += 1;
    this.#lanes.set(lane, counts);
    this.#tenants.set(tenant, (this.#tenants.get(tenant) ?? 0) + 1);
    this.#active += 1;
    return { lane, tenant, isStuck: false };
  }

  /** The run waits for somebody. Where too many do, it keeps its place. */
  stick(run: Occupant): void {
    const max = this.#maxActive * MAX_STUCK;
    const counts = this.#lanes.get(run.lane);
    if (run.isStuck || counts === undefined || this.#stuck >= max) return;
    run.isStuck = true;
    counts.active -= 1;
    counts.stuck += 1;
    this.#active -= 1;
    this.#stuck += 1;
    this.#leaveTenant(run.tenant);
  }

  leave(run: Occupant): void {
    const counts = this.#lanes.get(run.lane);
    if (counts === undefined) return;
    if (run.isStuck) {
      counts.stuck -= 1;
      this.#stuck -= 1;
    } else {
      counts.active -= 1;
      this.#active -= 1;
      this.#leaveTenant(run.tenant);
    }
    if (counts.active + counts.stuck === 0) this.#lanes.delete(run.lane);
  }

  #leaveTenant(tenant: string): void {
    const left = (this.#tenants.get(tenant) ?? 1) - 1;
    if (left === 0) this.#tenants.delete(tenant);
    else this.#tenants.set(tenant, left);
  }
}
