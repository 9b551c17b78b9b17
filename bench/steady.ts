import type { Bench } from './frame.ts';
import { Audit, isWrite } from './world/audit.ts';
import { cpuSecondsOf, startWorld } from './world/index.ts';

const DEFAULT_MS = 3 * 60_000;
const FIVE_MINUTES_MS = 5 * 60_000;
/** What a start leaves to be done: counts, events, the first bookmarks. */
const SETTLE_MS = 20_000;

/** What the operator costs while nothing happens, by the API server's own audit log. */
export const steady: Bench = {
  name: 'steady',
  about: 'the steady state of 1,000 pods: no write but the Lease, no LIST, few watches (--length, default 3m)',
  run: async ({ lengthMs = DEFAULT_MS, say }) => {
    const world = await startWorld({ pods: 1_000, images: 100, auditLog: true, say });
    try {
      const operator = await world.startOperator();
      try {
        await operator.verified(world.pods);
        await pause(SETTLE_MS);
        const audit = new Audit(world.plane.auditLogPath);
        await audit.begin();
        const cpuBefore = await cpuSecondsOf(operator.pid);
        say(`watching for ${lengthMs / 1000} s`);
        await pause(lengthMs);
        const cpu = (await cpuSecondsOf(operator.pid)) - cpuBefore;
        const requests = await audit.requests();
        const writes = requests.filter((request) => isWrite(request) && request.resource !== 'leases');
        const lists = requests.filter(({ verb }) => verb === 'list');
        for (const { verb, resource } of [...writes, ...lists]) say(`${verb} ${resource}`);
        const watches = new Map<string, number>();
        for (const { verb, resource } of requests)
          if (verb === 'watch') watches.set(resource, (watches.get(resource) ?? 0) + 1);
        const leases = requests.filter((request) => isWrite(request) && request.resource === 'leases').length;
        return [
          { metric: 'steady state: writes but the Lease', unit: 'writes', values: [writes.length], target: 0 },
          { metric: 'steady state: LISTs', unit: 'requests', values: [lists.length], target: 0 },
          {
            metric: 'steady state: watches reopened, most of one resource',
            unit: 'watches',
            values: [Math.max(0, ...watches.values())],
            target: Math.max(1, Math.ceil(lengthMs / FIVE_MINUTES_MS)),
          },
          { metric: 'steady state: Lease writes a minute', unit: 'writes', values: [leases / (lengthMs / 60_000)] },
          { metric: 'steady state: CPU', unit: 'ms a second', values: [(cpu / lengthMs) * 1e6] },
          { metric: 'steady state: RSS', unit: 'MiB', values: [(await operator.memory()).rss] },
        ];
      } finally {
        await operator.stop();
      }
    } finally {
      await world.stop();
    }
  },
};

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
