import type { ResourceType } from '../../api/group.ts';

/** `kubectl get polr` (Kubernetes Policy Working Group). */
export const POLICY_REPORTS: ResourceType = {
  group: 'wgpolicyk8s.io',
  version: 'v1alpha2',
  kind: 'PolicyReport',
  plural: 'policyreports',
  namespaced: true,
};
/** `kubectl get reps`: its successor (openreports.io), with the same fields as far as they are written here. */
export const OPEN_REPORTS: ResourceType = {
  group: 'openreports.io',
  version: 'v1alpha1',
  kind: 'Report',
  plural: 'reports',
  namespaced: true,
};

/** Of the first page; the next are `sealwatch-2`, `sealwatch-3`. */
export const REPORT_NAME = 'sealwatch';
/** Other tools keep reports too: ours are found by this label. */
export const REPORT_LABELS = { 'app.kubernetes.io/managed-by': 'sealwatch' } as const;
/** Results of a namespace that no page has room for, on each of its pages. */
export const OMITTED_ANNOTATION = 'sealwatch.dev/results-omitted';

export const RESULT_WORDS = ['pass', 'fail', 'warn', 'error', 'skip'] as const;
export type ResultWord = (typeof RESULT_WORDS)[number];
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info';

/** What a result is about: corev1.ObjectReference. */
export interface ReportedResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}

/** One entry of `results`. */
export interface ReportResult {
  readonly source: string;
  readonly policy: string;
  readonly rule?: string;
  readonly category: string;
  readonly result: ResultWord;
  readonly severity: Severity;
  readonly scored: boolean;
  readonly message: string;
  readonly resources: readonly ReportedResource[];
  readonly properties: Readonly<Record<string, string>>;
  /** When the cause began to hold. */
  readonly timestamp?: { readonly seconds: number; readonly nanos: number };
}

/** What one object says, whichever of the two APIs it is of. */
export interface ReportPage {
  readonly summary: Readonly<Record<ResultWord, number>>;
  readonly results: readonly ReportResult[];
  /** Of the whole namespace: results that no page has room for. */
  readonly omitted: number;
}

/** The name of a page, counted from 0. */
export function pageName(index: number): string {
  return index === 0 ? REPORT_NAME : `${REPORT_NAME}-${index + 1}`;
}
