import { Counter, type Registry } from 'prom-client';

/** What one watch has counted since the start. */
export interface WatchCounts {
  readonly resource: string;
  readonly lists: number;
  readonly watches: number;
  readonly events: number;
  readonly garbageLines: number;
}

const SERIES = [
  ['lists', 'sealwatch_watch_lists_total', 'Complete lists of a resource'],
  ['watches', 'sealwatch_watch_opened_total', 'Watches of a resource that the API server accepted'],
  ['events', 'sealwatch_watch_events_total', 'Events of a resource, bookmarks left out'],
  ['garbageLines', 'sealwatch_watch_garbage_lines_total', 'Lines of a watch that were no event: each led to a list'],
] as const;

/** Counters of watches, read at the moment of a scrape; those of one resource in several namespaces are added up. */
export function defineWatchCounters(register: Registry, counts: () => Iterable<WatchCounts>): void {
  for (const [field, name, help] of SERIES) {
    new Counter({
      name,
      help,
      labelNames: ['resource'] as const,
      registers: [register],
      collect() {
        this.reset();
        for (const each of counts()) this.inc({ resource: each.resource }, each[field]);
      },
    });
  }
}
