import { setTimeout } from 'node:timers/promises';
import { ApiError, LEASES, type Lease } from '../../kubernetes/index.ts';
import { answered, type Cluster, listAll } from '../cluster-client.ts';
import type { Io } from '../io.ts';

/** Whether the operator runs, as its Lease tells. */
export interface OperatorState {
  readonly state: 'running' | 'stopped' | 'unknown';
  /** A sentence. */
  readonly message: string;
  /** `namespace/name` of each Lease that was looked at. */
  readonly leases: readonly string[];
}

/** Longer than two tries to renew (client-go's retry period is 2 s): who holds the Lease has renewed it by then. */
const WATCH_MS = 5_000;
const DEFAULT_DURATION_SECONDS = 15;

/**
 * Whether the operator runs: its Lease was renewed within its own duration. The clock here may be another than the
 * holder's (faults.md 19): where it looks old, or to come, it is read again, and a holder that lives has renewed it.
 * @param lease `namespace/name`, or a name that is looked for in every namespace
 * @throws UndeterminedError when the cluster does not answer; what it refuses is `unknown`
 */
export async function operatorState(cluster: Cluster, lease: string, io: Io): Promise<OperatorState> {
  const first = await readLeases(cluster, lease, io.signal);
  if (typeof first === 'string') return { state: 'unknown', message: first, leases: [] };
  if (first.every((one) => isFresh(one, io.clock()))) return stateOf(first, first, io.clock());
  await setTimeout(WATCH_MS, undefined, { signal: io.signal });
  const second = await readLeases(cluster, lease, io.signal);
  if (typeof second === 'string') return { state: 'unknown', message: second, leases: [] };
  return stateOf(second, first, io.clock());
}

async function readLeases(cluster: Cluster, lease: string, signal: AbortSignal): Promise<readonly Lease[] | string> {
  const slash = lease.indexOf('/');
  const [namespace, name] = slash === -1 ? [undefined, lease] : [lease.slice(0, slash), lease.slice(slash + 1)];
  const where = namespace === undefined ? 'in any namespace' : `in ${namespace}`;
  try {
    const selection = { namespace, fieldSelector: `metadata.name=${name}` };
    const leases = await listAll<Lease>(cluster.client, LEASES, signal, selection);
    if (leases.length > 0) return leases;
    return `there is no Lease ${name} ${where}: it is not installed, has another --lease-name (give --lease), or elects no leader`;
  } catch (error) {
    if (error instanceof ApiError && error.status === 403)
      return `you may not list Leases ${where}: give --lease NAMESPACE/NAME with one that you may list`;
    return answered(Promise.reject(error));
  }
}

/** What leases tell together: with several, which one watches what is shown is not known, so all must be held. */
export function stateOf(leases: readonly Lease[], before: readonly Lease[], now: Date): OperatorState {
  const names = leases.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  const isHeld = leases.map((one) => {
    const old = before.find(({ metadata }) => metadata.uid === one.metadata.uid);
    return (
      isFresh(one, now) || (old !== undefined && old.spec?.renewTime !== one.spec?.renewTime && holderOf(one) !== '')
    );
  });
  const words = leases.map((one, i) => `Lease ${names[i]} ${sentence(one, isHeld[i] === true, now)}`).join('; ');
  if (isHeld.every((held) => held)) return { state: 'running', message: words, leases: names };
  if (isHeld.some((held) => held)) {
    const advice = 'there are several, and which one watches here is not known: give --lease NAMESPACE/NAME';
    return { state: 'unknown', message: `${words}; ${advice}`, leases: names };
  }
  return { state: 'stopped', message: words, leases: names };
}

function isFresh({ spec }: Lease, now: Date): boolean {
  if (spec?.renewTime === undefined || (spec.holderIdentity ?? '') === '') return false;
  const ageMs = now.getTime() - Date.parse(spec.renewTime);
  return Math.abs(ageMs) <= (spec.leaseDurationSeconds ?? DEFAULT_DURATION_SECONDS) * 1_000;
}

function holderOf({ spec }: Lease): string {
  return spec?.holderIdentity ?? '';
}

function sentence(lease: Lease, isHeld: boolean, now: Date): string {
  const holder = holderOf(lease);
  if (holder === '') return 'is held by nobody';
  const renewTime = lease.spec?.renewTime;
  if (isHeld) return `is held by ${holder}`;
  if (renewTime === undefined) return `names ${holder}, which never renewed it`;
  return `was last renewed ${agoOf(new Date(renewTime), now)} ago, by ${holder}`;
}

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'm'],
] as const;

/** How long ago, or how far ahead, in one unit as kubectl has it: `5m`, `3h`, `12d`. */
export function agoOf(time: Date, now: Date): string {
  const seconds = Math.floor(Math.abs(now.getTime() - time.getTime()) / 1_000);
  const [size, unit] = UNITS.find(([size]) => seconds >= size * 2) ?? [1, 's'];
  return `${Math.floor(seconds / size)}${unit}`;
}
