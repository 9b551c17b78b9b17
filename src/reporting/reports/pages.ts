import { createHash } from 'node:crypto';
import { canonicalJson } from '../../kubernetes/index.ts';
import { RESULT_WORDS, type ReportPage, type ReportResult, type ResultWord } from './report.ts';

/** What an object may hold, and how many a namespace may have. */
export interface PageLimits {
  /** Of `results` as JSON; etcd takes 1.5 MiB a request, and metadata with managedFields comes on top. */
  readonly maxBytes: number;
  readonly maxResults: number;
  readonly maxPages: number;
}

/** Below 1 MiB with all that is beside the results; ten pages hold 10,000 results of usual length. */
export const PAGE_LIMITS: PageLimits = { maxBytes: 900 * 1024, maxResults: 1_000, maxPages: 10 };

/**
 * Spreads results over pages in their order, so that the last ones are left out where there are too many; each page says
 * how many were. No results: no pages.
 */
export function reportPages(results: readonly ReportResult[], limits: PageLimits = PAGE_LIMITS): readonly ReportPage[] {
  const pages: ReportResult[][] = [];
  let [taken, bytes] = [0, 0];
  for (const result of results) {
    const size = Buffer.byteLength(JSON.stringify(result)) + 1;
    let page = pages.at(-1);
    if (page === undefined || page.length >= limits.maxResults || bytes + size > limits.maxBytes) {
      if (pages.length >= limits.maxPages) break;
      page = [];
      bytes = 0;
      pages.push(page);
    }
    page.push(result);
    bytes += size;
    taken += 1;
  }
  return pages.map((page) => ({ summary: summaryOf(page), results: page, omitted: results.length - taken }));
}

function summaryOf(results: readonly ReportResult[]): Readonly<Record<ResultWord, number>> {
  const summary = Object.fromEntries(RESULT_WORDS.map((word) => [word, 0])) as Record<ResultWord, number>;
  for (const { result } of results) summary[result] += 1;
  return summary;
}

/**
 * One text for all objects that say the same. Times of causes are left out: an operator that starts anew sees a cause for
 * the first time, and writes no report for that.
 */
export function contentDigest(content: {
  readonly summary?: unknown;
  readonly results?: readonly object[] | null | undefined;
  readonly omitted: number;
}): string {
  const results = (content.results ?? []).map((result) => ({ ...result, timestamp: undefined }));
  return createHash('sha256')
    .update(canonicalJson([content.summary ?? {}, results, content.omitted]))
    .digest('base64');
}
