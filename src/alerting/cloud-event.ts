import type { VerdictAlert } from './alert.ts';

/** Stays as it is for as long as `data` does. */
const TYPE = 'dev.sealwatch.verdict.changed';

/** What tells one event from all others (CloudEvents 1.0, §3.1). */
export interface EventIdentity {
  /** The same at each attempt: with `source` it tells a receiver what it has already. */
  readonly id: string;
  /** A URI reference: which operator says so. */
  readonly source: string;
  readonly time: Date;
}

/** An alert in CloudEvents' structured mode (CloudEvents 1.0, JSON format §3). */
export function cloudEvent(alert: VerdictAlert, { id, source, time }: EventIdentity): object {
  const { state, namespace, workload, image, digest, verdict, before, statement, cause } = alert;
  return {
    specversion: '1.0',
    id,
    source,
    type: TYPE,
    subject: subjectOf(alert),
    time: time.toISOString(),
    datacontenttype: 'application/json',
    data: {
      state,
      namespace,
      workload,
      image,
      ...(digest === undefined ? {} : { digest }),
      ...(verdict === undefined ? {} : { verdict }),
      ...(before === undefined ? {} : { before }),
      ...(statement === undefined ? {} : { statement }),
      ...(cause === undefined ? {} : { cause }),
    },
  };
}

/** `namespace/Kind/name` of the workload. */
export function subjectOf({ namespace, workload }: VerdictAlert): string {
  return `${namespace}/${workload.kind}/${workload.name}`;
}
