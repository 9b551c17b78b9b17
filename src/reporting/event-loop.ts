import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

/** The timer whose lateness is measured; its own length is part of what the histogram says. */
const RESOLUTION_MS = 10;

/**
 * The longest time that the event loop stood still since the metrics were made. The default metrics of the same name
 * begin anew at each scrape, so that whoever scrapes second sees nothing of a stall.
 */
export function defineLongestStall(registers: Registry[]): void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  new Gauge({
    name: 'sealwatch_event_loop_longest_stall_seconds',
    help: 'The longest time that the event loop stood still since the start',
    registers,
    collect() {
      this.set(Math.max(delay.max / 1e6 - RESOLUTION_MS, 0) / 1_000);
    },
  });
}
