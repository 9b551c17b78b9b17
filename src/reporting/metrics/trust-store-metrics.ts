import type { X509Certificate } from 'node:crypto';
import { distinguishedNameOf } from '../../notary/index.ts';
import { labelText, type MetricSet } from './metric-set.ts';

/** Many times what trust takes; bundles of whole root programs have some 150. */
const MAX_CERTIFICATES = 1_000;

/** What trust stores are read from at a scrape. */
export interface ObservedTrustStores {
  /** The certificates in force, by the name of the TrustStore that they are of. */
  readonly trustStores: () => Iterable<readonly [name: string, certificates: readonly X509Certificate[]]>;
}

/** Defines the metric of the certificates in force, read from the trust stores at each scrape. */
export function defineTrustStoreMetrics(set: MetricSet, observed: () => ObservedTrustStores | undefined): void {
  set.gauge(
    {
      name: 'sealwatch_trust_store_certificate_expiry_timestamp_seconds',
      help: 'When a certificate of a TrustStore expires, of those that expire the soonest; of one subject the first',
      labels: {
        trust_store: { what: 'name of the TrustStore', values: MAX_CERTIFICATES },
        subject: { what: 'of the certificate, cut to 512 characters', values: MAX_CERTIFICATES },
      },
      maxSets: MAX_CERTIFICATES,
    },
    (gauge) => {
      gauge.reset();
      const expiries = [...(observed()?.trustStores() ?? [])].flatMap(([store, certificates]) =>
        certificates.map((certificate) => ({ store, certificate, at: certificate.validToDate.getTime() })),
      );
      const soonest = expiries.toSorted((a, b) => a.at - b.at).slice(0, MAX_CERTIFICATES);
      // The soonest last: where two have one subject, as during a rotation, it is the one that stays.
      for (const { store, certificate, at } of soonest.toReversed())
        gauge.set({ trust_store: labelText(store), subject: labelText(distinguishedNameOf(certificate)) }, at / 1_000);
    },
  );
}
