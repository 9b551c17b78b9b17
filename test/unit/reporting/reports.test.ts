import { describe, expect, it } from 'vitest';
import type { ImageVerdict } from '../../../src/api/image-verdict.ts';
import { VERDICTS_WORST_FIRST, type VerdictType } from '../../../src/api/verdict.ts';
import {
  contentDigest,
  OMITTED_ANNOTATION,
  PAGE_LIMITS,
  projectReport,
  type ReportedPod,
  reportPages,
  reportResults,
} from '../../../src/reporting/index.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const DIGEST = `sha256:${'a'.repeat(64)}`;

function pod(
  owner: string,
  verdict?: Partial<ImageVerdict>,
  more: { container?: string; reference?: string } = {},
): ReportedPod {
  const { container: name = 'app', reference = 'r.example.com/app:v1' } = more;
  const image = { kind: 'resolved', repository: 'r.example.com/app', digest: DIGEST } as const;
  return {
    resource: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: owner, uid: `uid-${owner}` },
    containers: [
      {
        container: { name, kind: 'container', reference, image },
        ...(verdict === undefined ? {} : { verdict: { verdict: 'Trusted', verifiedAt: NOW, ...verdict } }),
      },
    ],
  };
}

describe('the results of a report', () => {
  it.each<[VerdictType, string, string]>([
    ['Trusted', 'pass', 'info'],
    ['Revoked', 'fail', 'critical'],
    ['Untrusted', 'fail', 'high'],
    ['Unsigned', 'fail', 'high'],
    ['Expired', 'fail', 'medium'],
    ['Unknown', 'error', 'medium'],
    ['Uncovered', 'skip', 'info'],
  ])('%s is %s, severity %s', (verdict, result, severity) => {
    expect(reportResults([pod('web', { verdict })])).toMatchObject([{ result, severity, properties: { verdict } }]);
  });

  it('name policy, statement, cause, workload, image and digest', () => {
    const cause = {
      reason: 'SigningJobRevoked',
      message: 'signature x (revocation): the job was revoked',
      revoked: ['arn:1', 'arn:2'],
      since: '2026-01-31T12:00:00.000Z',
    } as const;
    const expiresAt = new Date('2027-01-01T00:00:00Z');
    const [result] = reportResults([pod('web', { verdict: 'Revoked', statement: 'acme/images', cause, expiresAt })]);
    expect(result).toEqual({
      source: 'sealwatch',
      policy: 'acme',
      rule: 'images',
      category: 'Image signatures',
      result: 'fail',
      severity: 'critical',
      scored: true,
      message: cause.message,
      resources: [pod('web').resource],
      properties: {
        verdict: 'Revoked',
        container: 'app',
        image: 'r.example.com/app:v1',
        digest: DIGEST,
        reason: 'SigningJobRevoked',
        revoked: 'arn:1 arn:2',
        expiresAt: '2027-01-01T00:00:00Z',
      },
      timestamp: { seconds: Date.parse(cause.since) / 1_000, nanos: 0 },
    });
  });

  it('are one for each container image of a workload, however many pods it has; none while there is no verdict', () => {
    const results = reportResults([
      pod('web', {}),
      pod('web', {}),
      pod('web', {}, { reference: 'r.example.com/app:v2' }),
      pod('web', {}, { container: 'sidecar' }),
      pod('api', {}),
      pod('later'),
    ]);
    expect(
      results.map(({ resources: [of], properties: { container, image } }) => `${of?.name} ${container} ${image}`),
    ).toEqual([
      'api app r.example.com/app:v1',
      'web app r.example.com/app:v1',
      'web app r.example.com/app:v2',
      'web sidecar r.example.com/app:v1',
    ]);
  });

  it('stand worst first, and in the same order whatever order pods come in', () => {
    const pods = VERDICTS_WORST_FIRST.flatMap((verdict) => [
      pod(`b-${verdict}`, { verdict }),
      pod(`a-${verdict}`, { verdict }),
    ]);
    const results = reportResults(pods);
    expect(reportResults(pods.toReversed())).toEqual(results);
    expect(results.map(({ properties: { verdict } }) => verdict)).toEqual(
      VERDICTS_WORST_FIRST.flatMap((verdict) => [verdict, verdict]),
    );
    expect(results[0]?.resources[0]?.name).toBe('a-Revoked');
  });

  it('without a TrustPolicy are of the policy sealwatch, and say why', () => {
    expect(reportResults([pod('web', { verdict: 'Uncovered' })])).toMatchObject([
      { policy: 'sealwatch', message: 'no TrustPolicy has the image in its scope' },
    ]);
  });
});

describe('the pages of a report', () => {
  /** As long as the API server lets a workload's be. */
  const many = (count: number, message: string) =>
    reportResults(
      Array.from({ length: count }, (_, i) =>
        pod(
          `${'w'.repeat(240)}-${i}`,
          {
            verdict: 'Unsigned',
            statement: `${'p'.repeat(253)}/${'s'.repeat(253)}`,
            cause: { reason: 'NoSignature', message },
          },
          { reference: 'i'.repeat(10_000) },
        ),
      ),
    );

  it('each stay below 1 MiB, and hold all that there is as long as there is room', () => {
    for (const message of ['m'.repeat(5_000), '\u{1f6d1}'.repeat(5_000), 'm']) {
      const results = many(2_000, message);
      const pages = reportPages(results);
      expect(pages.length).toBeGreaterThan(1);
      for (const page of pages) expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(1024 * 1024 - 64 * 1024);
      expect(pages.flatMap((page) => page.results)).toEqual(results);
      expect(pages[0]?.omitted).toBe(0);
    }
  });

  it('leave out what is best where there are too many, and count it', () => {
    const worst = pod('one', { verdict: 'Revoked' });
    const results = [...reportResults([worst]), ...many(12_000, 'm')];
    const pages = reportPages(results);
    expect(pages).toHaveLength(PAGE_LIMITS.maxPages);
    const held = pages.flatMap((page) => page.results).length;
    expect(held).toBeGreaterThan(3_000);
    expect(pages.map(({ omitted }) => omitted)).toEqual(pages.map(() => results.length - held));
    expect(pages[0]?.results[0]?.properties['verdict']).toBe('Revoked');
  });

  it('hold at most 1,000 results each, and their own counts', () => {
    const pods = [pod('bad', { verdict: 'Unknown' }), ...Array.from({ length: 1_500 }, (_, i) => pod(`w${i}`, {}))];
    expect(reportPages(reportResults(pods)).map(({ summary }) => summary)).toEqual([
      { pass: 999, fail: 0, warn: 0, error: 1, skip: 0 },
      { pass: 501, fail: 0, warn: 0, error: 0, skip: 0 },
    ]);
    expect(reportPages([])).toEqual([]);
  });
});

describe('what is kept of a report in the cluster', () => {
  const page = (verdict: Partial<ImageVerdict>) =>
    reportPages(reportResults([pod('web', verdict)]))[0] ?? { omitted: 0 };
  const metadata = { name: 'sealwatch', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const since = (time: string) =>
    ({ verdict: 'Unsigned', cause: { reason: 'NoSignature', message: 'm', since: time } }) as const;

  it('is the same for what was written, in whatever order the API server gives the fields', () => {
    const { omitted, ...content } = page(since('2026-01-01T00:00:00Z'));
    const reversed = JSON.parse(JSON.stringify(content), (_key, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    ) as object;
    const held = projectReport({ metadata, ...reversed } as Parameters<typeof projectReport>[0]);
    expect(held.digest).toBe(contentDigest({ ...content, omitted }));
    expect(Object.keys(held)).toEqual(['metadata', 'digest']);
  });

  it('differs with the verdict, and with what was left out, but not with the time at which a cause was first seen', () => {
    const one = contentDigest(page(since('2026-01-01T00:00:00Z')));
    expect(contentDigest(page(since('2026-02-02T00:00:00Z')))).toBe(one);
    expect(contentDigest(page({}))).not.toBe(one);
    expect(contentDigest({ ...page(since('2026-01-01T00:00:00Z')), omitted: 1 })).not.toBe(one);
    const annotated = { ...metadata, annotations: { [OMITTED_ANNOTATION]: '1' } };
    expect(projectReport({ metadata: annotated }).digest).not.toBe(projectReport({ metadata }).digest);
  });
});
