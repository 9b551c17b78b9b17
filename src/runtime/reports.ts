import type { ObjectKey } from '../api/object.ts';
import { REPORT_DELAY_MS, ReportController, type ReportControllerOptions } from '../controllers/report.ts';
import type { WorkQueue } from '../kubernetes/index.ts';
import type { RunningContainer } from '../workloads/index.ts';
import { namespaceOfKey } from '../workloads/index.ts';
import type { WatchedReports } from './watch.ts';

/** The reports of a term of leadership, and when each namespace's are looked at. */
export interface Reports {
  readonly controller: ReportController;
  /** A pod has other containers than before, or another verdict on one. */
  readonly touch: (pod: ObjectKey) => void;
  /** A pod came, changed or went. */
  readonly podChanged: (
    pod: ObjectKey,
    before: readonly RunningContainer[],
    now: readonly RunningContainer[] | undefined,
  ) => void;
  /** Begins to look at the reports that there are, and again whenever one of the APIs comes to be served. */
  readonly listen: (signal: AbortSignal) => Promise<void>;
}

/**
 * @param watched the APIs to write to; empty: there are no reports
 * @param queue of namespaces
 * @returns undefined: none are wanted
 */
export function createReports(
  watched: readonly WatchedReports[],
  options: Omit<ReportControllerOptions, 'targets'>,
  queue: () => WorkQueue,
): Reports | undefined {
  if (watched.length === 0) return undefined;
  const targets = watched.map(({ type, objects }) => ({
    type,
    reports: objects.store,
    isServed: () => objects.reflectors.some(({ hasSynced, state }) => hasSynced && state.phase !== 'Waiting'),
  }));
  const controller = new ReportController({ ...options, targets });
  const later = (namespace: string): void => queue().addAfter(namespace, REPORT_DELAY_MS);
  const touch = (pod: ObjectKey): void => later(namespaceOfKey(pod));
  return {
    controller,
    touch,
    podChanged: (pod, before, now) => {
      controller.podChanged(pod, now !== undefined);
      // Most of what a pod tells of itself is nothing that a report has.
      if (JSON.stringify(before) !== JSON.stringify(now ?? [])) touch(pod);
    },
    listen: async (signal) => {
      await Promise.all(
        watched.map(async ({ type, objects }) => {
          for (const { synced } of objects.reflectors) {
            synced.then(
              () => {
                if (!signal.aborted) for (const namespace of controller.namespaces()) later(namespace);
              },
              // It was never served while the process ran.
              () => undefined,
            );
          }
          await objects.listen((key, _old, now) => {
            if (controller.isForeign(type, key, now)) touch(key);
          }, signal);
        }),
      );
    },
  };
}
