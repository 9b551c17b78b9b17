import type { MetricSet } from './metric-set.ts';

const DROP_REASONS = ['full', 'refused', 'expired', 'stopped'] as const;

/** What is read of the webhook at a scrape. */
export interface ObservedAlerts {
  readonly queued: number;
}

/** The metrics of the alert webhook. */
export class AlertMetrics {
  readonly #attempts;
  readonly #dropped;
  #observed: ObservedAlerts | undefined;

  constructor(set: MetricSet) {
    this.#attempts = set.counter({
      name: 'sealwatch_webhook_requests_total',
      help: 'Attempts to deliver an alert to the webhook',
      labels: { result: { what: 'delivered, failed', values: 2 } },
    });
    this.#dropped = set.counter({
      name: 'sealwatch_webhook_alerts_dropped_total',
      help: 'Alerts that were given up: too many waited, the receiver refused them, or they could not be delivered in time',
      labels: { reason: { what: DROP_REASONS.join(', '), values: DROP_REASONS.length } },
    });
    set.gauge({ name: 'sealwatch_webhook_alerts_queued', help: 'Alerts that wait to be delivered' }, (gauge) =>
      gauge.set(this.#observed?.queued ?? 0),
    );
  }

  observe(observed: ObservedAlerts): void {
    this.#observed = observed;
    // Told from the start: an alert on a rate needs the 0 before the 1.
    for (const reason of DROP_REASONS) this.#dropped.inc({ reason }, 0);
    for (const result of ['delivered', 'failed']) this.#attempts.inc({ result }, 0);
  }

  sent(result: 'delivered' | 'failed'): void {
    this.#attempts.inc({ result });
  }

  dropped(reason: (typeof DROP_REASONS)[number]): void {
    this.#dropped.inc({ reason });
  }
}
