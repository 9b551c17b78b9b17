import type { KubernetesObject } from '../../api/object.ts';
import { contentDigest } from './pages.ts';
import { OMITTED_ANNOTATION } from './report.ts';

/** What is kept of a report in the cluster: whether it says what it should, and no more. */
export interface HeldReport extends KubernetesObject {
  readonly digest: string;
}

interface RawReport extends KubernetesObject {
  readonly summary?: object;
  readonly results?: readonly object[] | null;
}

/** Keeps what is compared of a report; anyone may have changed it. */
export function projectReport(raw: KubernetesObject): HeldReport {
  const { metadata, summary, results } = raw as RawReport;
  const { name, namespace, uid, resourceVersion, creationTimestamp, annotations } = metadata;
  const omitted = Number(annotations?.[OMITTED_ANNOTATION] ?? 0);
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    digest: contentDigest({ summary, results: Array.isArray(results) ? results : [], omitted }),
  };
}
