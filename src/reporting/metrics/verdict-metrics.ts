import type { ImageVerdict } from '../../api/image-verdict.ts';
import { VERDICTS_WORST_FIRST, type VerdictType } from '../../api/verdict.ts';
import { labelText, type MetricSet } from './metric-set.ts';

/** The soonest of these are told one by one. */
const MAX_EXPIRIES = 5_000;

/** What verdicts are read from at a scrape. */
export interface ObservedVerdicts {
  /** By `repository@digest`. */
  readonly verdicts: () => Iterable<readonly [string, ImageVerdict]>;
  readonly sweepLagMs: () => number;
}

/** The metrics of verification and of how old what it found is. */
export class VerdictMetrics {
  readonly #verifications;
  readonly #seconds;
  readonly #revocationChecks;

  constructor(set: MetricSet, observed: () => ObservedVerdicts | undefined) {
    const verdict = { what: VERDICTS_WORST_FIRST.join(', '), values: VERDICTS_WORST_FIRST.length };
    this.#verifications = set.counter({
      name: 'sealwatch_verifications_total',
      help: 'Verifications of images, of those that run and those that requests name',
      labels: { verdict },
    });
    this.#seconds = set.histogram({
      name: 'sealwatch_verification_duration_seconds',
      help: 'Time to verify one image, with all its requests to registries and others',
    });
    this.#revocationChecks = set.counter({
      name: 'sealwatch_revocation_checks_total',
      help: 'Questions of the revocation sweep to AWS Signer',
      labels: { result: { what: 'good, revoked, unknown, throttled', values: 4 } },
    });
    set.gauge(
      { name: 'sealwatch_revocation_sweep_lag_seconds', help: 'How late the most overdue revocation check is' },
      (gauge) => gauge.set((observed()?.sweepLagMs() ?? 0) / 1_000),
    );
    const expiring = (): readonly (readonly [string, Date])[] =>
      [...(observed()?.verdicts() ?? [])].flatMap(([key, { expiresAt }]) =>
        expiresAt === undefined ? [] : [[key, expiresAt] as const],
      );
    set.gauge(
      {
        name: 'sealwatch_image_signature_expiry_timestamp_seconds',
        help: 'When the signature that decided the verdict on an image expires, of those that expire the soonest',
        labels: {
          image: { what: 'the repository, cut to 512 characters', values: MAX_EXPIRIES },
          digest: { what: 'of the image', values: MAX_EXPIRIES },
        },
        maxSets: MAX_EXPIRIES,
      },
      (gauge) => {
        gauge.reset();
        let told = expiring();
        if (told.length > MAX_EXPIRIES)
          told = told.toSorted(([, a], [, b]) => a.getTime() - b.getTime()).slice(0, MAX_EXPIRIES);
        for (const [key, expiresAt] of told) {
          const at = key.lastIndexOf('@');
          const labels = { image: labelText(key.slice(0, at)), digest: labelText(key.slice(at + 1)) };
          gauge.set(labels, expiresAt.getTime() / 1_000);
        }
      },
    );
    set.gauge(
      {
        name: 'sealwatch_image_signature_expiries_omitted',
        help: `Images beyond the ${MAX_EXPIRIES} of sealwatch_image_signature_expiry_timestamp_seconds`,
      },
      (gauge) => gauge.set(Math.max(0, expiring().length - MAX_EXPIRIES)),
    );
    set.gauge({ name: 'sealwatch_oldest_verdict_age_seconds', help: 'Age of the oldest verdict' }, (gauge) => {
      const now = Date.now();
      let oldest = now;
      for (const [, { verifiedAt }] of observed()?.verdicts() ?? []) oldest = Math.min(oldest, verifiedAt.getTime());
      gauge.set((now - oldest) / 1_000);
    });
  }

  verified(verdict: VerdictType, durationMs: number): void {
    this.#verifications.inc({ verdict });
    this.#seconds.observe(durationMs / 1_000);
  }

  revocationCheck(result: string): void {
    this.#revocationChecks.inc({ result });
  }
}
